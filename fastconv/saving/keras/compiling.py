"""Conversion of Keras's configuration of `compile`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from fastconv.saving.keras.from_keras import SCALING, from_keras
from fastconv.saving.keras.kinds import kind_of_class, kind_of_key
from fastconv.serialization import get_registered_object
from fastconv.typing import Tree


def compile_options(config: Mapping[str, Any] | None, filepath: str) -> dict[str, Any] | None:
    """Return the arguments of `compile`; if fastconv lacks a part of them, warn and return None."""
    if not config:
        return None
    lacking = sorted(set(_lacking("layer", config)))
    if lacking:
        warnings.warn(
            f"{filepath}: the model was compiled with {', '.join(lacking)}, which fastconv does not have. It is read "
            "with its weights and is not compiled: call compile with others before training it, or pass your own in "
            "custom_objects",
            stacklevel=2,
        )
        return None
    return from_keras("layer", dict(config))


def _lacking(kind: str, data: Tree) -> Iterator[str]:
    """Yield the classes and functions of Keras that are unknown here, and all unknown optimizers."""
    if isinstance(data, list):
        for item in data:
            yield from _lacking(kind, item)
    elif isinstance(data, Mapping):
        name, config = data.get("class_name"), data.get("config", data)
        name = config if name == "function" else name
        if isinstance(name, str) and _is_lacking(kind, name, data):
            yield name
        elif isinstance(config, Mapping):
            for key, value in config.items():
                yield from _lacking(kind_of_key(key, kind), value)


def _is_lacking(kind: str, name: str, data: Mapping[str, Any]) -> bool:
    plain = name.removeprefix("Custom>")
    custom = any(get_registered_object(str(key)) is not None for key in (name, data.get("registered_name")))
    known = custom or plain in SCALING or kind_of_class(plain, kind) is not None
    return not known and (kind == "optimizer" or str(data.get("module", "")).partition(".")[0] == "keras")
