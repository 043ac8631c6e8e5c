"""Lines of public scripts for Keras 2 and 3, which must run with the import changed."""

from __future__ import annotations

import pytest

IMPORTS = """
import fastconv.backend as K
import fastconv.layers as layers
from fastconv import backend as K, initializers, layers, losses, metrics, models, ops, optimizers, regularizers, utils
from fastconv.callbacks import CSVLogger, EarlyStopping, LearningRateScheduler, ModelCheckpoint, TensorBoard
from fastconv.datasets import cifar10, cifar100, fashion_mnist, mnist
from fastconv.layers import Activation, AvgPool2D, BatchNormalization, Convolution2D, GlobalAvgPool2D, MaxPool2D
from fastconv.layers import add, concatenate, multiply
from fastconv import Initializer, Loss, Metric, Optimizer, Regularizer
from fastconv.models import Model, Sequential, clone_model, load_model, model_from_json
from fastconv.optimizers import SGD, Adadelta, Adagrad, Adam, AdamW, RMSprop
from fastconv.optimizers.schedules import ExponentialDecay
from fastconv.preprocessing import image_dataset_from_directory
from fastconv.preprocessing.image import ImageDataGenerator, array_to_img, img_to_array, load_img
from fastconv.regularizers import l1, l1_l2, l2
from fastconv.utils import CustomObjectScope, get_registered_name, get_registered_object
from fastconv.utils import Progbar, get_file, plot_model, set_random_seed, to_categorical
"""

USES = """
keras.optimizers.SGD(lr=0.1, decay=1e-6, momentum=0.9, nesterov=True)
keras.optimizers.RMSprop(lr=0.1, decay=1e-6)
keras.optimizers.get('RMSprop')
keras.layers.Dense(3, input_dim=4)
keras.layers.Conv2D(8, (3, 3), padding='SAME', input_shape=(8, 8, 1), kernel_regularizer=keras.regularizers.l2(1e-4))
keras.layers.LeakyReLU(alpha=0.2)
keras.layers.Conv2D(3, 3, kernel_initializer=keras.initializers.he_normal())
keras.callbacks.ModelCheckpoint('best.h5', monitor='val_acc', save_best_only=True, mode='auto', period=1, verbose=1)
keras.metrics.IoU(num_classes=2, target_class_ids=[1], sparse_y_true=True, sparse_y_pred=True)
keras.losses.SparseCategoricalCrossentropy(from_logits=True)
keras.initializers.serialize(keras.initializers.get('he_normal'))
keras.backend.set_image_data_format(keras.backend.image_data_format())
keras.backend.sum(keras.backend.square(keras.backend.cast([1, 2], 'float32')), axis=-1, keepdims=True)
keras.Model(inputs=(i := keras.Input(shape=(8,), dtype='float32')), outputs=keras.ops.relu(i + 1) * 2.0 - i / 3)
keras.Sequential([keras.layers.Lambda(abs, output_shape=(4,), input_shape=(4,))]).summary(line_length=80)
(m := keras.Sequential([keras.Input((2,))])).save('m.npz'); keras.models.load_model('m.npz', safe_mode=False)
"""


def lines(text):
    return [line for line in text.splitlines() if line]


@pytest.mark.parametrize("line", lines(IMPORTS))
def test_an_import(line):
    exec(line, {})


@pytest.mark.parametrize("line", lines(USES))
def test_a_use(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec("import fastconv as keras\n" + line, {})
