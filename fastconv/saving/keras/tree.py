"""The layout of model.weights.h5 of Keras 3.

A layer's variables are at ``<path>/vars/0``, 1, ..., trainable variables first. The path consists of attribute names:
``encoder/conv`` for the layer ``model.encoder.conv``. In lists, dicts and among the layers of a `Sequential` or
functional model, a layer is named after its class, with a number if it is not the first: ``layers/conv2d_1``. A layer
that occurs more than once is stored only at its first place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from fastconv.engine import Variable
from fastconv.layers.base import Layer
from fastconv.models.functional import Functional
from fastconv.models.model import Model
from fastconv.models.sequential import Sequential
from fastconv.random import SeedGenerator
from fastconv.saving.names import distinct
from fastconv.serialization import snake_case


def places(model: Layer) -> dict[str, Layer]:
    """Return the layers by their paths; the model's own path is empty."""
    found: dict[str, Layer] = {}
    _visit(model, "", found, set())
    return found


def own_variables(layer: Layer) -> list[Variable]:
    """Return the variables in ``vars``."""
    return sorted(
        (v for v in layer._own_variables() if not isinstance(v, SeedGenerator)), key=lambda v: not v.trainable
    )


def seeds(layer: Layer) -> list[Variable]:
    """Return a layer's seeds. Keras does not store them; fastconv stores them in ``seed_state``."""
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
    """Yield attributes that may contain layers, by name: first a graph's, then a user's, private attributes last."""
    if isinstance(layer, (Sequential, Functional)):
        yield "layers", layer.layers
    attributes = {name: held for name, held in layer._holders.items() if name not in OWN}
    if isinstance(layer, Model):
        attributes["layers"] = layer.layers
    yield from sorted(attributes.items(), key=lambda item: (item[0].startswith("_"), item[0]))


# Attributes of `Layer`, `Sequential` and `Functional` themselves, whose layers are listed by `layers`.
OWN = frozenset(["_added", "_graph", "_input_layer", "_input_layers", "_layers"])


def numbered(things: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the layers and containers among `things` by the names of their classes: conv2d, conv2d_1, container, ..."""
    counts: Counter[str] = Counter()
    for thing in things:
        if isinstance(thing, (Layer, list, tuple, dict)):
            name = snake_case(type(thing).__name__) if isinstance(thing, Layer) else "container"
            yield (f"{name}_{counts[name]}" if counts[name] else name), thing
            counts[name] += 1
