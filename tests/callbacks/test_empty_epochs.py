"""Epochs without a batch have a loss of NaN, which is never the best value."""

import csv
import math

import numpy as np
import pytest

from fastconv import Input, Sequential, callbacks, layers
from fastconv.utils import PyDataset

X, Y = np.ones((4, 2), "float32"), np.full((4, 1), 5.0, "float32")

pytestmark = pytest.mark.filterwarnings("ignore:.*gave no batch", "ignore:The data ended")


class TwoEpochs(PyDataset):
    """Batches that exist only in the first two epochs."""

    def __init__(self):
        super().__init__()
        self.epoch = 0

    def __len__(self):
        return 1 if self.epoch < 2 else 0

    def __getitem__(self, index):
        return X, Y

    def on_epoch_end(self):
        self.epoch += 1


class TwoPasses:
    """Batches that exist only in the first two passes."""

    passes = 0

    def __iter__(self):
        self.passes += 1
        return iter([(X, Y)] if self.passes <= 2 else [])


def two_batches():
    yield X, Y
    yield X, Y


def a_model(**how):
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"], **how)
    return model


def fits(todo, epochs=4):
    """Return the reports of training with data that ends and with validation data that ends."""
    yield a_model().fit(TwoPasses(), epochs=epochs, verbose=0, callbacks=todo("loss")).history
    yield a_model().fit(two_batches(), epochs=epochs, steps_per_epoch=1, verbose=0, callbacks=todo("loss")).history
    validated = a_model().fit(X, Y, epochs=epochs, validation_data=TwoPasses(), verbose=0, callbacks=todo("val_loss"))
    yield {name.removeprefix("val_"): values for name, values in validated.history.items() if "val_" in name}


def test_the_loss_is_nan():
    for history in fits(lambda monitor: []):
        for name in ("loss", "mae"):
            first, second, *others = history[name]
            assert first > second > 0, name
            assert len(others) == 2
            assert all(map(math.isnan, others))


def test_evaluation_of_no_batches_is_nan():
    model = a_model()
    model.fit(X, Y, verbose=0)
    with pytest.warns(UserWarning, match="gave no batch"):
        found = model.evaluate(iter([]), return_dict=True)
    assert set(found) == {"loss", "mae"}
    assert all(map(math.isnan, found.values()))
    with pytest.warns(UserWarning, match="gave no batch"):
        assert math.isnan(a_model().fit(iter([]), verbose=0).history["loss"][0])


def test_nan_is_never_the_best_loss(tmp_path):
    made = []

    def todo(monitor):
        made.append(
            [
                callbacks.EarlyStopping(monitor, patience=2, restore_best_weights=True),
                callbacks.ModelCheckpoint(tmp_path / "{epoch}.npz", monitor, save_best_only=True),
                callbacks.ReduceLROnPlateau(monitor, patience=1, factor=0.5),
                callbacks.CSVLogger(tmp_path / "log.csv"),
            ]
        )
        return made[-1]

    for history in fits(todo, epochs=5):
        stopping, checkpoint, plateau, _ = made[-1]
        assert stopping.best_epoch == 1
        assert stopping.stopped_epoch == 3
        assert stopping.best == checkpoint.best == plateau.best == history["loss"][1]
        assert sorted(path.stem for path in tmp_path.glob("*.npz")) == ["1", "2"]
        with open(tmp_path / "log.csv", newline="") as file:
            assert len(list(csv.DictReader(file))) == 4


def test_nan_is_never_the_best_of_an_array_valued_metric():
    from fastconv import metrics

    model = Sequential([Input((2,)), layers.Dense(3, "softmax")])
    model.compile("sgd", "mse", metrics=[metrics.F1Score()])
    model.fit(X, np.eye(4, 3), verbose=0)
    with pytest.warns(UserWarning, match="gave no batch"):
        found = model.evaluate(iter([]), return_dict=True)
    assert np.isnan(found["f1_score"]).tolist() == [True] * 3
