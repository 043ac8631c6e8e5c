"""Prepare, then run: the contract between an operation and the kernel that computes it.

An operation is a method of `Reference`, the plain array code. `Backend.prepare` finds the backend's kernel for it and
decides everything that follows from shapes, dtypes and settings. The result is a `Launch`. An eager call runs it at
once; a plan keeps it and runs it at every step, with new values in the same arrays.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

Operation = Callable[..., Any]  # a method of `Reference`


class Launch(NamedTuple):
    """A kernel with its arrays: ``function(*arguments)`` computes.

    Attributes:
        result: the array, or tuple of arrays, that the function fills; None if the function returns the result.
        function: a compiled kernel, or Python code that calls several.
        arguments: the arrays and numbers that it takes.
    """

    result: Any
    function: Callable[..., Any]
    arguments: tuple[Any, ...]

    def run(self) -> Any:
        """Compute, and return the result."""
        returned = self.function(*self.arguments)
        return returned if self.result is None else self.result


class Kernel:
    """A backend's own code for an operation: the decorated method of the backend's class.

    Args:
        operation: the method of `Reference` that the kernel computes, with the same arguments.
        method: the function in the body of the class.
    """

    def __init__(self, operation: Operation, method: Callable[..., Any]) -> None:
        functools.update_wrapper(self, method)
        self.operation = operation
        self.method = method

    def __get__(self, backend: Backend | None, owner: type | None = None) -> Any:
        """Return the kernel itself, or for an instance the function that computes on arrays of that backend."""
        return self if backend is None else functools.partial(self, backend)

    def __call__(self, backend: Backend, *arrays: Any, out: Any = None, **parameters: Any) -> Any:
        return backend.prepare(self.operation, arrays, parameters, out).run()


class Backend:
    """Where operations are computed: by plain array code, or by kernels in its place.

    Attributes:
        kernels: the kernels of the class and of its bases, by their operations.
    """

    kernels: ClassVar[dict[Operation, Any]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        members = [member for base in reversed(cls.__mro__) for member in vars(base).values()]
        cls.kernels = {kernel.operation: kernel for kernel in members if isinstance(kernel, Kernel)}

    def prepare(self, operation: Operation, arrays: tuple, parameters: dict[str, Any], out: Any = None) -> Launch:
        """Return the launch that computes ``operation(*arrays, **parameters)`` here: plain array code, unless
        a backend has a kernel.

        Args:
            operation: a method of `Reference`.
            arrays: its positional arguments. A launch may run again after their values have changed.
            parameters: its keyword arguments, without `out`.
            out: the array, or tuple of arrays, that receives the result; None for new arrays at each run.
        """
        return Launch(None, functools.partial(operation, self, out=out, **parameters), arrays)

    def reads_slices(self, operation: Operation) -> bool:
        """Return True if the kernel of an operation reads slices of channels, ``whole[..., first:end]``, in place."""
        return False

    def writes_slices(self, operation: Operation, inputs: int, parameters: dict[str, Any]) -> bool:
        """Return True if the kernel of an operation on a number of inputs writes its result into such a slice."""
        return False
