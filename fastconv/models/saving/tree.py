"""Where Keras 3 keeps the variables of each layer in model.weights.h5.

A layer's variables are at ``<path>/vars/0``, 1, ..., the trained ones first. The path names attributes:
``encoder/conv`` for the layer ``model.encoder.conv``. In lists, dicts and among the layers of a `Sequential` or drawn
model, a layer is named after its class, with a number where it is not the first: ``layers/conv2d_1``. A layer that is
held more than once is at the first place alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from fastconv.engine import Variable
from fastconv.layers.base import Layer
from fastconv.models.functional import Functional
from fastconv.models.model import Model
from fastconv.models.saving.names import distinct
from fastconv.models.sequential import Sequential
from fastconv.random import SeedGenerator
from fastconv.serialization import snake_case


def places(model: Layer) -> dict[str, Layer]:
    """The layers by their paths, the model's own being empty."""
    found: dict[str, Layer] = {}
    _visit(model, "", found, set())
    return found


def own_variables(layer: Layer) -> list[Variable]:
    """What is in ``vars``."""
    return sorted(
        (v for v in layer._own_variables() if not isinstance(v, SeedGenerator)), key=lambda v: not v.trainable
    )


def seeds(layer: Layer) -> list[Variable]:
    """What a random layer draws from, which Keras has no place for: it is in ``seed_state``, for fastconv to go on."""
    return [v for v in layer._own_variables() if isinstance(v, SeedGenerator)]


def joined(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _visit(layer: Layer, path: str, found: dict[str, Layer], seen: set[Layer]) -> None:
    if layer in seen:
        return
    seen.add(layer)
    found[path] = layer
    attributes = [*_attributes(layer)]
    for name, (_, held) in zip(distinct(name for name, _ in attributes), attributes):
        if isinstance(held, Layer):
            _visit(held, joined(path, name), found, seen)
        elif isinstance(held, (list, tuple, dict)):
            _visit_all(held, joined(path, name), found, seen)


def _visit_all(container: Any, path: str, found: dict[str, Layer], seen: set[Layer]) -> None:
    for name, held in numbered(container.values() if isinstance(container, dict) else container):
        if isinstance(held, Layer):
            _visit(held, joined(path, name), found, seen)
        else:
            _visit_all(held, joined(path, name), found, seen)


def _attributes(layer: Layer) -> Iterator[tuple[str, Any]]:
    """What may hold layers, by name: first those of a graph, then a user's attributes, private ones last."""
    if isinstance(layer, (Sequential, Functional)):
        yield "layers", layer.layers
    attributes = {name: held for name, held in layer._holders.items() if name not in OWN}
    if isinstance(layer, Model):
        attributes["layers"] = layer.layers
    yield from sorted(attributes.items(), key=lambda item: (item[0].startswith("_"), item[0]))


# Attributes of `Layer`, `Sequential` and `Functional` themselves, which hold what `layers` holds.
OWN = frozenset(["_added", "_graph", "_input_layer", "_input_layers", "_layers"])


def numbered(things: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """The layers and containers among `things`, by the names of their classes: conv2d, conv2d_1, container, ..."""
    counts: Counter[str] = Counter()
    for thing in things:
        if isinstance(thing, (Layer, list, tuple, dict)):
            name = snake_case(type(thing).__name__) if isinstance(thing, Layer) else "container"
            yield (f"{name}_{counts[name]}" if counts[name] else name), thing
            counts[name] += 1
