"""From Python's values to arrays, from one dtype to another."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastconv import config
from fastconv.arguments import LARGEST
from fastconv.backends.gpu.transfer import as_array, native, to_host
from fastconv.backends.reference import Reference
from fastconv.engine import Tensor
from fastconv.engine.primitive import CAST, DETACH, Primitive, read
from fastconv.engine.tree import leaves

NOT_NUMERIC = "OSUMm"  # kinds of NumPy's dtypes: objects, texts, dates and times
NATIVE = (np.ndarray, np.generic, Tensor)  # what has a shape and is computed with as it is, as CuPy's arrays are


def convert_to_tensor(x: Any, dtype: Any = None, sparse: bool | None = None, ragged: bool | None = None) -> Any:
    """`x` as something to compute with: arrays and tensors as they are, what a variable holds, the rest as an array.

    Python floats, and lists of them, take `config.floatx()`. Arrays of other libraries are taken without a copy, in the
    host's memory as NumPy's, on a GPU as CuPy's; those with bytes in the other order are copied. With `dtype`, cast.

    Raises:
        TypeError: a list of tensors; `ops.stack` makes one of them.
        ValueError: `sparse` or `ragged` is True, or a list of something else than numbers.
    """
    if type(x) is np.ndarray and dtype is None and not sparse and not ragged:
        return x if x.dtype.isnative else native(x)
    if sparse or ragged:
        raise ValueError(f"convert_to_tensor: sparse and ragged must be False. Received: {sparse=}, {ragged=}")
    x = read(x)
    if not hasattr(x, "shape"):
        if any(isinstance(leaf, Tensor) for leaf in leaves(x)):
            raise TypeError(f"convert_to_tensor: lists of tensors are joined by ops.stack. Received: {x!r}")
        x = numeric(np.asarray(x))
        if x.dtype == np.float64:
            x = x.astype(config.floatx())
    elif not isinstance(x, NATIVE) or isinstance(x, np.ma.MaskedArray):
        x = as_array(x)
    if isinstance(x, np.ndarray):
        x = native(x)
    return x if dtype is None else cast(x, dtype)


def numeric(x: Any) -> Any:
    """`x`, an array. Raises ValueError if it holds texts, dates or Python objects instead of numbers."""
    if x.dtype.kind in NOT_NUMERIC:
        raise ValueError(f"Arrays must hold numbers. Received: dtype={x.dtype}, shape={tuple(x.shape)}")
    return x


def convert_to_numpy(x: Any) -> np.ndarray:
    """The values of `x` as a NumPy array. Raises DataDependentError where a graph has not run."""
    return x.numpy() if isinstance(x, Tensor) else to_host(x)


def cast(x: Any, dtype: Any) -> Any:
    """x with elements of another dtype; the gradient passes from float to float.

    Integers that a graph has cast to floats are cast from the integers, so that they stay exact.

    Raises:
        ValueError: x holds texts, dates or Python objects.
    """
    x, dtype = convert_to_tensor(x), np.dtype(dtype).newbyteorder("=")
    if x.dtype.kind in NOT_NUMERIC:
        numeric(x)
    if x.dtype.kind == "f" and dtype.kind in "iu":
        x = _before_cast(x)
    return x if x.dtype == dtype else CAST(x, dtype=dtype.name)


def _before_cast(x: Any) -> Any:
    """The integers or booleans that the tensor x was cast from, or x."""
    call = x.call if isinstance(x, Tensor) else None
    if call is None or call.primitive is not CAST:
        return x
    source = call.inputs[0]
    return source if source.dtype.kind in "biu" else x


_indices: Primitive = Primitive(Reference.indices, lambda x: (x.shape, np.dtype("int64")))


def as_indices(x: Any) -> Any:
    """x as integers that number classes or positions; floats become int64.

    Raises:
        ValueError: a float that is no integer, when the values are computed; on a GPU, when results are fetched. An
            integer that int64 does not hold.
    """
    x = convert_to_tensor(x)
    if isinstance(x, np.ndarray) and x.dtype == np.uint64:
        if x.max(initial=0) > LARGEST:
            raise ValueError(f"Class indices and positions must be below 2**63. Received: {x.max()}, shape={x.shape}")
        return x.astype("int64")
    if x.dtype.kind != "f":
        return x if x.dtype.kind in "iu" else cast(x, "int64")
    found = _before_cast(x)
    if found is not x:
        return cast(found, "int64")
    return _indices(cast(x, "float32") if x.dtype.itemsize < 4 else x)


def as_float(x: Any) -> Any:
    """x, with whole numbers and booleans cast to `config.floatx()`.

    Raises:
        TypeError: complex numbers, or anything else that is no real number.
    """
    x = convert_to_tensor(x)
    kind = x.dtype.kind
    if kind == "f":
        return x
    if kind not in "biu":
        raise TypeError(f"arrays must hold real numbers. Received: dtype={x.dtype}")
    return cast(x, config.floatx())


def stop_gradient(variable: Any) -> Any:
    """Return `variable`, an array of any kind, as a constant for differentiation."""
    return DETACH(convert_to_tensor(variable))
