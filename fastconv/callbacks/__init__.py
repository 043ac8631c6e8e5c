"""Callbacks: objects that follow training, and can stop it, save it or report its progress."""

from fastconv.callbacks.averages import SwapEMAWeights
from fastconv.callbacks.backup import BackupAndRestore
from fastconv.callbacks.callback import Callback
from fastconv.callbacks.callback_list import CallbackList
from fastconv.callbacks.checkpoint import ModelCheckpoint
from fastconv.callbacks.csv_logger import CSVLogger
from fastconv.callbacks.early_stopping import EarlyStopping, TerminateOnNaN
from fastconv.callbacks.history import History, ProgbarLogger
from fastconv.callbacks.lambda_callback import LambdaCallback
from fastconv.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from fastconv.callbacks.tensorboard import TensorBoard

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TensorBoard",
    "TerminateOnNaN",
]
