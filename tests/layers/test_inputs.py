"""Inputs that no layer can take are refused with the rule and the value, and the layer is as before."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, layers, ops

from .cases import CASES, RANDOM_CASES
from .test_layers import inputs_for

X = np.ones((2, 8, 8, 3), "float32")
WRONG = {
    "None": None,
    "dict": {"a": X},
    "empty dict": {},
    "text": "abc",
    "bytes": b"x",
    "number": 3,
    "lists of several lengths": [1.0, [2.0]],
    "list of None": [None],
    "arrays of several shapes": [X, X[:1]],
    "set": {1, 2},
    "object": object(),
    "function": len,
    **{f"{rank} axes": np.ones((2,) * rank, "float32") for rank in range(7)},
    **{f"{rank} empty axes": np.ones((0,) * rank, "float32") for rank in range(1, 6)},
}
SYMBOLS = {
    "dict": lambda: {"a": Input((8, 8, 3))},
    "list": lambda: [Input((8, 8, 3)), Input((4,))],
    "list with None": lambda: [Input((8, 8, 3)), None],
}
SUBJECTS = list({case[0]: case for case in (*CASES, *RANDOM_CASES)}.values())


def refusal(layer, x):
    """Return the error of a call, or None; layers that do nothing in inference may return any input."""
    try:
        layer(x)
    except Exception as error:
        return error
    return None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # means of no elements
@pytest.mark.parametrize(
    ("cls", "arguments", "shape"), [case[:3] for case in SUBJECTS], ids=[case[0].__name__ for case in SUBJECTS]
)
def test_inputs_that_are_no_arrays(cls, arguments, shape):
    layer = cls(**arguments)
    for name, x in {**WRONG, **{name: make() for name, make in SYMBOLS.items()}}.items():
        layer = layer if not layer.built else cls(**arguments)
        error = refusal(layer, x)
        assert error is None or (type(error) is ValueError and "Received" in str(error)), f"{name}: {error!r}"
    layer = cls(**arguments)
    refusal(layer, None)
    layer(inputs_for(shape))  # as if that had not been tried


def test_the_kind_of_input_is_named():
    for layer in (layers.Flatten(name="one"), layers.Dense(2, name="one")):
        rule = r"^one: \w+ takes an array with the samples along the first axis\. Received: inputs="
        for x, received in ((None, "None"), ({"a": X}, r"\{'a': \(2, 8, 8, 3\)\}"), ("abc", "'abc'"), (3, r"")):
            with pytest.raises(ValueError, match=rule + received):
                layer(x)
    with pytest.raises(ValueError, match=r"takes a list of arrays with the samples .* Received: inputs=\[None, None\]"):
        layers.Add()([None, None])
    with pytest.raises(TypeError, match=r"takes an array with the samples along the first axis\. Received: no inputs"):
        layers.Dense(2)()


def test_errors_in_the_code_of_users_are_left_as_they_are():
    class Own(layers.Layer):
        def call(self, inputs):
            return inputs["missing"]

    with pytest.raises(KeyError, match="missing"):
        Own()({"a": X})
    with pytest.raises(KeyError, match="missing"):
        layers.Lambda(lambda inputs: inputs["missing"])({"a": X})


@pytest.mark.parametrize(
    "make", [lambda: layers.Dense(2), lambda: layers.Dropout(0.5), lambda: layers.BatchNormalization()]
)
def test_inputs_may_be_a_keyword(make):
    x = np.arange(6.0).reshape(2, 3)
    layer = make()
    assert layer(inputs=x).dtype == "float32"
    np.testing.assert_array_equal(layer(inputs=x), layer(x))
    assert make()(inputs=Input((3,))).shape[0] is None


MERGES = (layers.Add, layers.Subtract, layers.Multiply, layers.Average, layers.Maximum, layers.Minimum)


@pytest.mark.parametrize("cls", MERGES)
@pytest.mark.parametrize("shapes", [((3,), (4,)), ((3, 4), (4, 4)), ((3,), (3, 4)), ((2**18,), (2**18 - 1,))])
def test_merged_shapes_that_do_not_fit(cls, shapes):
    rule = r"inputs must have equal shapes, or shapes that broadcast to each other\. Received: shapes=\[\(2, "
    with pytest.raises(ValueError, match=f"merged: {rule}"):
        cls(name="merged")([np.ones((2, *shape), "float32") for shape in shapes])
    with pytest.raises(ValueError, match=rf"merged \({cls.__name__}\), inputs of shape \(None, .*: merged: {rule}"):
        cls(name="merged")([Input(shape) for shape in shapes])


def test_batches_of_dot_products():
    with pytest.raises(
        ValueError, match=r"batch axis and the axes -1 must have the same size .* Received: shapes \(2, 5"
    ):
        layers.Dot(-1)([np.ones((2, 5)), np.ones((3, 5))])


@pytest.mark.parametrize("shape", [(2, 4), (3, 3), (2, 3, 4)])
def test_operands_that_do_not_broadcast(shape):
    x, y = np.ones((2, 3), "float32"), np.ones(shape, "float32")
    rule = r": shapes must be equal, or broadcast to each other\. Received: shapes=\[\(2, 3\), "
    for function in (ops.add, ops.subtract, ops.multiply, ops.divide, ops.maximum, ops.power, ops.less, ops.mod):
        for first, other in ((x, y), (Input((3,), 2), Input(shape[1:], shape[0]))):
            with pytest.raises(ValueError, match=rf"{function.__name__}{rule}"):
                function(first, other)
    with pytest.raises(ValueError, match=f"where{rule}"):
        ops.where(x > 0, y, y)
    with pytest.raises(
        ValueError, match=r"matmul: the leading axes .* Received: x1.shape=\(2, 4, 3\), x2.shape=\(5, 3, 2\)"
    ):
        ops.matmul(np.ones((2, 4, 3)), np.ones((5, 3, 2)))
