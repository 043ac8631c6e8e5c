"""Conversion of objects to and from names and configurations.

A table per kind lists each class and function that a name can mean. Names in a configuration are looked up in
`custom_objects`, among the objects of `register_keras_serializable`, and in these tables, but nowhere else: a file
never causes an import or runs code.
"""

from __future__ import annotations

import copy
import functools
import inspect
import itertools
import re
import reprlib
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType, MethodType
from typing import Any, TypeVar

import numpy as np

import fastconv.engine.hooks as hooks
from fastconv.arguments import plain
from fastconv.typing import Config

# The `custom_objects` of the current deserialization, which also apply to nested objects.
_custom_objects: ContextVar[Mapping[str, Any]] = ContextVar("custom_objects", default=MappingProxyType({}))

# Users' objects in the configurations being made, by their names; None outside of saving.
_distinct_names: ContextVar[dict[str, Any] | None] = ContextVar("distinct_names", default=None)

# By class: the constructor's arguments that a user's configuration lacks; None outside of saving.
_missing_arguments: ContextVar[dict[str, list[str]] | None] = ContextVar("missing_arguments", default=None)

KINDS = (
    "activation",
    "constraint",
    "function",
    "initializer",
    "layer",
    "loss",
    "metric",
    "optimizer",
    "regularizer",
    "schedule",
)
LAMBDA = "<lambda>"  # the name of every lambda
ABOUT_LAMBDAS = (
    "The code of a lambda is not stored in a file: load the model with compile=False if only compile used it, or pass "
    "a function in custom_objects={'<lambda>': function}; named functions are found by their names"
)
_tables: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
_registered: dict[str, Any] = {}  # users' objects, by "package>name"

Registered = TypeVar("Registered", bound=Callable[..., Any])


class ConfigurationError(ValueError):
    """An invalid configuration; the message names the place."""


# Errors that constructors raise for unexpected values.
SURPRISES = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RecursionError, TypeError)


@contextmanager
def naming_place(subject: str, config: object) -> Iterator[None]:
    """Convert errors inside `with` to ValueErrors that state the object being made, and its name if it has one."""
    try:
        yield
    except ConfigurationError:
        raise
    except (ValueError, *SURPRISES) as error:
        name = config.get("name") if isinstance(config, Mapping) else None
        place = f"{subject} {name!r}" if isinstance(name, str) else subject
        if isinstance(error, ValueError):
            raise ConfigurationError(f"{place}: {error}") from error
        raise ConfigurationError(
            f"{place}: a configuration must hold the arguments of the constructor. "
            f"Received: {type(error).__name__}: {error}, for {reprlib.repr(config)}"
        ) from error


def names_its_place(from_config: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap the function of a `from_config` so that its errors are ValueErrors that name the configuration."""

    @functools.wraps(from_config)
    def named_from_config(cls: type, config: object, *args: Any, **kwargs: Any) -> Any:
        with naming_place(cls.__name__, config):
            return from_config(cls, config, *args, **kwargs)

    return named_from_config


def name_places_of(cls: type) -> None:
    """Apply `names_its_place` to the `from_config` of a class of this package; users' classes are left unchanged."""
    if "from_config" in vars(cls) and cls.__module__.startswith(f"{__package__}."):
        cls.from_config = classmethod(names_its_place(vars(cls)["from_config"].__func__))  # type: ignore[attr-defined]


class Configurable:
    """An object that can be recreated from its class and a dict of plain values."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        name_places_of(cls)

    def get_config(self) -> Config:
        """Return the arguments of the constructor as a dict."""
        return {}

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """Create an object from a configuration of `get_config`, of this package or of Keras."""
        return cls(**arguments(cls, config))

    def __copy__(self) -> Any:
        """Return a copy that shares no state with this object."""
        return copy.deepcopy(self)


name_places_of(Configurable)


def snake_case(name: str) -> str:
    """Return a class's name as Keras spells it in strings: "glorot_uniform" for "GlorotUniform", "l1l2" for "L1L2"."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def name_of(thing: object) -> str:
    """Return the name of an object: its attribute, or the name of the function or of its class in snake case."""
    own = getattr(thing, "name", None)
    return own or snake_case(re.sub(r"\W", "", getattr(thing, "__name__", type(thing).__name__)))


def register(kind: str, *aliases: str) -> Callable[[Registered], Registered]:
    """Return a decorator that registers a class or function under its name, its name in snake case, and `aliases`.

    Losses get no name in snake case, since those names belong to functions. Optimizers also get a name in lower case.

    Args:
        kind: a member of `KINDS`.
        aliases: further names.

    Raises:
        ValueError: the kind is unknown, or another object has the name; the same object may be defined again.
    """
    table = _table(kind)

    def enter(thing: Registered) -> Registered:
        names = {thing.__name__, *aliases, *([snake_case(thing.__name__)] if kind != "loss" else [])}
        names |= {thing.__name__.lower()} if kind == "optimizer" else set()
        for name in names:
            holder = table.get(name, thing)
            if _address(holder) != _address(thing):
                raise ValueError(
                    f"register: names of kind {kind} must be unique. "
                    f"Received: {name!r}, which is {_address(holder)} already, for {_address(thing)}"
                )
        table.update(dict.fromkeys(names, thing))
        return thing

    return enter


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Registered], Registered]:
    """Return a decorator that registers a user's class or function, so that files can name it as "package>name".

    Args:
        package: str. A prefix that avoids conflicts of names. Default: "Custom".
        name: str or None. The name; None means the name of the class or function. Default: None.

    Raises:
        ValueError: a class has no get_config.

    Example:
        >>> @register_keras_serializable("my_package")
        ... def double(x):
        ...     return 2 * x
        >>> get_registered_name(double)
        'my_package>double'
    """

    def enter(thing: Registered) -> Registered:
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise ValueError(f"register_keras_serializable: a class must have get_config. Received: {thing!r}")
        _registered[f"{package}>{name or thing.__name__}"] = thing
        return thing

    return enter


def get_custom_objects() -> dict[str, Any]:
    """Return the dict of all registered objects; entries added to it are found by name everywhere.

    Example:
        >>> def halve(x):
        ...     return x / 2
        >>> get_custom_objects()["halve"] = halve
        >>> layers.Activation("halve")(np.array([2.0])).tolist()
        [1.0]
        >>> del get_custom_objects()["halve"]
    """
    return _registered


def get_registered_name(obj: object) -> str:
    """Return the name under which an object was registered, or its own name if it was not registered.

    Args:
        obj: a class or function.

    Example:
        >>> get_registered_name(layers.Dense)
        'Dense'
    """
    names = [name for name, holder in _registered.items() if holder is obj]
    return names[0] if names else getattr(obj, "__name__", f"<{type(obj).__name__}>")


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """Look up a name among custom and registered objects, then in `module_objects`; return None if it is unknown.

    Args:
        name: str. "package>Name" also finds an object given as "Name".
        custom_objects: dict of objects with priority. Default: None.
        module_objects: dict of further objects. Default: None.

    Returns:
        A class, a function, or None.

    Example:
        >>> get_registered_object("Custom>f", {"f": abs})
        <built-in function abs>
    """
    known = {**(module_objects or {}), **_registered, **_custom_objects.get(), **(custom_objects or {})}
    return known.get(name, known.get(name.rpartition(">")[2]))


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any]) -> Iterator[None]:
    """Inside `with`, find users' classes and functions by the given names.

    Args:
        custom_objects: dict from names to classes and functions.

    Example:
        >>> def triple(x):
        ...     return 3 * x
        >>> with custom_object_scope({"triple": triple}):
        ...     layer = layers.Activation("triple")
        >>> layer(np.array([2.0])).tolist()
        [6.0]
    """
    scope = _custom_objects.set({**_custom_objects.get(), **custom_objects})
    try:
        yield
    finally:
        _custom_objects.reset(scope)


def holds(kind: str, name: str) -> bool:
    """Return whether a name of a kind belongs to this package."""
    return name in _table(kind) and _address(_table(kind)[name]).startswith(f"{__package__}.")


def serialize(thing: object) -> Any:
    """Return the form of `thing` for `deserialize`: a function's name, or an object's `{"class_name", "config"}`.

    Within `distinct_names`, a lambda or another callable without a name is named after its type, as in "<lambda>". If
    an object has a method `own_config`, it is used instead of `get_config`, whose result is in Keras's form.

    Raises:
        ValueError: `thing` is neither a function with a name nor an object with `get_config`.
    """
    if thing is None:
        return None
    if hasattr(thing, "get_config"):
        own_config = getattr(thing, "own_config", None)
        config = plain(thing.get_config(), np.generic) if own_config is None else own_config()
        _note_missing(thing, config)
        return {"class_name": _name_for_files(written_class(thing)), "config": config}
    if not callable(thing) or (_distinct_names.get() is None and is_nameless(get_registered_name(thing))):
        raise ValueError(f"serialize: thing must be a function with a name or have get_config. Received: {thing!r}")
    return _name_for_files(thing)


def _note_missing(thing: object, config: Mapping[str, Any]) -> None:
    """Record, for a warning, the arguments of a user's constructor that its configuration lacks.

    A class with its own `from_config` may not need them.
    """
    cls, notes = written_class(thing), _missing_arguments.get()
    if notes is None or is_of_this_package(cls) or hasattr(thing, "own_config"):
        return
    if not is_of_this_package(getattr(cls, "from_config", cls)):
        return
    given = getattr(thing, "_given", {})
    lacking = [
        name for name, p in parameters_of(cls).items() if name not in config and (p.default is p.empty or name in given)
    ]
    if lacking:
        notes[cls.__name__] = lacking


def parameters_of(cls: type) -> dict[str, inspect.Parameter]:
    """Return the named parameters of a user's constructor, and of its bases' if it passes on keyword arguments."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if is_of_this_package(base) or base is object:
            return found
        if "__init__" in vars(base):
            parameters = [*inspect.signature(vars(base)["__init__"]).parameters.values()][1:]
            named = {p.name: p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
            found = {**named, **found}
            if all(p.kind is not p.VAR_KEYWORD for p in parameters):
                return found
    return found


def own_arguments(cls: Any, known: Collection[str] = ()) -> tuple[str, ...]:
    """Return the names of the arguments of a constructor, for the attribute `ARGUMENTS` of the class.

    Args:
        cls: a class that defines a constructor. If it passes on keyword arguments, the `ARGUMENTS` of its base follow.
        known: the names that are left out.
    """
    parameters = [*inspect.signature(cls.__init__).parameters.values()][1:]
    named = [p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL) and p.name not in known]
    passed_on = cls.ARGUMENTS if any(p.kind is p.VAR_KEYWORD for p in parameters) else ()
    return tuple(dict.fromkeys([*named, *passed_on]))


def written_class(thing: object) -> type:
    """Return the class of `thing` that a user wrote and registered; for a functional model this may be a base class."""
    return vars(type(thing)).get("WRITTEN", type(thing))


@contextmanager
def distinct_names() -> Iterator[dict[str, Any]]:
    """Inside `with`, `serialize` gives each object a unique name. Yields the dict of users' objects by name."""
    names: dict[str, Any] = {}
    scope = _distinct_names.set(names)
    try:
        yield names
    finally:
        _distinct_names.reset(scope)


@contextmanager
def warning_of_lambdas(stacklevel: int = 5) -> Iterator[None]:
    """`distinct_names`, with a warning about lambdas and other callables without a name."""
    with distinct_names() as names:
        scope = _missing_arguments.set({})
        try:
            yield
            missing = _missing_arguments.get() or {}
        finally:
            _missing_arguments.reset(scope)
    for name, lacking in missing.items():
        warnings.warn(
            f"{name}: get_config must return the arguments of the constructor; otherwise a file can only be read with "
            f"another class for {name} in custom_objects. Received: no {', '.join(lacking)}",
            stacklevel=stacklevel,
        )
    nameless = [name for name in names if is_nameless(name)]
    if nameless:
        warnings.warn(f"The model holds {', '.join(nameless)}. {ABOUT_LAMBDAS}", stacklevel=stacklevel)


def is_nameless(name: object) -> bool:
    """Return whether a name in a configuration means a lambda, or another callable without a name."""
    return isinstance(name, str) and name.startswith("<")


def serialize_for_keras(kind: str, thing: object) -> Any:
    """Return `serialize(thing)` in a form that Keras reads too: with the module and the registered name.

    Args:
        kind: a member of `KINDS`.
        thing: as for `serialize`.
    """
    return hooks.find("to_keras")(kind, serialize(thing))


def arguments(cls: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the constructor arguments of `cls` in a configuration, which may be in Keras's form."""
    return hooks.find("arguments_from_keras")(cls, config)


def from_keras(kind: str, data: object) -> Any:
    """Convert a configuration from Keras's form to the form of `serialize`."""
    return hooks.find("from_keras")(kind, data)


def _name_for_files(thing: object) -> str:
    """Return the name by which `thing` will be looked up: its registered or own name, or a name made from its type."""
    name = get_registered_name(thing)
    if is_of_this_package(thing):
        return name
    if any(name in table and table[name] is not thing for table in _tables.values()):
        name = f"Custom>{name}"  # without this prefix, it would be read as an object of this package
    names = _distinct_names.get()
    return name if names is None else next(n for n in _numbered(name) if _is_same(names.setdefault(n, thing), thing))


def is_of_this_package(thing: object) -> bool:
    """Return whether a class or function belongs to this package, not to a user."""
    return (getattr(thing, "__module__", None) or "").startswith(f"{__package__}.")


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{i}" for i in itertools.count(1))


def _is_same(holder: object, thing: object) -> bool:
    """Return whether both are the same object; methods are compared by ==, since each access creates a new object."""
    return holder is thing or (isinstance(thing, MethodType) and isinstance(holder, MethodType) and holder == thing)


def deserialize(kind: str, data: object, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Invert `serialize`: return the function of a name, or an object made from `{"class_name", "config"}`.

    The name of a class gives an object with its default configuration.

    Args:
        kind: a member of `KINDS`.
        data: a name, a dict, or None, for which None is returned.
        custom_objects: dict of classes and functions by name, with priority over registered objects.

    Raises:
        ValueError: a name is unknown, or data have another form.
    """
    if data is None:
        return None
    with custom_object_scope(custom_objects or {}):
        return _made(kind, data)


def _made(kind: str, data: object) -> Any:
    if isinstance(data, Mapping) and "module" in data:
        with naming_place(kind, data.get("config")):
            data = from_keras(kind, data)
    if isinstance(data, str):
        found = lookup(kind, data)
        if not isinstance(found, type):
            return found
        with naming_place(data, {}):
            return found()
    if not isinstance(data, Mapping) or not isinstance(data.get("class_name"), str):
        received = reprlib.repr(data)
        raise ValueError(f"{kind}: a configuration must be a name or a dict with a class_name. Received: {received}")
    found = lookup(
        "layer" if kind == "activation" else kind, data["class_name"]
    )  # activations that are objects are layers
    if not isinstance(found, type):
        raise ValueError(f"{kind}: only a class can have a configuration. Received: {reprlib.repr(data)}")
    config = data.get("config", {})
    with naming_place(data["class_name"], config):
        return found.from_config(config)  # type: ignore[attr-defined]


def get(kind: str, identifier: object) -> Any:
    """Return the object for `identifier`: a name, a configuration, a class, or the object itself; None gives None.

    Raises:
        ValueError: a name is unknown, or the object is not callable.
    """
    if identifier is None or isinstance(identifier, (str, Mapping)):
        return deserialize(kind, identifier)
    if isinstance(identifier, type):
        return identifier()
    if isinstance(identifier, Configurable) or callable(identifier):
        return identifier
    raise ValueError(f"{kind}: identifier must be a name, a configuration or an object. Received: {identifier!r}")


def _table(kind: str) -> dict[str, Any]:
    if kind not in _tables:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}. Received: {kind!r}")
    return _tables[kind]


def lookup(kind: str, name: str) -> Any:
    """Return the object with a name; custom and registered objects have priority. Raises ValueError if missing."""
    custom = get_registered_object(name)
    if custom is not None:
        return custom
    if is_nameless(name):
        raise ValueError(f"{ABOUT_LAMBDAS}. Received: {kind}={name!r}")
    table = _table(kind)
    if name not in table:
        raise ValueError(
            f"{kind}: unknown name. Known names are {', '.join(_known_names(table))}. "
            "Pass other objects themselves, register them with saving.register_keras_serializable, or name them in "
            f"custom_objects when a model is loaded. Received: {name!r}"
        )
    return table[name]


def _known_names(table: Mapping[str, Any]) -> list[str]:
    """Return the names in a table for an error, without duplicates, functions of classes, and wrapper classes."""
    names = {thing.__name__ for thing in table.values() if not thing.__name__.endswith("Wrapper")}
    return sorted(names - {snake_case(name) for name in names if name != name.lower()})


def _address(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"
