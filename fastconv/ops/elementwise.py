"""Functions of one element at a time, broadcast as NumPy does; also the operators of tensors and variables."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from fastconv import config
from fastconv.arguments import as_integer
from fastconv.backends.gpu.transfer import to_host
from fastconv.backends.reference import Reference
from fastconv.engine import Operand, Primitive, Tensor, lift
from fastconv.ops.broadcast import sum_to
from fastconv.ops.convert import as_float, cast, convert_to_tensor

Unary = Callable[[Any], Any]
Binary = Callable[[Any, Any], Any]


def operands(x: Any, y: Any) -> tuple[Any, Any]:
    """`x` and `y` ready to meet: whole numbers and booleans take the float dtype beside them.

    A Python number takes the dtype of the array beside it, a Python float beside whole numbers `config.floatx()`, and
    a Python integer that the array's dtype cannot hold a larger one.
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


def _like(number: float, array: Any) -> np.ndarray:
    if array.dtype.kind not in "biu":
        return np.asarray(number, array.dtype)
    if isinstance(number, float):
        return np.asarray(number, config.floatx())
    if array.dtype.kind == "b" or not _holds(array.dtype, number):
        return np.asarray(number) if _holds(np.dtype("int64"), number) else np.asarray(float(number))
    return np.asarray(number, array.dtype)


def _holds(dtype: np.dtype, number: int) -> bool:
    """Whether an integer is one of an integer dtype."""
    limits = np.iinfo(dtype)
    return limits.min <= number <= limits.max


def broadcast_shape(x: Any, y: Any, **_: Any) -> tuple:
    return np.broadcast_shapes(x.shape, y.shape), np.result_type(x.dtype, y.dtype)


def _unary_shape(x: Any, *, function: str) -> tuple:
    return x.shape, getattr(np, function)(np.ones((), x.dtype)).dtype


def _unary_gradient(dy: Any, y: Any, x: Any, *, function: str) -> tuple:
    derivative = UNARY[function]
    return (None if derivative is None else derivative(dy, y, x),)


def _binary_shape(x: Any, y: Any, *, function: str) -> tuple:
    dtype = getattr(np, function)(np.ones((), x.dtype), np.ones((), y.dtype)).dtype
    return np.broadcast_shapes(x.shape, y.shape), dtype


def _binary_gradient(dz: Any, z: Any, x: Any, y: Any, *, function: str) -> tuple:
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


def add(x1: Any, x2: Any) -> Any:
    """x1 + x2."""
    return _add(*operands(x1, x2))


def multiply(x1: Any, x2: Any) -> Any:
    """x1 x2."""
    return _multiply(*operands(x1, x2))


def _to_extreme(larger: Callable[[Any, Any], Any]) -> Callable[..., tuple]:
    """The gradient of the extreme of two: it goes to that one, and in halves to both if they are equal."""

    def gradient(dz: Any, z: Any, x: Any, y: Any) -> tuple:
        shared = where(equal(x, y), dz * 0.5, 0.0)
        return where(larger(x, y), dz, shared), where(larger(y, x), dz, shared)

    return gradient


def _power_gradient(dz: Any, z: Any, x: Any, y: Any) -> tuple:
    """As in PyTorch: nothing by x if y is 0, nor by y if x is 0 and y is not negative; NaN by y if x is negative."""
    by_x = where(equal(y, 0), 0.0, dz * y * power(x, where(equal(y, 0), 1.0, y - 1)))
    guarded = where(logical_or(x < 0, logical_and(equal(x, 0), greater_equal(y, 0))), 1.0, x)
    return by_x, dz * where(x < 0, math.nan, z * log(guarded))


def _logaddexp_gradient(dz: Any, z: Any, x: Any, y: Any) -> tuple:
    """dz in the shares of e^x and e^y in their sum: halves if x and y are equal, which may be infinite."""
    same = equal(x, y)
    distance = where(same, 0.0, x) - where(same, 0.0, y)
    e = exp(-absolute(distance))
    more, less = dz / (1 + e), dz * (e / (1 + e))
    return where(distance < 0, less, more), where(distance < 0, more, less)


# NumPy's name of the function: its derivative, dx = f(dy, y, x); None where it is zero everywhere or there is none.
UNARY: dict[str, Callable[[Any, Any, Any], Any] | None] = {
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

# NumPy's name of the function: its derivatives, (dx, dy) = f(dz, z, x, y), before what was broadcast is summed again.
BINARY: dict[str, Callable[..., tuple] | None] = {
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


# Functions for which integers need not become floats: those of numbers, which count booleans as 0 and 1, and others.
NUMERIC = {"negative", "absolute", "sign", "square"}
LOGICAL = {"isnan", "isfinite", "logical_not"}


def _as_number(x: Any) -> Any:
    """x, with booleans cast to int64."""
    x = convert_to_tensor(x)
    return cast(x, "int64") if x.dtype.kind == "b" else x


def _unary_function(function: str, summary: str) -> Unary:
    convert = _as_number if function in NUMERIC else convert_to_tensor if function in LOGICAL else as_float

    def apply(x: Any) -> Any:
        return _unary(convert(x), function=function)

    apply.__name__ = apply.__qualname__ = function
    apply.__doc__ = summary
    return apply


def _binary_function(function: str, summary: str) -> Binary:
    def apply(x1: Any, x2: Any) -> Any:
        return _binary(*operands(x1, x2), function=function)

    apply.__name__ = apply.__qualname__ = function
    apply.__doc__ = summary
    return apply


negative: Unary = _unary_function("negative", "-x.")
absolute: Unary = _unary_function("absolute", "|x|, with derivative sign(x).")
abs = absolute
sign: Unary = _unary_function("sign", "-1, 0 or 1; its derivative is taken as zero.")
exp: Unary = _unary_function("exp", "e^x.")
expm1: Unary = _unary_function("expm1", "e^x - 1, accurate near zero.")
log: Unary = _unary_function("log", "The natural logarithm.")
log1p: Unary = _unary_function("log1p", "log(1 + x), accurate near zero.")
sqrt: Unary = _unary_function("sqrt", "The square root.")
square: Unary = _unary_function("square", "x x.")
reciprocal: Unary = _unary_function("reciprocal", "1/x.")
sin: Unary = _unary_function("sin", "The sine of x radians.")
cos: Unary = _unary_function("cos", "The cosine of x radians.")
floor: Unary = _unary_function("floor", "The largest whole number not above x; derivative zero.")
ceil: Unary = _unary_function("ceil", "The smallest whole number not below x; derivative zero.")
_rint: Unary = _unary_function("rint", "The nearest integer, halves to the even one; derivative zero.")
isnan: Unary = _unary_function("isnan", "Whether x is not a number.")
isfinite: Unary = _unary_function("isfinite", "Whether x is neither infinite nor NaN.")
logical_not: Unary = _unary_function("logical_not", "Whether x is zero.")

subtract: Binary = _binary_function("subtract", "x1 - x2.")
_quotient: Binary = _binary_function("true_divide", "x1 / x2.")
power: Binary = _binary_function("power", "x1 to the power of x2.")
logaddexp: Binary = _binary_function("logaddexp", "log(e^x1 + e^x2), without overflow.")
maximum: Binary = _binary_function("maximum", "The larger of two, which share the gradient at a tie. NaN propagates.")
minimum: Binary = _binary_function("minimum", "The smaller of two, which share the gradient at a tie. NaN propagates.")
mod: Binary = _binary_function("remainder", "The remainder of x1 / x2, with the sign of x2.")
floor_divide: Binary = _binary_function("floor_divide", "floor(x1 / x2); no gradient.")
equal: Binary = _binary_function("equal", "x1 == x2, as booleans.")
not_equal: Binary = _binary_function("not_equal", "x1 != x2, as booleans.")
greater: Binary = _binary_function("greater", "x1 > x2, as booleans.")
greater_equal: Binary = _binary_function("greater_equal", "x1 >= x2, as booleans.")
less: Binary = _binary_function("less", "x1 < x2, as booleans.")
less_equal: Binary = _binary_function("less_equal", "x1 <= x2, as booleans.")
logical_and: Binary = _binary_function("logical_and", "Whether both are non-zero.")
logical_or: Binary = _binary_function("logical_or", "Whether one of the two is non-zero.")


def divide(x1: Any, x2: Any) -> Any:
    """x1 / x2; whole numbers are divided as `config.floatx()`."""
    return _quotient(*(as_float(x) for x in operands(x1, x2)))


true_divide = divide


def rsqrt(x: Any) -> Any:
    """1 / sqrt(x)."""
    return reciprocal(sqrt(x))


def _limit_gradient(dz: Any, z: Any, x: Any, limit: Any, *, function: str) -> tuple:
    within = greater_equal(x, limit) if function == "maximum" else less_equal(x, limit)
    return sum_to(where(within, dz, 0.0), x.shape), sum_to(where(within, 0.0, dz), limit.shape)


_limit = Primitive(Reference.elementwise, _binary_shape, _limit_gradient, elementwise=True)


def clip(x: Any, x_min: Any, x_max: Any) -> Any:
    """x, but at least `x_min` and at most `x_max`; the gradient passes if x lies between them, or on one of them."""
    return _limit(*operands(_limit(*operands(x, x_min), function="maximum"), x_max), function="minimum")


# ---- choice ----------------------------------------------------------------------------------------------------------

_where = Primitive(
    Reference.where,
    lambda condition, x, y: (
        np.broadcast_shapes(condition.shape, x.shape, y.shape),
        np.result_type(x.dtype, y.dtype),
    ),
    lambda dz, z, condition, x, y: (
        None,
        sum_to(where(condition, dz, 0.0), x.shape),
        sum_to(where(condition, 0.0, dz), y.shape),
    ),
)


MOST_DECIMALS = 308  # powers of 10 beyond are no float64


def round(x: Any, decimals: int = 0) -> Any:
    """Return the nearest multiple of 10^-decimals, halves to the even multiple; its derivative is zero."""
    decimals = as_integer("round", "decimals", decimals, -MOST_DECIMALS, MOST_DECIMALS)
    if not decimals:
        return _rint(x)
    scale = 10.0 ** max(decimals, -decimals)
    return divide(_rint(multiply(x, scale)), scale) if decimals > 0 else multiply(_rint(divide(x, scale)), scale)


def where(condition: Any, x1: Any = None, x2: Any = None) -> Any:
    """Return x1 where `condition` holds, else x2; without both the positions where it holds, an array an axis.

    Raises:
        ValueError: only one of x1 and x2 is given.
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
    """`function`; what is neither a number nor an array is simply another thing."""

    def compare(self: Any, other: Any) -> Any:
        comparable = hasattr(other, "shape") or isinstance(other, (bool, int, float, list, tuple))
        return function(self, other) if comparable else NotImplemented

    return compare


def _of_booleans(symbol: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of booleans alone, for which bit by bit and logical are the same."""

    def apply(*given: Any) -> Any:
        dtypes = [str(getattr(x, "dtype", type(x).__name__)) for x in given]
        if not set(dtypes) <= {"bool"}:
            raise TypeError(f"{symbol} takes booleans; see also ops.logical_and. Received: {', '.join(dtypes)}")
        return function(*given)

    return apply


def _install_operators() -> None:
    """Give meaning to Python's operators. Hashes stay those of objects, so that tensors can be keys of a dict."""
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
    for name, one in unary.items():
        setattr(Operand, f"__{name}__", lift(one))
    setattr(Operand, "__round__", lambda self, ndigits=None: lift(round)(self, ndigits or 0))  # noqa: B010
    setattr(Operand, "__invert__", _of_booleans("~", lift(logical_not)))  # noqa: B010


_install_operators()
