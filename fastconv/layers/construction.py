"""Record the arguments of a layer's constructor, and find those that make an equal layer."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from fastconv.arguments import plain

PLAIN = (str, int, float, bool, type(None))
TOLD = frozenset(["activity_regularizer", "name", "trainable"])  # arguments that attributes of a layer hold
UNKNOWN = object()  # replaces an argument that is not plain data


def recording(init: Callable[..., None], known: Collection[str]) -> Callable[..., None]:
    """Return a constructor that records its arguments in `_given`, except those of `TOLD`.

    Arguments whose names are `known` are recorded only if `init` names them; otherwise `init` passes them on.
    """
    signature = inspect.signature(init)
    left_out = {name for name in known if name not in signature.parameters} | TOLD

    @functools.wraps(init)
    def init_and_record(self: Any, *args: Any, **kwargs: Any) -> None:
        if "_given" not in vars(self):
            given = _given_arguments(signature, args, kwargs)
            vars(self)["_given"] = {name: value for name, value in given.items() if name not in left_out}
        init(self, *args, **kwargs)

    return init_and_record


def _given_arguments(signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name; arguments that are not plain data become `UNKNOWN`."""
    try:
        given = signature.bind(None, *args, **kwargs).arguments
    except TypeError:  # the constructor will raise the same error
        return {}
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            given.pop(parameter.name, None)
        elif parameter.kind is parameter.VAR_KEYWORD:
            given.update(given.pop(parameter.name, {}))
    return {name: _as_data(value) for name, value in [*given.items()][1:]}


def _as_data(value: object) -> Any:
    """Return a copy of `value` if it is plain data, else `UNKNOWN`.

    Plain data are numbers, strings, booleans, None, and lists, tuples and dicts of plain data.
    """
    value = plain(value)
    return value if _is_plain(value) else UNKNOWN


def _is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return all(map(_is_plain, value)) if isinstance(value, (list, tuple)) else isinstance(value, PLAIN)


def arguments_beside(layer: Any, parts: Collection[str], names: Collection[str]) -> dict[str, Any]:
    """Return what the constructor of `layer` was given beside `parts`, such as the list of layers of a model.

    Args:
        layer: a model.
        parts: arguments that hold layers or tensors, of which the rest of the configuration tells.
        names: those that the rest of the configuration takes.

    Raises:
        ValueError: another argument is no plain data, or has one of `names`.
    """
    given = {name: value for name, value in layer._given.items() if not (name in parts and is_part(value))}
    others = [name for name, value in given.items() if value is UNKNOWN or name in names]
    if others:
        raise ValueError(
            f"{type(layer).__name__}: get_config must be overridden to give the constructor's arguments, unless all "
            "are numbers, strings, booleans or None, or lists, tuples and dicts of them, and none is called "
            f"{', '.join(sorted(names))}. Received: {', '.join(others)}"
        )
    return given


def is_part(value: object) -> bool:
    """Return whether a recorded argument was made of layers or tensors, or of nothing."""
    return value is UNKNOWN or value is None or value in ([], ())


def for_constructor(layer: Any, config: dict[str, Any], complete: bool) -> dict[str, Any]:
    """Return the entries of `config` that the constructor of `layer` takes.

    If `complete` is true, recorded arguments are added.

    Raises:
        ValueError: if `complete` is true and an argument that has no default, or was given, is not plain data.
    """
    parameters = list(inspect.signature(type(layer).__init__).parameters.values())[1:]
    named = [p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    if complete:
        given = layer._given
        config = {**{name: value for name, value in given.items() if value is not UNKNOWN}, **config}
        needed = dict.fromkeys([*[p.name for p in named if p.default is p.empty], *given])
        if not set(needed) <= set(config):
            raise ValueError(
                f"{type(layer).__name__}: get_config must be overridden to give the constructor's arguments, unless "
                "all are numbers, strings, booleans or None, or lists, tuples and dicts of them. "
                f"Received: arguments={list(needed)}, configuration={sorted(config)}"
            )
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return config if takes_any else {p.name: config[p.name] for p in named if p.name in config}
