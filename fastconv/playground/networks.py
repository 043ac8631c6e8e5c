"""The Networks tab: small dense nets on points of the plane."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from fastconv.playground import fields, links
from fastconv.playground.curves import Curves
from fastconv.playground.messages import Message
from fastconv.playground.net import Net, features_of
from fastconv.playground.points import CLASSIFICATION, REGRESSION, chosen, draw
from fastconv.playground.script import script
from fastconv.playground.settings import FEATURES, LARGEST_SEED, LARGEST_WEIGHTS_SEED, Settings
from fastconv.playground.tab import Action, Push, TrainingTab
from fastconv.typing import Array

GRID = 96  # pixels of a side of the map of the net's output
EVERY = 3  # of these pixels, each third is in the maps of neurons
SIDE = 6.0  # maps show the plane between -6 and 6
DATA = {"problem", "dataset", "reg_dataset", "noise", "train_percent", "seed"}
LARGEST_WEIGHT = 100  # set by hand
LIVE = {"learning_rate", "batch_size", "show_test", "discretize"}  # settings that keep the weights


@cache
def grid() -> Array:
    """Return the points (GRID * GRID, 2) of the pixels of a map, row by row from the top."""
    centers = (np.arange(GRID) + 0.5) / GRID * 2 * SIDE - SIDE
    x1, x2 = np.meshgrid(centers, -centers)
    return np.stack([x1.ravel(), x2.ravel()], axis=1).astype(np.float32)


def as_bytes(values: Array) -> Array:
    """Return values between -1 and 1 as bytes between 0 and 255; values outside count as the nearest of these."""
    return np.rint(np.clip(np.nan_to_num(values), -1, 1) * 127.5 + 127.5).astype(np.uint8)


class Networks(TrainingTab):
    """The Networks tab of one student."""

    name = "networks"

    def __init__(self, push: Push) -> None:
        super().__init__(push)
        self.settings = Settings()
        self._new_data()

    def actions(self) -> Mapping[str, Action]:
        return {
            **super().actions(),
            "state": self.state,
            "open": self.open,
            "set": self.set,
            "reset": self.reset,
            "regenerate": self.regenerate,
            "edit": self.edit,
            "script": self.script,
        }

    def state(self, message: Message | None = None) -> Message:
        """Return the whole state, which the page asks for when it opens the tab."""
        frame = self.frame()
        known = {"type": "state", "settings": self.settings.as_dict(), "link": links.write(self.settings)}
        arrays = {"points": self._points(), "features": _maps_of_features(), "samples": _samples(), **frame.arrays}
        return Message({**frame.fields, **known, "playing": self.playing}, arrays)

    def open(self, message: Message) -> Message:
        """Open a link; if it is the link of the net on the screen, the net continues."""
        settings = links.read(fields.text("link", message.fields.get("link"), links.LONGEST))
        if settings != self.settings:
            self.pause()
            self.settings = settings
            self._new_data()
        return self.state()

    def set(self, message: Message) -> Message:
        """Change some settings, given as "changes"; train anew if the net or its data changes."""
        before = self.settings
        self.settings = before.changed(message.fields.get("changes"))
        changed = {name for name, value in self.settings.as_dict().items() if value != before.as_dict()[name]}
        if changed & DATA:
            self._new_data()
        elif changed - LIVE:
            self._new_net()
        self.net.model.optimizer.learning_rate = self.settings.learning_rate
        return self.state()

    def reset(self, message: Message | None = None) -> Message:
        """Pause, and begin again with other initial weights."""
        self.pause()
        self.settings = self.settings.changed({"weights_seed": (self.settings.weights_seed + 1) % LARGEST_WEIGHTS_SEED})
        self._new_net()
        return self.state()

    def regenerate(self, message: Message | None = None) -> Message:
        """Draw other points."""
        self.settings = self.settings.changed({"seed": (self.settings.seed + 1) % LARGEST_SEED})
        self._new_data()
        return self.state()

    def script(self, message: Message | None = None) -> Message:
        """Return the Keras script of the net."""
        return Message({"type": "script", "script": script(self.settings, self.passes, self.edited)})

    def edit(self, message: Message) -> Message:
        """Set a weight or bias by hand."""
        value = fields.number("value", message.fields.get("value"), -LARGEST_WEIGHT, LARGEST_WEIGHT)
        layer, unit, piece = (
            fields.integer(name, message.fields.get(name), 0, 99) for name in ("layer", "unit", "piece")
        )
        source = message.fields.get("source")
        source = source if source is None else fields.integer("source", source, 0, 99)
        try:
            self.net.set_weight(layer, unit, piece, source, value)
        except IndexError:
            raise ValueError(f"edit: the net has no such weight. Received: {layer=}, {unit=}, {source=}") from None
        self.edited = True
        self._evaluate()
        return self.frame()

    def advance(self) -> None:
        """Train for one pass over the training points."""
        with np.errstate(all="ignore"):  # large learning rates let weights overflow
            self.net.train(self.train_x, self.train_y, self.settings.batch_size)
        self.passes += 1
        self._evaluate()

    def frame(self) -> Message:
        """Return losses, weights, and maps of all neurons."""
        arrays = {"output": self._output, "neurons": self._neurons, "curves": self.curves.array()}
        for number, (kernel, bias) in enumerate(self.net.weights()):
            arrays[f"kernel{number}"], arrays[f"bias{number}"] = kernel, bias
        fields = {"type": "frame", "passes": self.passes}
        losses = {"train_loss": self.train_loss, "test_loss": self.test_loss}
        accuracies = {"train_accuracy": self.train_accuracy, "test_accuracy": self.test_accuracy}
        return Message({**fields, **losses, **accuracies}, arrays)

    def _new_data(self) -> None:
        """Draw the points of the settings, and begin with a new net."""
        s = self.settings
        data_set, count = chosen(s.problem, s.dataset, s.reg_dataset)
        self._data = draw(data_set, count, s.noise / 100, s.train_percent / 100, s.seed)
        self._new_net()

    def _new_net(self) -> None:
        features = self.settings.features
        train_points, self.train_y, test_points, self.test_y = self._data
        self.train_x = features_of(train_points, features)
        self._x = np.concatenate([features_of(grid(), features), self.train_x, features_of(test_points, features)])
        self.net = Net(self.settings)
        self.passes = 0
        self.edited = False
        self.curves = Curves()
        self._evaluate()

    def _evaluate(self) -> None:
        """Compute maps, losses and accuracies, all by one prediction."""
        with np.errstate(all="ignore"):
            outputs = self.net.outputs(self._x)
            predicted, values = outputs[GRID * GRID :, -1:], np.concatenate([self.train_y, self.test_y])
            squares = (predicted - values) ** 2 / 2
        pixels = outputs[: GRID * GRID].reshape(GRID, GRID, -1)
        self._output = as_bytes(pixels[..., -1])
        self._neurons = as_bytes(pixels[1::EVERY, 1::EVERY, :-1].transpose(2, 0, 1))
        self.train_loss = _finite(squares[: len(self.train_y)].mean())
        self.test_loss = _finite(squares[len(self.train_y) :].mean())
        self.train_accuracy, self.test_accuracy = self._accuracies(predicted * values > 0)
        self.curves.add(self.passes, self.train_loss, self.test_loss)

    def _accuracies(self, is_right: Array) -> tuple[float | None, float | None]:
        """Return the shares of training and test points whose class is predicted; None for regression."""
        if self.settings.problem != "classification":
            return None, None
        count = len(self.train_y)
        return float(is_right[:count].mean()), float(is_right[count:].mean())

    def _points(self) -> Array:
        """Return coordinates, value and membership of the test set (0 or 1) of each point, (N, 4)."""
        train_points, train_y, test_points, test_y = self._data
        train = np.column_stack([train_points, train_y, np.zeros_like(train_y)])
        return np.concatenate([train, np.column_stack([test_points, test_y, np.ones_like(test_y)])])


def _finite(value: Any) -> float:
    """Return a number that JSON can hold: the loss of a net whose weights have overflowed counts as 1e9."""
    return float(value) if math.isfinite(value) else 1e9


@cache
def _maps_of_features() -> Array:
    """Return a small map of each feature."""
    maps = as_bytes(features_of(grid(), tuple(FEATURES))).reshape(GRID, GRID, -1)
    return maps[1::EVERY, 1::EVERY].transpose(2, 0, 1)


@cache
def _samples() -> Array:
    """Return some points of each data set, as in `Networks._points`: (data sets, 150, 4)."""
    kinds = {**CLASSIFICATION, **REGRESSION}.values()
    drawn = [np.column_stack(data_set(np.random.default_rng(0), 150, 0)) for data_set in kinds]
    return np.stack([np.column_stack([each, np.zeros(len(each))]) for each in drawn]).astype(np.float32)
