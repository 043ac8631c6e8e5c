"""The CNN tab: LeNet-5 learns real digits, and shows what it computes for a drawing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np

import fastconv.datasets.digits as digits
import fastconv.playground.fields as fields
from fastconv.playground.drawings import Drawing, as_strokes, enlarge, scan_of
from fastconv.playground.lenet import KINDS, NAMES, STAGES, LeNet, Window, receptive_field
from fastconv.playground.messages import Message
from fastconv.playground.tab import Action, Push, TrainingTab
from fastconv.typing import Array

BATCH = 32
STEPS_OF_A_PASS = 1438 // BATCH
STEPS_OF_A_POINT = 9  # between two points of the curves
MOST_PASSES = 100  # training pauses here, so that a forgotten page computes nothing
RATES = (0.0001, 0.01)  # least and greatest


class Data(NamedTuple):
    """The scans, and the images (N, 32, 32, 1) made of them."""

    train: Array
    train_labels: Array
    test: Array
    test_labels: Array
    test_scans: Array


@cache
def data() -> Data:
    """Return the data set, which all sessions share."""
    (train, train_labels), (test, test_labels) = digits.load_data()
    return Data(enlarge(train), train_labels, enlarge(test), test_labels, test)


class Pixel(NamedTuple):
    """A pixel of a map."""

    layer: str
    channel: int
    row: int
    column: int


class Digits(TrainingTab):
    """The CNN tab of one student."""

    name = "digits"

    def __init__(self, push: Push) -> None:
        super().__init__(push)
        self._random = np.random.default_rng()
        self._kind, self._rate = "relu", 0.001
        self._net: LeNet | None = None  # built when the tab is first shown
        self._index: int | None = 0  # of the test scan on screen; None for a drawing
        self._drawing = Drawing(np.zeros((8, 8)), np.eye(2), np.zeros(2))
        self._pixel: Pixel | None = None
        self._class: int | None = None  # whose gradient is shown

    def actions(self) -> Mapping[str, Action]:
        own = {"state": self.state, "reset": self.reset, "draw": self.draw, "scan": self.scan}
        return {**super().actions(), **own, "mistake": self.mistake, "select": self.select, "gradient": self.gradient}

    # ---- messages ----------------------------------------------------------------------------------------------------

    def state(self, message: Message) -> Message:
        """Pause, and return the whole state, which the page asks for when it opens the tab.

        A page that was loaded again will not answer the frames that the former page has received.
        """
        self.pause()
        net = self._started()
        picture = self._picture()
        before = {f"before/{name}": kernel for name, kernel in self._before.items()}
        facts = {"kind": self._kind, "rate": self._rate, "playing": self.playing, "curve": self._curve}
        sizes = {stage.name: stage.shape for stage in STAGES}
        more = {"stages": sizes, "activation": net.activation, "pooling": net.pooling, "tests": len(data().test)}
        return Message({**picture.fields, **facts, **more, "type": "state"}, {**picture.arrays, **before})

    def reset(self, message: Message) -> Message:
        """Begin again with new weights: fields "kind" and "rate"."""
        kind, rate = (message.fields.get(name) for name in ("kind", "rate"))
        kind, rate = fields.choice("kind", kind, KINDS), fields.number("rate", rate, *RATES)
        self.push(self.pause())
        self._kind, self._rate, self._net = kind, rate, None
        return self.state(message)

    def draw(self, message: Message) -> Message:
        """Show the net a drawing: field "strokes"."""
        self._drawing = scan_of(as_strokes(message.fields.get("strokes")))
        self._index = None
        return self._picture()

    def scan(self, message: Message) -> Message:
        """Show the net a scan of the test set: field "index"."""
        self._index = fields.integer("index", message.fields.get("index"), 0, len(data().test) - 1)
        return self._picture()

    def mistake(self, message: Message) -> Message:
        """Show the next scan of the test set that the net misreads."""
        wrong = np.flatnonzero(self._started().labels(data().test) != data().test_labels)
        if not len(wrong):
            raise ValueError("All scans of the test set are read correctly.")
        later = wrong[wrong > (-1 if self._index is None else self._index)]
        self._index = int(later[0] if len(later) else wrong[0])
        return self._picture()

    def select(self, message: Message) -> Message:
        """Show how a pixel is computed: fields "layer", "channel", "row", "column"; nothing if "layer" is null."""
        values = [message.fields.get(name) for name in Pixel._fields]
        self._pixel = None if values[0] is None else _pixel(*values)
        return self._picture()

    def gradient(self, message: Message) -> Message:
        """Show the gradient of a class's score: field "class"; no gradient if it is null."""
        number = message.fields.get("class")
        self._class = None if number is None else fields.integer("class", number, 0, 9)
        return self._picture()

    # ---- training ----------------------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Train on a batch."""
        net = self._started()
        if self._step % STEPS_OF_A_PASS == 0:
            self._order = self._random.permutation(len(data().train))
        first = self._step % STEPS_OF_A_PASS * BATCH
        batch = self._order[first : first + BATCH]
        net.train(data().train[batch], data().train_labels[batch])
        self._step += 1
        if self._step % STEPS_OF_A_POINT == 0:
            self._curve.append(self._point())
        if self._step >= MOST_PASSES * STEPS_OF_A_PASS and self.playing:
            self.push(self.pause())

    def frame(self) -> Message:
        picture = self._picture()
        return Message({**picture.fields, "type": "frame", "point": self._curve[-1]}, picture.arrays)

    def _started(self) -> LeNet:
        if self._net is None:
            self._net = LeNet(self._kind, self._rate, int(self._random.integers(2**30)))
            self._before = self._net.kernels()
            self._step = 0
            self._curve = [self._point()]
        return self._net

    def _point(self) -> list[float]:
        """Return passes, loss and accuracy on training scans, loss and accuracy on the test scans."""
        net = self._started()
        test = net.evaluate(data().test, data().test_labels)
        known = slice(len(data().test))  # as many training scans
        train = net.evaluate(data().train[known], data().train_labels[known])
        return [round(number, 5) for number in (self._step / STEPS_OF_A_PASS, *train, *test)]

    # ---- the picture -------------------------------------------------------------------------------------------------

    def _picture(self) -> Message:
        """Return the maps of the picture on screen, and the gradients and the computation that are asked for."""
        net = self._started()
        scan = self._drawing.scan if self._index is None else data().test_scans[self._index]
        image = enlarge(scan[None])[0] if self._index is None else data().test[self._index]
        maps = net.maps(image)
        arrays = {"scan": scan.astype(np.float32), **maps}
        arrays.update({f"kernel/{name}": kernel for name, kernel in net.kernels().items()})
        if self._class is not None:
            found = net.gradients(image, self._class)
            arrays.update({f"gradient/{name}": gradient for name, gradient in found.items()})
        facts = {"type": "picture", "step": self._step, "class": self._class, **self._source()}
        if self._pixel is not None:
            window = net.window(maps, *self._pixel)
            facts["window"] = {**self._pixel._asdict(), **_facts(self._pixel, window)}
            arrays.update(_arrays(window))
        return Message(facts, arrays)

    def _source(self) -> dict[str, Any]:
        """Return the number and label of the test scan, or the place of the drawing on its canvas."""
        if self._index is not None:
            return {"index": self._index, "label": int(data().test_labels[self._index])}
        place = np.column_stack([self._drawing.matrix, self._drawing.offset])
        return {"index": None, "label": None, "place": place.tolist()}


def _pixel(layer: Any, channel: Any, row: Any, column: Any) -> Pixel:
    """Return the pixel that a message names, checked."""
    layer = fields.choice("layer", layer, NAMES[1:])
    shape = STAGES[NAMES.index(layer)].shape
    channel = fields.integer("channel", channel, 0, shape[-1] - 1)
    if len(shape) == 1:
        return Pixel(layer, channel, 0, 0)
    row, column = fields.integer("row", row, 0, shape[0] - 1), fields.integer("column", column, 0, shape[1] - 1)
    return Pixel(layer, channel, row, column)


def _facts(pixel: Pixel, window: Window) -> dict[str, Any]:
    index = NAMES.index(pixel.layer)
    total = None if window.products is None else float(np.sum(window.products, dtype=float))
    field = receptive_field(index, pixel.row, pixel.column)
    facts = {"kind": STAGES[index].kind, "bias": window.bias, "sum": total, "value": window.value}
    return {**facts, "before": NAMES[index - 1], "box": window.box, "field": field}


def _arrays(window: Window) -> dict[str, Array]:
    arrays = {"inputs": window.inputs, "weights": window.kernel, "products": window.products}
    return {f"window/{name}": array for name, array in arrays.items() if array is not None}
