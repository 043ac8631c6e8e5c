"""Conversion of Keras's functional models, with a list of calls per layer, to nodes in an executable order."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import fastconv.ops as ops
from fastconv.saving.keras.kinds import GET_ITEM, OPERATIONS
from fastconv.typing import Tree

NESTED = ("Functional", "Model")


class Graph:
    """Converts the configuration of a functional model.

    Args:
        config: the configuration of Keras 2 or 3.
        translated: function of a kind and a layer's configuration of Keras, which converts it.
    """

    def __init__(self, config: Mapping[str, Any], translated: Callable[[str, Any], Any]) -> None:
        self.given = config
        self.translated = translated
        self.entries: dict[str, Mapping[str, Any]] = {entry["name"]: entry for entry in config["layers"]}
        self.inputs = [place[0] for place in _places(config["input_layers"])]
        self.number_of_input = {name: k for k, name in reversed([*enumerate(self.inputs)])}
        self.done = dict.fromkeys(self.entries, 0)  # number of calls of each layer that are among the nodes
        self.number: dict[tuple[str, int], int] = {}
        self.nodes: list[Any] = []

    def config(self) -> dict[str, Any]:
        """Return the configuration of a `Functional`. Raises ValueError if calls wait for each other."""
        while self._add_what_can_run():
            pass
        left = [name for name, entry in self.entries.items() if self.done[name] < len(entry["inbound_nodes"])]
        if left:
            raise ValueError(f"a graph's layers must be called on tensors that come before. Received: {left}")
        layers = [entry for entry in self.entries.values() if not _is_operation(entry)]
        return {
            "name": self.given.get("name"),
            "trainable": self.given.get("trainable") is not False,
            "layers": [self._layer(entry) for entry in layers],
            "nodes": self.nodes,
            "inputs": self.inputs,
            "input": _unpacked(self._ends(self.given["input_layers"])),
            "output": _unpacked(self._ends(self.given["output_layers"])),
        }

    def _layer(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        data = self.translated("layer", entry)
        return {**data, "config": {"name": entry["name"], **data["config"]}}

    def _add_what_can_run(self) -> bool:
        before = len(self.nodes)
        for name, entry in self.entries.items():
            calls = entry["inbound_nodes"]
            while self.done[name] < len(calls) and self._add(name, entry, calls[self.done[name]]):
                self.number[name, self.done[name]] = len(self.nodes) - 1
                self.done[name] += 1
        return len(self.nodes) > before

    def _add(self, name: str, entry: Mapping[str, Any], call: Any) -> bool:
        """Append a node, unless it needs a result that does not exist yet."""
        try:
            args, kwargs = self._old_call(call) if isinstance(call, list) else self._call(call)
        except Waiting:
            return False
        if _is_operation(entry):
            self.nodes.append(_operation_node(entry, args, kwargs))
        else:
            self.nodes.append([{"layer": name}, {"list": args}, {"dict": kwargs}])
        return True

    def _call(self, call: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return (arguments, named arguments) of a call in Keras 3, which takes `training` from the surrounding model.

        A value of `training` that fastconv has stored next to the arguments is restored.
        """
        args = [self._encoded(value) for value in call["args"]]
        named = {key: value for key, value in call["kwargs"].items() if key != "training" and value is not None}
        stored = {"training": call["training"]} if "training" in call else {}
        return args, {key: self._encoded(value) for key, value in {**named, **stored}.items()}

    def _old_call(self, call: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return the same for a call in Keras 2: a list of [layer, call, result, named arguments]."""
        tensors = [self._tensor(place, self._skipped(place[0])) for place in call]
        named = {key: value for place in call for key, value in (place[3] if len(place) > 3 else {}).items()}
        kwargs = {key: self._encoded(value) for key, value in named.items() if value is not None}
        return [tensors[0] if len(tensors) == 1 else {"list": tensors}], kwargs

    def _skipped(self, name: str) -> int:
        """Return the number of calls that Keras 2 counts for a nested model before its first call in the graph."""
        entry = self.entries.get(name, {})
        layers = entry["config"]["layers"] if entry.get("class_name") in (*NESTED, "Sequential") else []
        return int(bool(layers) and layers[0]["class_name"] == "InputLayer")

    def _tensor(self, place: list[Any], skipped: int = 0) -> dict[str, Any]:
        name, call, k = place[0], place[1] - skipped, place[2]
        if name in self.number_of_input:
            return {"tensor": [-1, self.number_of_input[name]]}
        if name not in self.entries:
            raise ValueError(f"a graph's tensors must come from its layers. Received: {name!r}")
        if (name, call) not in self.number:
            raise Waiting(name)
        return {"tensor": [self.number[name, call], k]}

    def _ends(self, places: Tree) -> dict[str, Any]:
        """Convert the positions of inputs or outputs, with the nesting of the model's inputs or outputs."""
        if isinstance(places, Mapping):
            return {"dict": {key: self._ends(part) for key, part in places.items()}}
        if len(places) == 3 and isinstance(places[0], str):
            entry = self.entries.get(places[0], {})
            old = entry.get("class_name") == "Sequential" and _is_old(entry)
            nested = entry.get("class_name") in NESTED or (old and self._skipped(places[0]))
            try:
                return self._tensor(places, int(nested))
            except Waiting:
                raise ValueError(f"a model's ends must be made in it. Received: {places}") from None
        return {"list": [self._ends(part) for part in places]}

    def _encoded(self, data: Tree) -> dict[str, Any]:
        """Convert an argument of a call to the form of `encoding.encode`."""
        if isinstance(data, list):
            return {"list": [self._encoded(item) for item in data]}
        if not isinstance(data, Mapping):
            return {"value": data}
        if data.get("class_name") == "__keras_tensor__":
            return self._tensor(data["config"]["keras_history"])
        if data.get("class_name") == "__slice__":
            return {"slice": [self._encoded(data["config"][end]) for end in ("start", "stop", "step")]}
        if data.get("class_name") == "__ellipsis__":
            return {"ellipsis": None}
        if data.get("class_name") in ("__numpy__", "__tensor__"):
            return {"array": {"dtype": data["config"]["dtype"], "values": data["config"]["value"]}}
        return {"dict": {key: self._encoded(value) for key, value in data.items()}}


class Waiting(Exception):
    """A call needs the result of another call that is not among the nodes yet."""


def _places(places: Tree) -> list[list[Any]]:
    """Return positions without their nesting."""
    if isinstance(places, Mapping):
        return [place for part in places.values() for place in _places(part)]
    if len(places) == 3 and isinstance(places[0], str):
        return [places]
    return [place for part in places for place in _places(part)]


def _unpacked(ends: dict[str, Any]) -> dict[str, Any]:
    """Return a single input or output without the list around it."""
    return ends["list"][0] if len(ends.get("list", ())) == 1 else ends


def _is_old(entry: Mapping[str, Any]) -> bool:
    return any(isinstance(call, list) for call in entry["inbound_nodes"])


def _is_operation(entry: Mapping[str, Any]) -> bool:
    """Return whether an entry is a function of ops. Keras 2 has none; in .h5 only layers have the key `trainable`."""
    if "module" in entry:
        return (entry["module"] or "").startswith("keras.src.ops.")
    return entry["class_name"] in OPERATIONS and "trainable" not in entry["config"] and not _is_old(entry)


def _operation_node(entry: Mapping[str, Any], args: list[Any], kwargs: dict[str, Any]) -> list[Any]:
    """Return a node for a function of ops. Raises ValueError if the function does not accept a configured argument."""
    name = OPERATIONS.get(entry["class_name"])
    if name is None:
        raise ValueError(f"a graph's operations must be among those of ops. Received: {entry['class_name']!r}")
    if entry["class_name"] == GET_ITEM:
        key = {"tuple": args[1]["list"]} if "list" in args[1] else args[1]
        return [{"operation": name}, {"list": [args[0], key]}, {"dict": {}}]
    taken = inspect.signature(getattr(ops, name)).parameters
    config = {key: value for key, value in entry["config"].items() if key != "name"}
    given = {key: value for key, value in config.items() if value is not None and value is not False}
    unknown = {k: v for k, v in given.items() if k not in taken and (name, k, v) not in DEFAULTS}
    if unknown:
        raise ValueError(f"{name} must have the arguments {list(taken)}. Received: {unknown}")
    config = {key: {"value": value} for key, value in config.items() if key in taken}
    return [{"operation": name}, {"list": args}, {"dict": {**config, **kwargs}}]


DEFAULTS = (("round", "decimals", 0), ("one_hot", "axis", -1))
