"""Train, get killed, and resume: ``python resumed_training.py FOLDER MODE KILL_AT``.

MODE is the save_freq, with a suffix "-generator", "-steps", "-eager" or "-double" for other ways to train. The process
kills itself at the KILL_AT-th moment around the writing of backups, or never if KILL_AT is 0. It writes weights and
history into FOLDER.
"""

import itertools
import os
import signal
import sys
from pathlib import Path

import numpy as np

from fastconv import Sequential, callbacks, layers, optimizers, random, utils
from fastconv.utils import files

folder, mode, kill_at = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
save_freq, _, method = mode.partition("-")
moments = itertools.count(1)


def moment():
    if next(moments) == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)


class Cut:
    """A file whose write may end the process after half of the data."""

    def __init__(self, path, mode):
        self.file = open(path, mode)  # noqa: SIM115

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.file.close()

    def write(self, content):
        self.file.write(content[: len(content) // 2])
        self.file.flush()
        moment()
        self.file.write(content[len(content) // 2 :])

    def flush(self):
        self.file.flush()
        moment()

    def fileno(self):
        return self.file.fileno()


def replace(*paths, really=os.replace):
    moment()
    really(*paths)
    moment()


files.open = Cut
os.replace = replace

utils.set_random_seed(5)
rng = np.random.default_rng(0)
x, y = rng.normal(size=(30, 6, 6, 1)).astype("float32"), rng.integers(0, 3, 30)
model = Sequential(
    [
        layers.Input((6, 6, 1)),
        layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.Dropout(0.4),
        layers.Lambda(lambda x: x * random.uniform((1, 4, 4, 4), 0.9, 1.1)),
        layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ]
)
model.compile(
    optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=method == "eager"
)


class Batches(utils.PyDataset):
    """Batches that are shuffled by a generator of their own after every epoch, as scripts do."""

    def __init__(self):
        super().__init__()
        self.order = np.arange(24)

    def __len__(self):
        return 3

    def __getitem__(self, index):
        rows = self.order[8 * index : 8 * index + 8]
        return x[rows] + np.random.normal(size=(8, 6, 6, 1)), y[rows]  # noqa: NPY002

    def on_epoch_end(self):
        np.random.shuffle(self.order)  # noqa: NPY002


def begun(epoch, logs):
    print("epoch", epoch, flush=True)


todo = [
    callbacks.BackupAndRestore(
        folder / "backup", int(save_freq) if save_freq.isdigit() else save_freq, method == "double"
    ),
    callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
    callbacks.ReduceLROnPlateau("val_loss", patience=1, min_delta=0.5),
    callbacks.EarlyStopping("val_loss", patience=3, restore_best_weights=True),
    callbacks.LambdaCallback(on_epoch_begin=begun),
]
if method == "generator":
    data = {"x": Batches(), "validation_data": (x[24:], y[24:])}
elif method == "steps":
    shuffled = utils.Dataset.from_tensor_slices((x[:24], y[:24])).shuffle(10).batch(7)
    data = {"x": shuffled, "steps_per_epoch": 3, "validation_data": (x[24:], y[24:])}
else:
    data = {"x": x, "y": y, "batch_size": 8, "validation_split": 0.2}
history = model.fit(**data, epochs=5, callbacks=todo, verbose=0)
names = sorted(history.history)
np.savez(
    folder / "result.npz",
    *model.get_weights(),
    *(v.value for v in model.optimizer.variables),
    *(history.history[name] for name in names),
    np.array(history.epoch),
)
assert not (folder / "backup").exists()
