"""Objects by name: what a string such as "relu" or a saved configuration stands for.

A table of each kind holds every class and function that a name may mean. Reading a configuration looks names up in
`custom_objects`, in what `register_keras_serializable` was given and in these tables, and nowhere else: nothing is
imported or run because a file says so.
"""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import itertools
import re
import reprlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType, MethodType
from typing import Any, TypeVar

import numpy as np

from fastconv.arguments import plain

# What `custom_objects` of the deserialization under way names; objects within objects find it here.
_custom_objects: ContextVar[Mapping[str, Any]] = ContextVar("custom_objects", default=MappingProxyType({}))

# What users' things are called in the configurations that are being made, by these names; None outside of a file.
_distinct_names: ContextVar[dict[str, Any] | None] = ContextVar("distinct_names", default=None)

# Arguments of users' constructors that the configurations being made lack, by the class; None outside of a file.
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
LAMBDA = "<lambda>"  # the name of every one
ABOUT_LAMBDAS = (
    "The code of a lambda is in no file: load the model with compile=False if only compile was given it, or give a "
    "function in custom_objects={'<lambda>': function}; named functions are found by their names"
)
# Configurations in Keras's form; these modules are above this one, and are imported when such a form is met.
FROM_KERAS = "fastconv.models.saving.from_keras"
TO_KERAS = "fastconv.models.saving.to_keras"
_tables: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
_registered: dict[str, Any] = {}  # by users, under "package>name"

Registered = TypeVar("Registered", bound=Callable[..., Any])


class ConfigurationError(ValueError):
    """A configuration from which nothing can be made; the message names the place."""


# What constructors raise on values that they did not expect.
SURPRISES = (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RecursionError, TypeError)


@contextmanager
def naming_place(what: str, config: Any) -> Iterator[None]:
    """Whatever goes wrong inside `with` is a ValueError that says what was to be made, and its name if it has one."""
    try:
        yield
    except ConfigurationError:
        raise
    except (ValueError, *SURPRISES) as error:
        name = config.get("name") if isinstance(config, Mapping) else None
        place = f"{what} {name!r}" if isinstance(name, str) else what
        if isinstance(error, ValueError):
            raise ConfigurationError(f"{place}: {error}") from error
        raise ConfigurationError(
            f"{place}: a configuration must hold the arguments of the constructor. "
            f"Received: {type(error).__name__}: {error}, for {reprlib.repr(config)}"
        ) from error


def names_its_place(from_config: Callable[..., Any]) -> Callable[..., Any]:
    """The function of a `from_config`, whose errors are ValueErrors that say in which configuration."""

    @functools.wraps(from_config)
    def named_from_config(cls: type, config: Any, *args: Any, **kwargs: Any) -> Any:
        with naming_place(cls.__name__, config):
            return from_config(cls, config, *args, **kwargs)

    return named_from_config


def name_places_of(cls: type) -> None:
    """Let the `from_config` that a class of this package defines name its place; users' classes keep theirs."""
    if "from_config" in vars(cls) and cls.__module__.startswith(f"{__package__}."):
        cls.from_config = classmethod(names_its_place(vars(cls)["from_config"].__func__))  # type: ignore[attr-defined]


class Configurable:
    """An object that its class and a dictionary of plain values can make again."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        name_places_of(cls)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """An object with the configuration that `get_config` has returned, here or in Keras."""
        return cls(**arguments(cls, config))

    def __copy__(self) -> Any:
        """An object that shares no state with this one, as after saving and reading."""
        return copy.deepcopy(self)


name_places_of(Configurable)


def snake_case(name: str) -> str:
    """A class's name as Keras spells it in strings: "glorot_uniform" for "GlorotUniform", "l1l2" for "L1L2"."""
    words = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", words).lower()


def name_of(thing: Any) -> str:
    """The name of an object: its own, or that of the function or of its class in snake case."""
    own = getattr(thing, "name", None)
    return own or snake_case(re.sub(r"\W", "", getattr(thing, "__name__", type(thing).__name__)))


def register(kind: str, *aliases: str) -> Callable[[Registered], Registered]:
    """A decorator that lets a class or function be found by its name, by that in snake case, and by `aliases`.

    Losses are not found in snake case: those names belong to functions. Optimizers are found in small letters, too.

    Args:
        kind: one of `KINDS`.

    Raises:
        ValueError: an unknown kind, or a name that something else has; defining the same thing again is allowed.
    """
    table = _table(kind)

    def enter(thing: Registered) -> Registered:
        names = {thing.__name__, *aliases, *([snake_case(thing.__name__)] if kind != "loss" else [])}
        names |= {thing.__name__.lower()} if kind == "optimizer" else set()
        for name in names:
            holder = table.get(name, thing)
            if _address(holder) != _address(thing):
                raise ValueError(
                    f"register: every {kind} must have a name of its own. "
                    f"Received: {name!r}, which is {_address(holder)} already, for {_address(thing)}"
                )
        table.update(dict.fromkeys(names, thing))
        return thing

    return enter


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Registered], Registered]:
    """A decorator that lets a class or function of your own be found in files, under "package>name".

    Args:
        package: whose it is.
        name: that of the class or function when None.

    Raises:
        ValueError: a class without get_config.
    """

    def enter(thing: Registered) -> Registered:
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise ValueError(f"register_keras_serializable: a class must have get_config. Received: {thing!r}")
        _registered[f"{package}>{name or thing.__name__}"] = thing
        return thing

    return enter


def get_custom_objects() -> dict[str, Any]:
    """What is found by name everywhere: what `register_keras_serializable` was given, and what is put in here."""
    return _registered


def get_registered_name(obj: Any) -> str:
    """Return the name under which a class or function was registered, else its own."""
    names = [name for name, holder in _registered.items() if holder is obj]
    return names[0] if names else getattr(obj, "__name__", f"<{type(obj).__name__}>")


def get_registered_object(
    name: str, custom_objects: Mapping[str, Any] | None = None, module_objects: Mapping[str, Any] | None = None
) -> Any:
    """Return what a name means among custom and registered objects, then `module_objects`; None if it means nothing.

    "package>Name" also means what is given as "Name".
    """
    known = {**(module_objects or {}), **_registered, **_custom_objects.get(), **(custom_objects or {})}
    return known.get(name, known.get(name.rpartition(">")[2]))


@contextmanager
def custom_object_scope(custom_objects: Mapping[str, Any]) -> Iterator[None]:
    """Inside `with`, classes and functions of your own are found by these names."""
    scope = _custom_objects.set({**_custom_objects.get(), **custom_objects})
    try:
        yield
    finally:
        _custom_objects.reset(scope)


def holds(kind: str, name: str) -> bool:
    """Whether a name means something of this package, of a kind."""
    return name in _table(kind) and _address(_table(kind)[name]).startswith(f"{__package__}.")


def serialize(thing: Any) -> Any:
    """What `deserialize` makes `thing` from again: the name of a function, `{"class_name", "config"}` of an object.

    Within `distinct_names`, a lambda, or another callable without a name, is called after its type in angle brackets,
    as in "<lambda>".
    An object may have `own_config`, which returns plain data, for the case that `get_config` is in Keras's form.

    Raises:
        ValueError: something that is neither a function with a name nor an object with `get_config`.
    """
    if thing is None:
        return None
    if hasattr(thing, "get_config"):
        own_config = getattr(thing, "own_config", None)
        config = plain(thing.get_config(), np.generic) if own_config is None else own_config()
        _note_missing(thing, config)
        return {"class_name": _name_for_files(written_class(thing)), "config": config}
    if not callable(thing) or (_distinct_names.get() is None and is_nameless(get_registered_name(thing))):
        raise ValueError(f"serialize: only functions with a name and objects with get_config. Received: {thing!r}")
    return _name_for_files(thing)


def _note_missing(thing: Any, config: Mapping[str, Any]) -> None:
    """Note, for a warning, an argument of a user's constructor that the configuration lacks: nothing else will find it.

    A class with a `from_config` of its own may do without.
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
    """The arguments that users' constructors, of a class and of its bases as far as arguments are passed on, name."""
    found: dict[str, inspect.Parameter] = {}
    for one in cls.__mro__:
        if is_of_this_package(one) or one is object:
            return found
        if "__init__" in vars(one):
            parameters = [*inspect.signature(vars(one)["__init__"]).parameters.values()][1:]
            named = {p.name: p for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
            found = {**named, **found}
            if all(p.kind is not p.VAR_KEYWORD for p in parameters):
                return found
    return found


def written_class(thing: Any) -> type:
    """The class of `thing` as a user wrote and registered it, which a drawn model is of by a subclass."""
    return vars(type(thing)).get("WRITTEN", type(thing))


@contextmanager
def distinct_names() -> Iterator[dict[str, Any]]:
    """Inside `with`, `serialize` never gives two things one name. Yields the users' things by their names."""
    names: dict[str, Any] = {}
    scope = _distinct_names.set(names)
    try:
        yield names
    finally:
        _distinct_names.reset(scope)


@contextmanager
def warning_of_lambdas(stacklevel: int = 5) -> Iterator[None]:
    """`distinct_names`, with a warning of lambdas and of other callables without a name."""
    with distinct_names() as names:
        scope = _missing_arguments.set({})
        try:
            yield
            missing = _missing_arguments.get() or {}
        finally:
            _missing_arguments.reset(scope)
    for name, lacking in missing.items():
        warnings.warn(
            f"{name}: get_config must give the arguments of the constructor, or a file can only be read with another "
            f"class for {name} in custom_objects. Received: no {', '.join(lacking)}",
            stacklevel=stacklevel,
        )
    nameless = [name for name in names if is_nameless(name)]
    if nameless:
        warnings.warn(f"The model holds {', '.join(nameless)}. {ABOUT_LAMBDAS}", stacklevel=stacklevel)


def is_nameless(name: Any) -> bool:
    """Whether a name in a configuration stands for a lambda, or another callable without a name."""
    return isinstance(name, str) and name.startswith("<")


def serialize_for_keras(kind: str, thing: Any) -> Any:
    """Return `serialize(thing)` in the form that Keras reads, too: with the module and the registered name.

    Args:
        kind: one of `KINDS`.
        thing: as for `serialize`.
    """
    return importlib.import_module(TO_KERAS).to_keras(kind, serialize(thing))


def arguments(cls: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the constructor of `cls` in a configuration, which may be Keras's."""
    return importlib.import_module(FROM_KERAS).arguments(cls, config)


def from_keras(kind: str, data: Any) -> Any:
    """Return a configuration in Keras's form as `serialize` gives it."""
    return importlib.import_module(FROM_KERAS).from_keras(kind, data)


def _name_for_files(thing: Any) -> str:
    """The name under which `thing` will be looked up: that of the registration, its own, or one made from its type."""
    name = get_registered_name(thing)
    if is_of_this_package(thing):
        return name
    if any(name in table and table[name] is not thing for table in _tables.values()):
        name = f"Custom>{name}"  # or it would be read as something of this package
    names = _distinct_names.get()
    return name if names is None else next(n for n in _numbered(name) if _is_same(names.setdefault(n, thing), thing))


def is_of_this_package(thing: Any) -> bool:
    """Whether a class or function is one of this package, not of a user."""
    return (getattr(thing, "__module__", None) or "").startswith(f"{__package__}.")


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{i}" for i in itertools.count(1))


def _is_same(holder: Any, thing: Any) -> bool:
    """Whether both are one thing; a method is another object whenever it is looked up."""
    return holder is thing or (isinstance(thing, MethodType) and isinstance(holder, MethodType) and holder == thing)


def deserialize(kind: str, data: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """What `serialize` was given: the function of a name, or an object made from `{"class_name", "config"}`.

    The name of a class stands for an object with its default configuration.

    Args:
        kind: one of `KINDS`.
        data: a name, a dictionary, or None, which stays None.
        custom_objects: classes and functions by name, before those that are registered.

    Raises:
        ValueError: a name that is not known, or data of another form.
    """
    if data is None:
        return None
    with custom_object_scope(custom_objects or {}):
        return _made(kind, data)


def _made(kind: str, data: Any) -> Any:
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
    )  # objects among activations are layers
    if not isinstance(found, type):
        raise ValueError(f"{kind}: only a class can have a configuration. Received: {reprlib.repr(data)}")
    config = data.get("config", {})
    with naming_place(data["class_name"], config):
        return found.from_config(config)  # type: ignore[attr-defined]


def get(kind: str, identifier: Any) -> Any:
    """The object that `identifier` means: a name, a configuration, a class, or the object itself; None stays None.

    Raises:
        ValueError: a name that is not known, or something that cannot be called.
    """
    if identifier is None or isinstance(identifier, (str, Mapping)):
        return deserialize(kind, identifier)
    if isinstance(identifier, type):
        return identifier()
    if isinstance(identifier, Configurable) or callable(identifier):
        return identifier
    raise ValueError(f"{kind}: a name, a configuration or an object is needed. Received: {identifier!r}")


def _table(kind: str) -> dict[str, Any]:
    if kind not in _tables:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}. Received: {kind!r}")
    return _tables[kind]


def lookup(kind: str, name: str) -> Any:
    """The class or function of a name, custom and registered ones first. Raises ValueError for an unknown name."""
    custom = get_registered_object(name)
    if custom is not None:
        return custom
    if is_nameless(name):
        raise ValueError(f"{ABOUT_LAMBDAS}. Received: {kind}={name!r}")
    table = _table(kind)
    if name not in table:
        raise ValueError(
            f"{kind}: unknown name. Known are {', '.join(_known_names(table))}. "
            "Others are given as objects, registered with saving.register_keras_serializable, or named in "
            f"custom_objects when a model is loaded. Received: {name!r}"
        )
    return table[name]


def _known_names(table: Mapping[str, Any]) -> list[str]:
    """Each class and function of a table once; neither a function that a class stands for, nor what only wraps one."""
    names = {thing.__name__ for thing in table.values() if not thing.__name__.endswith("Wrapper")}
    return sorted(names - {snake_case(name) for name in names if name != name.lower()})


def _address(thing: Any) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"
