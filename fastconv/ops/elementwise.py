"""Elementwise functions, broadcast as in NumPy, and the operators of tensors and variables."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import fastconv.config as config
from fastconv.arguments import as_integer
from fastconv.backends.gpu.transfer import to_host
from fastconv.backends.reference import Reference
from fastconv.engine import Operand, Primitive, Tensor, lift
from fastconv.engine.primitive import Gradients, Spec
from fastconv.ops.broadcast import broadcast_shapes, sum_to
from fastconv.ops.convert import as_float, cast, convert_to_tensor
from fastconv.typing import Array, ArrayLike

Unary = Callable[[ArrayLike], Array]
Binary = Callable[[ArrayLike, ArrayLike], Array]


def operands(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return x and y as arrays of compatible dtypes: integers and booleans become floats next to floats.

    A Python number takes the dtype of the other array, with two exceptions. A Python float combined with integers takes
    `config.floatx()`. A Python integer that the array's dtype cannot hold takes a larger dtype.
    """
    if isinstance(x, (bool, int, float)) and hasattr(y, "dtype"):
        x = _like(x, y)
    elif isinstance(y, (bool, int, float)) and hasattr(x, "dtype"):
        y = _like(y, x)
    x, y = convert_to_tensor(x), convert_to_tensor(y)
    if x.dtype.kind == "f" and y.dtype.kind in "biu":
        return x, cast(y, x.dtype)
    if y.dtype.kind == "f" and x.dtype.kind in "biu":
        return cast(x, y.dtype), y
    return x, y


def _like(number: float, array: Array) -> np.ndarray:
    if array.dtype.kind not in "biu":
        return np.asarray(number, array.dtype)
    if isinstance(number, float):
        return np.asarray(number, config.floatx())
    if array.dtype.kind == "b" or not _holds(array.dtype, number):
        return np.asarray(number) if _holds(np.dtype("int64"), number) else np.asarray(float(number))
    return np.asarray(number, array.dtype)


def _holds(dtype: np.dtype, number: int) -> bool:
    """Return True if an integer dtype can hold `number`."""
    limits = np.iinfo(dtype)
    return limits.min <= number <= limits.max


def broadcast_shape(x: Array, y: Array, **_: object) -> Spec:
    return broadcast_shapes(x.shape, y.shape), np.result_type(x.dtype, y.dtype)


def _unary_shape(x: Array, *, function: str) -> Spec:
    return x.shape, getattr(np, function)(np.ones((), x.dtype)).dtype


def _unary_gradient(dy: Array, y: Array, x: Array, *, function: str) -> Gradients:
    derivative = UNARY[function]
    return (None if derivative is None else derivative(dy, y, x),)


def _binary_shape(x: Array, y: Array, *, function: str) -> Spec:
    dtype = getattr(np, function)(np.ones((), x.dtype), np.ones((), y.dtype)).dtype
    return broadcast_shapes(x.shape, y.shape), dtype


def _binary_gradient(dz: Array, z: Array, x: Array, y: Array, *, function: str) -> Gradients:
    derivatives = BINARY[function]
    if derivatives is None:
        return None, None
    dx, dy = derivatives(dz, z, x, y)
    return sum_to(dx, x.shape), sum_to(dy, y.shape)


_unary = Primitive(Reference.elementwise, _unary_shape, _unary_gradient, elementwise=True)
_binary = Primitive(Reference.elementwise, _binary_shape, _binary_gradient, elementwise=True)
_add = Primitive(
    Reference.add,
    broadcast_shape,
    lambda dz, z, x, y: (sum_to(dz, x.shape), sum_to(dz, y.shape)),
    elementwise=True,
)
_multiply = Primitive(
    Reference.multiply,
    broadcast_shape,
    lambda dz, z, x, y: (sum_to(dz * y, x.shape), sum_to(dz * x, y.shape)),
    elementwise=True,
)


def add(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Return x1 + x2.

    Args:
        x1, x2: arrays whose shapes broadcast to each other.

    Returns:
        Array of the broadcast shape.

    Example:
        >>> ops.add([1.0, 2.0], 3.0).tolist()
        [4.0, 5.0]
    """
    return _add(*operands(x1, x2))


def multiply(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Return x1 x2.

    Args:
        x1, x2: arrays whose shapes broadcast to each other.

    Returns:
        Array of the broadcast shape.

    Example:
        >>> ops.multiply([1.0, 2.0], 3.0).tolist()
        [3.0, 6.0]
    """
    return _multiply(*operands(x1, x2))


def _to_extreme(larger: Callable[[Array, Array], Array]) -> Callable[..., Gradients]:
    """Return the gradient of the larger or smaller of x and y, which takes dz; if they are equal, each takes half."""

    def gradient(dz: Array, z: Array, x: Array, y: Array) -> Gradients:
        shared = where(equal(x, y), dz * 0.5, 0.0)
        return where(larger(x, y), dz, shared), where(larger(y, x), dz, shared)

    return gradient


def _power_gradient(dz: Array, z: Array, x: Array, y: Array) -> Gradients:
    """Follow PyTorch's conventions for x^y.

    dx is 0 if y is 0. dy is 0 if x is 0 and y is not negative, and NaN if x is negative.
    """
    by_x = where(equal(y, 0), 0.0, dz * y * power(x, where(equal(y, 0), 1.0, y - 1)))
    guarded = where(logical_or(x < 0, logical_and(equal(x, 0), greater_equal(y, 0))), 1.0, x)
    return by_x, dz * where(x < 0, math.nan, z * log(guarded))


def _logaddexp_gradient(dz: Array, z: Array, x: Array, y: Array) -> Gradients:
    """Return (dz e^x / (e^x + e^y), dz e^y / (e^x + e^y)): dz/2 each if x and y are equal, even if infinite."""
    same = equal(x, y)
    distance = where(same, 0.0, x) - where(same, 0.0, y)
    e = exp(-absolute(distance))
    more, less = dz / (1 + e), dz * (e / (1 + e))
    return where(distance < 0, less, more), where(distance < 0, more, less)


# NumPy's name of the function: its derivative, dx = f(dy, y, x); None if it is zero everywhere or does not exist.
UNARY: dict[str, Callable[[Array, Array, Array], Array] | None] = {
    "negative": lambda dy, y, x: -dy,
    "absolute": lambda dy, y, x: dy * sign(x),
    "sign": None,
    "exp": lambda dy, y, x: dy * y,
    "expm1": lambda dy, y, x: dy * exp(x),
    "log": lambda dy, y, x: dy / x,
    "log1p": lambda dy, y, x: dy / (x + 1),
    "sqrt": lambda dy, y, x: dy * 0.5 / y,
    "square": lambda dy, y, x: dy * x * 2,
    "reciprocal": lambda dy, y, x: -dy * square(y),
    "sin": lambda dy, y, x: dy * cos(x),
    "cos": lambda dy, y, x: -dy * sin(x),
    "floor": None,
    "ceil": None,
    "rint": None,
    "isnan": None,
    "isfinite": None,
    "logical_not": None,
}

# NumPy's name of the function: its derivatives, (dx, dy) = f(dz, z, x, y), before the sum over broadcast axes.
BINARY: dict[str, Callable[..., Gradients] | None] = {
    "subtract": lambda dz, z, x, y: (dz, -dz),
    "true_divide": lambda dz, z, x, y: (dz / y, -dz * z / y),
    "power": _power_gradient,
    "logaddexp": _logaddexp_gradient,
    "maximum": _to_extreme(lambda x, y: x > y),
    "minimum": _to_extreme(lambda x, y: x < y),
    "remainder": lambda dz, z, x, y: (dz, -dz * floor_divide(x, y)),
    "floor_divide": None,
    "equal": None,
    "not_equal": None,
    "greater": None,
    "greater_equal": None,
    "less": None,
    "less_equal": None,
    "logical_and": None,
    "logical_or": None,
}


# Functions that leave integers as they are. NUMERIC functions take booleans as 0 and 1, LOGICAL functions any dtype.
NUMERIC = {"negative", "absolute", "sign", "square"}
LOGICAL = {"isnan", "isfinite", "logical_not"}


def _as_number(x: ArrayLike) -> Array:
    """Return x, with booleans cast to int64."""
    x = convert_to_tensor(x)
    return cast(x, "int64") if x.dtype.kind == "b" else x


def _docstring(summary: str, arguments: str, returns: str, example: str) -> str:
    """Return a docstring; `example` is an expression and the value that it prints, separated by " -> "."""
    call, _, value = example.partition(" -> ")
    shown = f"\n\nExample:\n    >>> {call}\n    {value}\n" if example else ""
    return f"{summary}\n\nArgs:\n    {arguments}\n\nReturns:\n    {returns}{shown}"


def _unary_function(function: str, summary: str, example: str = "") -> Unary:
    convert = _as_number if function in NUMERIC else convert_to_tensor if function in LOGICAL else as_float

    def apply(x: ArrayLike) -> Array:
        return _unary(convert(x), function=function)

    apply.__name__ = apply.__qualname__ = function
    apply.__doc__ = _docstring(summary, "x: array of any shape.", "Array with the shape of x.", example)
    return apply


def _binary_function(function: str, summary: str, example: str = "") -> Binary:
    def apply(x1: ArrayLike, x2: ArrayLike) -> Array:
        return _binary(*operands(x1, x2), function=function)

    apply.__name__ = apply.__qualname__ = function
    arguments = "x1, x2: arrays whose shapes broadcast to each other."
    apply.__doc__ = _docstring(summary, arguments, "Array of the broadcast shape.", example)
    return apply


negative: Unary = _unary_function("negative", "Return -x.", "ops.negative([1.0, -2.0]).tolist() -> [-1.0, 2.0]")
absolute: Unary = _unary_function(
    "absolute", "Return |x|. The derivative is sign(x).", "ops.absolute([1.0, -2.0]).tolist() -> [1.0, 2.0]"
)
abs = absolute
sign: Unary = _unary_function(
    "sign",
    "Return -1, 0 or 1, the sign of x. The derivative is 0.",
    "ops.sign([-3.0, 0.0, 2.0]).tolist() -> [-1.0, 0.0, 1.0]",
)
exp: Unary = _unary_function("exp", "Return e^x.", "ops.exp([0.0, 1.0]).tolist() -> [1.0, 2.718...]")
expm1: Unary = _unary_function(
    "expm1", "Return e^x - 1, accurate near 0.", "ops.expm1([0.0, 1.0]).tolist() -> [0.0, 1.718...]"
)
log: Unary = _unary_function(
    "log", "Return the natural logarithm of x.", "ops.log([1.0, 10.0]).tolist() -> [0.0, 2.302...]"
)
log1p: Unary = _unary_function(
    "log1p", "Return log(1 + x), accurate near 0.", "ops.log1p([0.0, 1.0]).tolist() -> [0.0, 0.693...]"
)
sqrt: Unary = _unary_function("sqrt", "Return the square root of x.", "ops.sqrt([4.0, 9.0]).tolist() -> [2.0, 3.0]")
square: Unary = _unary_function("square", "Return x^2.", "ops.square([2.0, -3.0]).tolist() -> [4.0, 9.0]")
reciprocal: Unary = _unary_function("reciprocal", "Return 1 / x.", "ops.reciprocal([2.0, 4.0]).tolist() -> [0.5, 0.25]")
sin: Unary = _unary_function(
    "sin", "Return the sine of x, in radians.", "ops.sin([0.0, 1.0]).tolist() -> [0.0, 0.841...]"
)
cos: Unary = _unary_function(
    "cos", "Return the cosine of x, in radians.", "ops.cos([0.0, 1.0]).tolist() -> [1.0, 0.540...]"
)
floor: Unary = _unary_function(
    "floor", "Return the largest integer <= x. The derivative is 0.", "ops.floor([1.5, -1.5]).tolist() -> [1.0, -2.0]"
)
ceil: Unary = _unary_function(
    "ceil", "Return the smallest integer >= x. The derivative is 0.", "ops.ceil([1.5, -1.5]).tolist() -> [2.0, -1.0]"
)
_rint: Unary = _unary_function("rint", "Return the nearest integer, halves to the even integer. The derivative is 0.")
isnan: Unary = _unary_function(
    "isnan", "Return True if x is NaN.", 'ops.isnan([1.0, float("nan")]).tolist() -> [False, True]'
)
isfinite: Unary = _unary_function(
    "isfinite",
    "Return True if x is neither infinite nor NaN.",
    'ops.isfinite([1.0, float("inf")]).tolist() -> [True, False]',
)
logical_not: Unary = _unary_function(
    "logical_not", "Return True if x is 0.", "ops.logical_not([True, False]).tolist() -> [False, True]"
)

subtract: Binary = _binary_function(
    "subtract", "Return x1 - x2.", "ops.subtract([5.0, 7.0], 2.0).tolist() -> [3.0, 5.0]"
)
_quotient: Binary = _binary_function("true_divide", "Return x1 / x2.")
power: Binary = _binary_function(
    "power", "Return x1 to the power of x2.", "ops.power([2.0, 3.0], 2.0).tolist() -> [4.0, 9.0]"
)
logaddexp: Binary = _binary_function(
    "logaddexp",
    "Return log(e^x1 + e^x2), without overflow.",
    "ops.logaddexp([1000.0], [1000.0]).tolist() -> [1000.693...]",
)
maximum: Binary = _binary_function(
    "maximum",
    "Return the larger of x1 and x2. Equal elements share the gradient; NaN propagates.",
    "ops.maximum([1.0, 4.0], 2.0).tolist() -> [2.0, 4.0]",
)
minimum: Binary = _binary_function(
    "minimum",
    "Return the smaller of x1 and x2. Equal elements share the gradient; NaN propagates.",
    "ops.minimum([1.0, 4.0], 2.0).tolist() -> [1.0, 2.0]",
)
mod: Binary = _binary_function(
    "remainder",
    "Return the remainder of x1 / x2, with the sign of x2.",
    "ops.mod([7.0, -7.0], 4.0).tolist() -> [3.0, 1.0]",
)
floor_divide: Binary = _binary_function(
    "floor_divide",
    "Return floor(x1 / x2). There is no gradient.",
    "ops.floor_divide([7.0, -7.0], 4.0).tolist() -> [1.0, -2.0]",
)
equal: Binary = _binary_function(
    "equal", "Return x1 == x2, as booleans.", "ops.equal([1.0, 2.0], 2.0).tolist() -> [False, True]"
)
not_equal: Binary = _binary_function(
    "not_equal", "Return x1 != x2, as booleans.", "ops.not_equal([1.0, 2.0], 2.0).tolist() -> [True, False]"
)
greater: Binary = _binary_function(
    "greater", "Return x1 > x2, as booleans.", "ops.greater([1.0, 3.0], 2.0).tolist() -> [False, True]"
)
greater_equal: Binary = _binary_function(
    "greater_equal", "Return x1 >= x2, as booleans.", "ops.greater_equal([1.0, 2.0], 2.0).tolist() -> [False, True]"
)
less: Binary = _binary_function(
    "less", "Return x1 < x2, as booleans.", "ops.less([1.0, 2.0], 2.0).tolist() -> [True, False]"
)
less_equal: Binary = _binary_function(
    "less_equal", "Return x1 <= x2, as booleans.", "ops.less_equal([2.0, 3.0], 2.0).tolist() -> [True, False]"
)
logical_and: Binary = _binary_function(
    "logical_and",
    "Return True if both x1 and x2 are nonzero.",
    "ops.logical_and([True, False], True).tolist() -> [True, False]",
)
logical_or: Binary = _binary_function(
    "logical_or",
    "Return True if x1 or x2 is nonzero.",
    "ops.logical_or([True, False], False).tolist() -> [True, False]",
)


def divide(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Return x1 / x2. Two integers are divided as `config.floatx()`.

    Args:
        x1, x2: arrays whose shapes broadcast to each other.

    Returns:
        Array of the broadcast shape.

    Example:
        >>> ops.divide([1, 3], 2).tolist()
        [0.5, 1.5]
    """
    return _quotient(*(as_float(x) for x in operands(x1, x2)))


true_divide = divide


def rsqrt(x: ArrayLike) -> Array:
    """Return 1 / sqrt(x).

    Args:
        x: array of any shape.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.rsqrt([4.0, 16.0]).tolist()
        [0.5, 0.25]
    """
    return reciprocal(sqrt(x))


def _limit_gradient(dz: Array, z: Array, x: Array, limit: Array, *, function: str) -> Gradients:
    within = greater_equal(x, limit) if function == "maximum" else less_equal(x, limit)
    return sum_to(where(within, dz, 0.0), x.shape), sum_to(where(within, 0.0, dz), limit.shape)


_limit = Primitive(Reference.elementwise, _binary_shape, _limit_gradient, elementwise=True)


def clip(x: ArrayLike, x_min: ArrayLike, x_max: ArrayLike) -> Array:
    """Return min(max(x, x_min), x_max).

    The gradient passes if x_min <= x <= x_max.

    Args:
        x: array of any shape.
        x_min, x_max: numbers, or arrays that broadcast with x.

    Returns:
        Array with the shape of x.

    Example:
        >>> ops.clip([-2.0, 0.5, 3.0], 0.0, 1.0).tolist()
        [0.0, 0.5, 1.0]
    """
    return _limit(*operands(_limit(*operands(x, x_min), function="maximum"), x_max), function="minimum")


# ---- choice ----------------------------------------------------------------------------------------------------------

_where = Primitive(
    Reference.where,
    lambda condition, x, y: (
        broadcast_shapes(condition.shape, x.shape, y.shape),
        np.result_type(x.dtype, y.dtype),
    ),
    lambda dz, z, condition, x, y: (
        None,
        sum_to(where(condition, dz, 0.0), x.shape),
        sum_to(where(condition, 0.0, dz), y.shape),
    ),
    broadcasts=True,
)


MOST_DECIMALS = 308  # larger powers of 10 overflow float64


def round(x: ArrayLike, decimals: int = 0) -> Array:
    """Return the nearest multiple of 10^-decimals, halves to the even multiple.

    The derivative is 0.

    Args:
        x: array of any shape. Integers stay as they are, unless `decimals` is negative.
        decimals: int, default 0; may be negative.

    Returns:
        Array with the shape of x.

    Raises:
        ValueError: if `decimals` is not an int from -308 to 308.

    Example:
        >>> ops.round([0.5, 1.5, 2.25], decimals=1).tolist()
        [0.5, 1.5, 2.20...]
    """
    decimals = as_integer("round", "decimals", decimals, -MOST_DECIMALS, MOST_DECIMALS)
    x = convert_to_tensor(x)
    if decimals >= 0 and x.dtype.kind in "iu":
        return x
    if not decimals:
        return _rint(x)
    scale = 10.0 ** max(decimals, -decimals)
    return divide(_rint(multiply(x, scale)), scale) if decimals > 0 else multiply(_rint(divide(x, scale)), scale)


def where(condition: ArrayLike, x1: ArrayLike | None = None, x2: ArrayLike | None = None) -> Array:
    """Return x1 if `condition` is True, else x2, element by element.

    Args:
        condition: array of booleans.
        x1, x2: arrays whose shapes broadcast with that of `condition`; give both or neither.

    Returns:
        Array of the broadcast shape. If x1 and x2 are not given: the positions at which `condition` is True, a tuple of
        one integer array per axis.

    Raises:
        ValueError: if only x1 or only x2 is given.

    Example:
        >>> ops.where([True, False], [1.0, 2.0], 0.0).tolist()
        [1.0, 0.0]
    """
    if x1 is None and x2 is None:
        return np.nonzero(to_host(Tensor.of(convert_to_tensor(condition)).known()))
    if x1 is None or x2 is None:
        raise ValueError(f"where: x1 and x2 must both be given, or neither. Received: {x1=}, {x2=}")
    return _where(convert_to_tensor(condition), *operands(x1, x2))


# ---- operators -------------------------------------------------------------------------------------------------------


def _reflected(function: Binary) -> Binary:
    return lambda self, other: function(other, self)


def _comparison(function: Binary) -> Binary:
    """Return `function` as a comparison operator, which returns NotImplemented for anything but numbers and arrays."""

    def compare(self: Any, other: ArrayLike) -> Array:
        comparable = hasattr(other, "shape") or isinstance(other, (bool, int, float, list, tuple))
        return function(self, other) if comparable else NotImplemented

    return compare


def _of_booleans(symbol: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` as a bitwise operator of booleans only, for which bitwise and logical results agree."""

    def apply(*given: Array) -> Array:
        dtypes = [str(getattr(x, "dtype", type(x).__name__)) for x in given]
        if not set(dtypes) <= {"bool"}:
            raise TypeError(f"{symbol} takes booleans; see also ops.logical_and. Received: {', '.join(dtypes)}")
        return function(*given)

    return apply


def _install_operators() -> None:
    """Define Python's operators for tensors and variables. `__hash__` is unchanged, so tensors can be dict keys."""
    binary = {"add": add, "sub": subtract, "mul": multiply, "truediv": divide, "pow": power, "mod": mod,
              "floordiv": floor_divide}  # fmt: skip
    logical = {"and": ("&", logical_and), "or": ("|", logical_or), "xor": ("^", not_equal)}
    lifted = {name: lift(function) for name, function in binary.items()}
    lifted.update({name: _of_booleans(symbol, lift(function)) for name, (symbol, function) in logical.items()})
    for name, function in lifted.items():
        setattr(Operand, f"__{name}__", function)
        setattr(Operand, f"__r{name}__", _reflected(function))
    for name, function in {"lt": less, "le": less_equal, "gt": greater, "ge": greater_equal}.items():
        setattr(Operand, f"__{name}__", lift(function))
    for name, function in {"eq": equal, "ne": not_equal}.items():
        setattr(Operand, f"__{name}__", _comparison(lift(function)))
    unary = {"neg": negative, "abs": absolute}
    for name, function in unary.items():
        setattr(Operand, f"__{name}__", lift(function))
    setattr(Operand, "__round__", lambda self, ndigits=None: lift(round)(self, ndigits or 0))  # noqa: B010
    setattr(Operand, "__invert__", _of_booleans("~", lift(logical_not)))  # noqa: B010


_install_operators()
