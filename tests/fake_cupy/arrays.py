"""CuPy's arrays and functions, computed by NumPy, and as strict as CuPy: NumPy arrays are refused everywhere."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.fake_cupy.streams import (
    Device,
    allocated,
    forbid_in_capture,
    is_pinned,
    is_put_off,
    launch,
    spoil,
    state,
    submit,
    synchronize,
)

BASICS = (int, float, complex, bool, str, bytes, slice, type(None), type(...), type, np.generic, np.dtype)


class Flags:
    """The flags of the NumPy array."""

    def __init__(self, flags: Any) -> None:
        self._flags = flags

    def __getitem__(self, name: str) -> bool:
        return self._flags[name]

    c_contiguous = property(lambda self: self._flags.c_contiguous)
    f_contiguous = property(lambda self: self._flags.f_contiguous)
    owndata = property(lambda self: self._flags.owndata)


class MemoryPointer:
    """The address at which the memory of an array begins."""

    def __init__(self, ptr: int, device_id: int) -> None:
        self.ptr = ptr
        self.device_id = device_id


class ndarray:
    """An array on a fake GPU: a wrapped NumPy array."""

    __slots__ = ("__weakref__", "_device", "_raw")
    __hash__ = None  # type: ignore[assignment]
    __array_ufunc__ = None  # NumPy's arrays and functions leave operators to the methods below

    def __init__(self, raw: np.ndarray, device: int) -> None:
        self._raw = raw
        self._device = device

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def __array_function__(self, function: Any, *_: Any) -> Any:
        raise TypeError(f"numpy.{function.__name__} was called with an array on a GPU")

    # ---- metadata that needs no values -------------------------------------------------------------------------------

    shape = property(lambda self: self._raw.shape)
    dtype = property(lambda self: self._raw.dtype)
    ndim = property(lambda self: self._raw.ndim)
    size = property(lambda self: self._raw.size)
    nbytes = property(lambda self: self._raw.nbytes)
    itemsize = property(lambda self: self._raw.itemsize)
    strides = property(lambda self: self._raw.strides)
    flags = property(lambda self: Flags(self._raw.flags))
    data = property(lambda self: MemoryPointer(self._raw.ctypes.data, self._device))
    device = property(lambda self: Device(self._device))
    T = property(lambda self: self.transpose())

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self._raw.__array_interface__, "version": 3, "stream": None}

    def __dlpack__(self, **_: Any) -> Any:
        return self._raw.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self._device

    @property
    def base(self) -> Any:
        return self._raw.base

    def __len__(self) -> int:
        return len(self._raw)

    def __iter__(self) -> Iterator[ndarray]:
        return (self[i] for i in range(len(self)))

    # ---- transfers of values -----------------------------------------------------------------------------------------

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        if out is not None and not (isinstance(out, np.ndarray) and out.dtype == self.dtype):
            raise TypeError("Only numpy.ndarray of the array's dtype can be obtained as out")
        if out is not None and out.shape != self.shape:
            raise ValueError(f"Shape mismatch. Expected shape: {self.shape}, actual shape: {out.shape}")
        to = np.empty(self.shape, self.dtype) if out is None else out
        with self.device, stream or contextless:
            forbid_in_capture()
            launch(lambda: np.copyto(to, self._raw))
            if blocking:
                synchronize()
        return to

    def set(self, arr: np.ndarray, stream: Any = None) -> None:
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not self._raw.flags.forc:
            raise RuntimeError("Cannot set to non-contiguous array")
        with self.device, stream or contextless:
            forbid_in_capture()
            source = arr if is_pinned(arr) else arr.copy()  # the other memory has been read when this returns
            launch(lambda: np.copyto(self._raw, source))

    def item(self, *index: Any) -> Any:
        synchronize()
        return self._raw.item(*index)

    def tolist(self) -> Any:
        synchronize()
        return self._raw.tolist()

    def __bool__(self) -> bool:
        synchronize()
        return bool(self._raw)

    def __int__(self) -> int:
        synchronize()
        return int(self._raw.item())

    def __index__(self) -> int:
        synchronize()
        return operator.index(self._raw.item())

    def __float__(self) -> float:
        synchronize()
        return float(self._raw.item())

    def __repr__(self) -> str:
        synchronize()
        return repr(self._raw)

    def __str__(self) -> str:
        synchronize()
        return str(self._raw)

    # ---- elements ------------------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        if has_mask(key):
            synchronize()  # the number of elements that it selects
        return compute(operator.getitem, self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        target, place, raw = self._raw, unwrap(key), unwrap(value)
        if not np.can_cast(getattr(raw, "dtype", type(raw)), self.dtype, "unsafe"):
            raise TypeError(f"Cannot assign {value!r}")
        check_setitem(target, place, raw)
        launch(lambda: operator.setitem(target, place, raw))

    def fill(self, value: Any) -> None:
        self[...] = value

    def astype(self, dtype: Any, order: str = "K", casting: Any = None, subok: Any = None, copy: bool = True) -> Any:
        if not copy and np.dtype(dtype) == self.dtype:
            return self
        return compute(np.ndarray.astype, self, dtype, order)

    def copy(self, order: str = "C") -> Any:
        return compute(np.ndarray.copy, self, order)

    def view(self, dtype: Any = None) -> Any:
        return compute(np.ndarray.view, self, dtype)


class Contextless:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: Any) -> None:
        pass


contextless = Contextless()


def has_mask(key: Any) -> bool:
    return any(isinstance(k, ndarray) and k.dtype == bool for k in (key if isinstance(key, tuple) else (key,)))


def check_setitem(target: np.ndarray, place: Any, value: Any) -> None:
    """Raise the error of an assignment, without assigning."""
    if not (isinstance(place, tuple) and any(isinstance(p, np.ndarray) for p in place)):
        np.broadcast_to(value, target[place].shape)


# ---- functions -------------------------------------------------------------------------------------------------------


def unwrap(x: Any) -> Any:
    """Return the memory of a value on the current GPU; raise TypeError for a NumPy array."""
    if isinstance(x, ndarray):
        if x._device != state.entered[-1]:
            raise ValueError(
                "Array device must be same as the current device: "
                f"array device = {x._device} while current = {state.entered[-1]}"
            )
        return x._raw
    if isinstance(x, (tuple, list)):
        return type(x)(map(unwrap, x))
    if x is None or x is Ellipsis or isinstance(x, BASICS):
        return x
    raise TypeError(f"Unsupported type {type(x)}")


def compute(function: Callable[..., Any], *args: Any, out: Any = None, **options: Any) -> Any:
    """Compute a NumPy function of arrays of the current GPU, in new memory or in the memory of `out`."""
    args_raw, options = unwrap(args), {name: unwrap(value) for name, value in options.items()}
    if out is not None:
        return into(unwrap(out), out, function, args_raw, options)
    with np.errstate(all="ignore"):
        result = function(*args_raw, **options)
    if isinstance(result, (tuple, list)):
        return type(result)(delivered(r, i, function, args_raw, options, args) for i, r in enumerate(result))
    return delivered(result, None, function, args_raw, options, args)


def into(target: np.ndarray, out: Any, function: Callable[..., Any], args: tuple, options: dict) -> Any:
    if not isinstance(out, ndarray):
        raise TypeError("return arrays must be of ArrayType")
    if is_put_off():
        with np.errstate(all="ignore"):
            function(*args, out=target.copy(), **options)  # raise its errors
    launch(lambda: function(*args, out=target, **options))
    return out


def delivered(
    result: Any, part: int | None, function: Callable[..., Any], raw: tuple, options: dict, args: tuple
) -> Any:
    """Return a result: an argument itself, a view of an argument, or new memory that an active capture fills again."""
    for x in flat(args):
        if isinstance(x, ndarray) and result is x._raw:
            return x
    array = np.asarray(result)
    if any(isinstance(x, np.ndarray) and np.may_share_memory(x, array) for x in flat(raw)):
        return ndarray(array, state.entered[-1])
    array = allocated(array)

    def again() -> None:
        results = function(*raw, **options)
        array[...] = results if part is None else results[part]

    if is_put_off():
        launch(again)
    else:
        state.launches += 1
    return ndarray(array, state.entered[-1])


def flat(args: Any) -> Iterator[Any]:
    for x in args:
        if isinstance(x, (tuple, list)):
            yield from flat(x)
        else:
            yield x


def function_of(numpy_function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(numpy_function)
    def on_gpu(*args: Any, **options: Any) -> Any:
        return compute(numpy_function, *args, **options)

    return on_gpu


class ufunc:
    """A ufunc of CuPy, without `where` and `order`."""

    def __init__(self, numpy_ufunc: np.ufunc) -> None:
        self._ufunc = numpy_ufunc
        self.__name__ = self.name = numpy_ufunc.__name__
        self.nin, self.nout = numpy_ufunc.nin, numpy_ufunc.nout

    def __call__(self, *args: Any, out: Any = None, casting: str = "same_kind", dtype: Any = None) -> Any:
        if len(args) > self.nin:
            *args, out = args
        return compute(self._ufunc, *args, out=out, casting=casting, dtype=dtype)

    def at(self, a: ndarray, indices: Any, b: Any = None) -> None:
        target, place, value = unwrap((a, indices, b))
        launch(lambda: self._ufunc.at(target, place, *(() if value is None else (value,))))


UFUNCS = """
    absolute add arccos arcsin arctan arctan2 arccosh arcsinh arctanh bitwise_and bitwise_or bitwise_xor ceil
    conjugate copysign cos cosh deg2rad divide equal exp exp2 expm1 floor floor_divide fmax fmin fmod greater
    greater_equal hypot invert isfinite isinf isnan left_shift less less_equal log log10 log1p log2 logaddexp
    logical_and logical_not logical_or logical_xor maximum minimum multiply negative nextafter not_equal power
    reciprocal remainder right_shift rint sign signbit sin sinh sqrt square subtract tan tanh true_divide trunc
"""


def take(a: np.ndarray, indices: Any, axis: int | None = None, out: Any = None) -> Any:
    """As CuPy: indices out of range wrap around; nothing is checked."""
    return np.take(a, np.mod(indices, max(1, a.size if axis is None else a.shape[axis])), axis, out)


# functions that read no values on the host
FUNCTIONS = """
    amax amin any all argmax argmin argsort array_split broadcast_to clip cumsum diff dot einsum
    expand_dims flip mean moveaxis nan_to_num ones_like outer pad prod ravel repeat reshape roll rollaxis sort
    split squeeze stack std sum swapaxes take take_along_axis tensordot tile transpose tril triu var where
"""

# neither arrays nor functions of arrays
PLAIN = """
    bool_ can_cast dtype e finfo float16 float32 float64 floating iinfo inf int16 int32 int64 int8 integer nan newaxis
    pi promote_types result_type uint16 uint32 uint64 uint8
"""

# functions whose results have a data-dependent size
WAITING = ["argwhere", "flatnonzero", "nonzero", "unique"]

names: dict[str, Any] = {name: ufunc(getattr(np, name)) for name in UFUNCS.split()}
names |= {name: function_of(getattr(np, name)) for name in [*FUNCTIONS.split(), "matmul"]}
names |= {
    "abs": names["absolute"],
    "mod": names["remainder"],
    "max": names["amax"],
    "min": names["amin"],
    "round": function_of(np.round),
    "around": function_of(np.around),
    "take": function_of(take),
}


def waiting(numpy_function: Callable[..., Any]) -> Callable[..., Any]:
    def on_gpu(*args: Any, **options: Any) -> Any:
        synchronize()
        return compute(numpy_function, *args, **options)

    return on_gpu


names |= {name: waiting(getattr(np, name)) for name in WAITING}


def filled(numpy_function: Callable[..., np.ndarray]) -> Callable[..., ndarray]:
    """Return a function that creates an array from numbers only."""

    @functools.wraps(numpy_function)
    def on_gpu(*args: Any, **options: Any) -> ndarray:
        filled = numpy_function(*unwrap(args), **{k: unwrap(v) for k, v in options.items()})
        raw = allocated(filled)
        spoil(raw)
        if numpy_function is not np.empty:
            submit(lambda: np.copyto(raw, filled))
        return ndarray(raw, state.entered[-1])

    return on_gpu


names |= {name: filled(getattr(np, name)) for name in ("arange", "empty", "eye", "full", "linspace", "ones", "zeros")}


def like(name: str) -> Callable[..., ndarray]:
    def on_gpu(a: ndarray, *args: Any, dtype: Any = None, shape: Any = None) -> ndarray:
        if args and name != "full" and dtype is None:
            args, dtype = args[1:], args[0]
        return names[name](a.shape if shape is None else shape, *args, dtype=dtype or a.dtype)

    return on_gpu


names |= {name + "_like": like(name) for name in ("empty", "full", "ones", "zeros")}


def asarray(a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None, blocking: bool = False) -> ndarray:
    if isinstance(a, ndarray):
        return compute(lambda x: np.asarray(x, dtype, order=order or "K"), a)
    if hasattr(a, "__cuda_array_interface__"):
        return ndarray(np.asarray(Interface(a)), state.entered[-1])
    return array(a, dtype)


class Interface:
    """The memory of an array on a GPU, in the form that NumPy understands."""

    def __init__(self, a: Any) -> None:
        self.owner = a
        self.__array_interface__ = a.__cuda_array_interface__


def from_dlpack(array: Any) -> ndarray:
    """Return the memory of an array of another library."""
    if array.__dlpack_device__()[0] != 2:
        raise TypeError("CPU arrays cannot be directly imported to CuPy. Use `cupy.array(numpy.from_dlpack(input))`")

    class Host:
        def __dlpack__(self, **how: Any) -> Any:
            return array.__dlpack__(**how)

        def __dlpack_device__(self) -> tuple[int, int]:
            return 1, 0

    return ndarray(np.from_dlpack(Host()), array.__dlpack_device__()[1])


def array(obj: Any, dtype: Any = None, copy: bool = True, order: str = "K", *, blocking: bool = False) -> ndarray:
    """Return a copy; a capture refuses copies from the host."""
    if isinstance(obj, ndarray) and obj._device != state.entered[-1]:  # the current stream copies it at once
        copy, source = names["empty"](obj.shape, obj.dtype), obj._raw
        launch(lambda: np.copyto(copy._raw, source))
        obj = copy
    if isinstance(obj, ndarray):
        return compute(lambda x: np.array(x, dtype, order=order), obj)
    if isinstance(obj, (list, tuple)) and any(isinstance(x, ndarray) for x in flat(obj)):
        return names["stack"]([asarray(x) for x in obj]) if dtype is None else array(array(obj), dtype)
    forbid_in_capture()
    raw = np.array(obj, dtype)
    if raw.dtype.kind not in "biufc":
        raise ValueError(f"Unsupported dtype {raw.dtype}")
    target = allocated(raw)
    spoil(target)
    submit(lambda: np.copyto(target, raw))
    return ndarray(target, state.entered[-1])


def ascontiguousarray(a: ndarray, dtype: Any = None) -> ndarray:
    return compute(np.ascontiguousarray, asarray(a), dtype)


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *, blocking: bool = True) -> np.ndarray:
    return a.get(stream, order, out, blocking) if isinstance(a, ndarray) else np.asarray(a)


def copyto(dst: ndarray, src: Any, casting: Any = "same_kind", where: Any = None) -> None:
    target, source = unwrap((dst, src))
    if not np.can_cast(source if np.isscalar(source) else source.dtype, target.dtype, casting):
        raise TypeError(f"Cannot cast {source.dtype!r} to {target.dtype!r} in {casting} casting mode")
    np.broadcast_to(source, target.shape)
    launch(lambda: np.copyto(target, source, casting))


def may_share_memory(a: Any, b: Any, max_work: Any = None) -> bool:
    return isinstance(a, ndarray) and isinstance(b, ndarray) and np.may_share_memory(a._raw, b._raw)


def concatenate(tup: Any, axis: int = 0, out: Any = None) -> ndarray:
    """CuPy sends the addresses of more than eight arrays from the host."""
    if len(tup) > 8:
        forbid_in_capture()
    return compute(np.concatenate, tup, axis=axis, out=out)


OWN = (ndarray, ufunc, array, asarray, ascontiguousarray, asnumpy, concatenate, copyto, from_dlpack, may_share_memory)
names |= {f.__name__: f for f in OWN}
names |= {
    "ndim": lambda a: np.ndim(unwrap(a)),
    "shape": lambda a: np.shape(unwrap(a)),
    "size": lambda a: np.size(unwrap(a)),
    "isscalar": np.isscalar,
    "shares_memory": may_share_memory,
}
names |= {name: getattr(np, name) for name in PLAIN.split()}

# ---- methods ---------------------------------------------------------------------------------------------------------

METHODS = """
    all any argmax argmin argsort clip cumsum dot mean nonzero prod ravel repeat round squeeze std sum swapaxes
    take var
"""

OPERATORS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "left_shift",
    "rshift": "right_shift",
    "matmul": "matmul",
}
COMPARISONS = {"lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal"}


def method_of(name: str) -> Callable[..., Any]:
    return lambda self, *args, **options: names[name](self, *args, **options)


def shaped(name: str) -> Callable[..., Any]:
    """`reshape` and `transpose` take numbers as well as a tuple."""

    def method(self: ndarray, *sizes: Any, **options: Any) -> ndarray:
        if not sizes:
            return names[name](self, **options)
        return names[name](self, sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes, **options)

    return method


def left_operator(name: str) -> Callable[..., Any]:
    """Compute `x op y`, which CuPy leaves to the ufuncs of y, or to y if it has no ufuncs and a higher priority."""

    def method(x: ndarray, y: Any) -> Any:
        if isinstance(y, (ndarray, np.ndarray, *BASICS)):
            return names[name](x, y)
        if hasattr(y, "__array_ufunc__"):
            return y.__array_ufunc__(getattr(np, name), "__call__", x, y)
        return NotImplemented if getattr(y, "__array_priority__", 0) > 100 else names[name](x, y)

    return method


for _name in METHODS.split():
    setattr(ndarray, _name, method_of(_name))
for _name in ("max", "min"):
    setattr(ndarray, _name, method_of("a" + _name))
for _name in ("reshape", "transpose"):
    setattr(ndarray, _name, shaped(_name))
ndarray.flatten = lambda self: names["ravel"](self).copy()  # type: ignore[attr-defined]
for _name, _function in OPERATORS.items():
    setattr(ndarray, f"__{_name}__", left_operator(_function))
    setattr(ndarray, f"__r{_name}__", lambda x, y, f=names[_function]: f(y, x))
    setattr(ndarray, f"__i{_name}__", lambda x, y, f=names[_function]: f(x, y, out=x))
for _name, _function in (COMPARISONS | {"ne": "not_equal"}).items():
    setattr(ndarray, f"__{_name}__", left_operator(_function))
for _name, _function in {"neg": "negative", "abs": "absolute", "invert": "invert"}.items():
    setattr(ndarray, f"__{_name}__", lambda x, f=names[_function]: f(x))
