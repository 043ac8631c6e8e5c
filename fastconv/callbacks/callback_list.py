"""Callback that calls a list of callbacks."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from fastconv.caches import cached_on_argument
from fastconv.callbacks.callback import Callback
from fastconv.callbacks.history import History, ProgbarLogger
from fastconv.callbacks.lazy_logs import LazyLogs
from fastconv.engine.tree import leaves
from fastconv.typing import AnyModel

# The new names of stages, with the names of Keras 2 that their default methods call.
ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class CallbackList(Callback):
    """A list of callbacks, called in order at each stage; as a context manager it also reports exceptions to them.

    Args:
        callbacks: a callback, or nested lists of callbacks. Default: None, no callbacks.
        add_history: bool. Whether to add a `History` if there is none. Default: False.
        add_progbar: bool. Whether to add a `ProgbarLogger` if there is none. Default: False.
        model: the model of the callbacks. Default: None.
        params: parameters of the call, for example verbose=1, epochs=3, steps=10.

    Raises:
        TypeError: an object is not a Callback.

    Example:
        >>> both = callbacks.CallbackList([callbacks.TerminateOnNaN()], add_history=True, epochs=1)
        >>> both.on_train_begin()
        >>> both.on_epoch_end(0, {"loss": 0.5})
        >>> both.history.history
        {'loss': [0.5]}
    """

    def __init__(
        self,
        callbacks: CallbackList | Callback | Sequence[Callback] | None = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: AnyModel | None = None,
        **params: Any,
    ) -> None:
        super().__init__()
        given = leaves(callbacks)
        for callback in given:
            if not isinstance(callback, Callback):
                raise TypeError(f"callbacks must be Callback objects. Received: {callback!r}")
        for wanted, kind in ((add_progbar, ProgbarLogger), (add_history, History)):
            if wanted and not any(isinstance(callback, kind) for callback in given):
                given.append(kind())
        self.callbacks = sorted(given, key=lambda callback: callback.comes_last)
        for callback in self.callbacks:
            callback.companions = self.callbacks
        if model is not None:
            self.set_model(model)
            if self.history is not None:
                model.history = self.history
        self.set_params(params)

    @property
    def history(self) -> History | None:
        """The last `History` in the list, or None if there is none."""
        found = [callback for callback in self.callbacks if isinstance(callback, History)]
        return found[-1] if found else None

    def __enter__(self) -> CallbackList:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.on_exception()


def _tell_all(name: str) -> Any:
    """Return the method `name` of `CallbackList`, which calls the method `name` of each callback."""
    default = getattr(Callback, name)
    takes = len(inspect.signature(default).parameters) - 1  # without self
    nothing = default if name.startswith("on_") else None
    former = ALIASES.get(name)
    former_default = getattr(Callback, former) if former else None

    def tell(self: CallbackList, *args: object, **kwargs: Any) -> None:
        args = (*args, *kwargs.values())
        args = args if len(args) == takes else (*args, {})  # no logs
        for callback in self.callbacks:
            method = getattr(callback, name)
            if getattr(method, "__func__", None) is nothing:
                if former is None:
                    continue
                method = getattr(callback, former)
                if getattr(method, "__func__", None) is former_default:
                    continue
            given = args if callback.looks_at_once else [*map(_found, args)]
            function = getattr(method, "__func__", None)
            if function is not None and _places_before_names(function) == takes:
                method(*given[:-1], logs=given[-1])
            else:
                method(*given)

    return tell


@cached_on_argument
def _places_before_names(function: Callable[..., Any]) -> int | None:
    """Return the number of positional arguments of a function that takes others as keywords only, else None.

    These are self and all arguments but logs in ``f(self, batch, **kwargs)`` and ``f(self, batch, *, logs=None)``.
    """
    kinds = [parameter.kind for parameter in inspect.signature(function).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return None
    by_place = sum(kind <= inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds)
    by_name = any(kind >= inspect.Parameter.KEYWORD_ONLY for kind in kinds)
    return by_place if by_name else None


def _found(arg: object) -> Any:
    """Return an argument of a stage; evaluate it first if it is `LazyLogs`."""
    return arg.data if isinstance(arg, LazyLogs) else arg


for _name in [name for name in vars(Callback) if name.startswith(("on_", "set_"))]:
    setattr(CallbackList, _name, _tell_all(_name))
