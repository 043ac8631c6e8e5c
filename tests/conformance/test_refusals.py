"""Arguments that Keras refuses when an object is created are refused here too, with the rule and the value."""

from __future__ import annotations

import inspect
import math

import pytest

import fastconv

from ..layers.cases import CASES, RANDOM_CASES
from .stored import classes_of_keras

WRONG = [
    True, 0, -1, 2, 3, 1.0, 1.5, 0.0, -0.5, math.nan, math.inf, "yes", "", "3", None, {1}, {"a": 1}, b"x", (), (1,),
    (1, 2), (1, 2, 3), (1, 2, 3, 4), (-1, 2), (0, 0), (1.5, 2), (True, 2), ((1, 2), (3, 4)), ((1, 2),),
    ((1, 2), (3, 4), (5, 6)), ((-1, 1), (1, 1)), [1, 2], [[1, 2], [3, 4]], ("a", "b"), (-1, -1), (-2, 3), 2**63,
    -(2**70), (None, 2), (None,), 1j,
]  # fmt: skip

# Values accepted here but not by Keras: sides of windows, layers as the first argument of a model, NumPy's dtypes.
BEYOND = {
    "padding": "explicit sides of windows",
    "input_shape": "the first layer of a Sequential",
    "data_format": "checked by its own tests",
}
SETTLED = [("ActivityRegularization", "activity_regularizer")]  # other arguments are missing: a TypeError, as in Keras
BEYOND_VALUES: list[tuple[str, object]] = [
    ("seed", 2**63),  # JAX has only 32 bits
    ("factor", 2**63),
    ("synchronized", True),  # Keras refuses it only if its backend does
]
OF_EVERY_LAYER = ("activity_regularizer", "dtype", "name", "trainable")


def needed(cls):
    """Return values for the required arguments of a class, from the tables of tests."""
    for case in (*CASES, *RANDOM_CASES):
        if case[0] is cls:
            return case[1]
    return {}


def classes(kind):
    module = getattr(fastconv, kind)
    found = {getattr(module, name) for name in dir(module) if isinstance(getattr(module, name), type)}
    return sorted({cls for cls in found if cls.__module__.startswith("fastconv.")}, key=lambda cls: cls.__name__)


LAYERS = list(dict.fromkeys(case[0] for case in (*CASES, *RANDOM_CASES)))
SUBJECTS = [("layers", cls) for cls in LAYERS] + [
    (kind, cls) for kind in ("initializers", "regularizers", "constraints") for cls in classes(kind)
]


def refusal(make, arguments):
    """Return the error that `make(**arguments)` raises, or None."""
    try:
        make(**arguments)
    except Exception as error:
        return error
    return None


def refused_by_keras(kind, name, given):
    """Return, for each argument of Keras's class, the indices of values in `WRONG` that it refuses."""
    import keras

    theirs = getattr(getattr(keras, kind), name)
    parameters = inspect.signature(theirs).parameters
    names = {p: None for p in parameters if p not in ("args", "kwargs")}
    names |= dict.fromkeys(OF_EVERY_LAYER) if kind == "layers" and "kwargs" in parameters else {}
    return {p: [i for i, value in enumerate(WRONG) if refusal(theirs, {**given, p: value})] for p in names}


@pytest.mark.parametrize(("kind", "cls"), SUBJECTS, ids=[cls.__name__ for _, cls in SUBJECTS])
def test_refusals(kind, cls, reference):
    given = needed(cls)
    if cls.__name__ not in classes_of_keras(f"keras.{kind}"):
        pytest.skip("Keras lacks it")
    if refusal(cls, given):
        pytest.skip("a base class")
    taken = {*inspect.signature(cls).parameters, *(OF_EVERY_LAYER if kind == "layers" else ())}
    for argument, numbers in reference(lambda: refused_by_keras(kind, cls.__name__, given)).items():
        if argument in taken and argument not in BEYOND and (cls.__name__, argument) not in SETTLED:
            for value in (WRONG[i] for i in numbers):
                if (argument, value) in BEYOND_VALUES:
                    continue
                error = refusal(cls, {**given, argument: value})
                assert isinstance(error, ValueError), f"{argument}={value!r}: {error!r}"
                assert "Received" in str(error), f"{argument}={value!r}: {error!r}"
