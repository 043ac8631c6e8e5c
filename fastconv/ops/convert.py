"""Conversion of Python values to arrays, and between dtypes."""

from __future__ import annotations

import numpy as np

import fastconv.config as config
from fastconv.arguments import LARGEST
from fastconv.backends.gpu.transfer import as_array, native, to_host
from fastconv.backends.reference import Reference
from fastconv.engine import Tensor
from fastconv.engine.primitive import CAST, DETACH, Primitive, read
from fastconv.engine.tree import leaves
from fastconv.typing import Array, ArrayLike, DTypeLike

NOT_NUMERIC = "OSUMm"  # NumPy's dtype kinds: objects, strings, dates and times
NATIVE = (np.ndarray, np.generic, Tensor)  # need no conversion


def convert_to_tensor(
    x: ArrayLike, dtype: DTypeLike | None = None, sparse: bool | None = None, ragged: bool | None = None
) -> Array:
    """Return `x` as an array or tensor to compute with.

    Arrays and tensors are returned as they are, and a variable as its value. Arrays of other libraries are shared
    without a copy: as NumPy arrays if they are in host memory, as CuPy arrays if they are on a GPU. Arrays in the other
    byte order are copied. Python floats and lists of floats become `config.floatx()`.

    Args:
        x: array, tensor, variable, number, or nested list of numbers.
        dtype: dtype of the result, or None (default) to keep the dtype of x.
        sparse, ragged: must not be True; present for Keras's signature.

    Returns:
        Array or tensor with the shape of x.

    Raises:
        TypeError: if x is a list of tensors; use `ops.stack`.
        ValueError: if `sparse` or `ragged` is True, or if x holds anything but numbers.

    Example:
        >>> x = ops.convert_to_tensor([1.0, 2.0])
        >>> x.dtype.name, x.shape
        ('float32', (2,))
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


def numeric(x: Array) -> Array:
    """Return the array `x`. Raises ValueError if it holds strings, dates or Python objects instead of numbers."""
    if x.dtype.kind in NOT_NUMERIC:
        raise ValueError(f"Arrays must hold numbers. Received: dtype={x.dtype}, shape={tuple(x.shape)}")
    return x


def convert_to_numpy(x: ArrayLike) -> np.ndarray:
    """Return the values of `x` as a NumPy array.

    Args:
        x: array, tensor or variable; arrays of a GPU are copied to host memory.

    Returns:
        NumPy array.

    Raises:
        DataDependentError: if x is part of a graph that has not run.

    Example:
        >>> ops.convert_to_numpy(fastconv.Variable([1.0, 2.0])).tolist()
        [1.0, 2.0]
    """
    return x.numpy() if isinstance(x, Tensor) else to_host(x)


def cast(x: ArrayLike, dtype: DTypeLike) -> Array:
    """Return x with elements of another dtype.

    The gradient passes between float dtypes. If a graph casts integers to floats and back, the result is cast from the
    integers, so that they stay exact.

    Args:
        x: array of any shape.
        dtype: dtype of the result.

    Returns:
        Array with the shape of x.

    Raises:
        ValueError: if x holds strings, dates or Python objects.

    Example:
        >>> ops.cast([1.5, -1.5], "int32").tolist()
        [1, -1]
    """
    x, dtype = convert_to_tensor(x), np.dtype(dtype).newbyteorder("=")
    if x.dtype.kind in NOT_NUMERIC:
        numeric(x)
    if x.dtype.kind == "f" and dtype.kind in "iu":
        x = _before_cast(x)
    return x if x.dtype == dtype else CAST(x, dtype=dtype.name)


def _before_cast(x: Array) -> Array:
    """Return the integers or booleans from which the tensor x was cast, else x."""
    call = x.call if isinstance(x, Tensor) else None
    if call is None or call.primitive is not CAST:
        return x
    source = call.inputs[0]
    return source if source.dtype.kind in "biu" else x


_indices: Primitive = Primitive(Reference.indices, lambda x: (x.shape, np.dtype("int64")))


def as_indices(x: ArrayLike) -> Array:
    """Return x as integers that number classes or positions. Floats become int64.

    Raises:
        ValueError: if a float is not an integer (when the values are computed; on a GPU, when results are fetched), or
            if an integer does not fit in int64.
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


def as_float(x: ArrayLike) -> Array:
    """Return x, with integers and booleans cast to `config.floatx()`.

    Raises:
        TypeError: if x holds complex numbers or anything else that is not a real number.
    """
    x = convert_to_tensor(x)
    kind = x.dtype.kind
    if kind == "f":
        return x
    if kind not in "biu":
        raise TypeError(f"arrays must hold real numbers. Received: dtype={x.dtype}")
    return cast(x, config.floatx())


def stop_gradient(variable: ArrayLike) -> Array:
    """Return `variable` as a constant: no gradient passes through it.

    Args:
        variable: array, tensor or variable.

    Returns:
        Array with the same values.

    Example:
        >>> fastconv.grad(lambda x: x * ops.stop_gradient(x))(3.0).tolist()
        3.0
    """
    return DETACH(convert_to_tensor(variable))
