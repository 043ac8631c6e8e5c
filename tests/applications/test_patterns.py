"""Nets written as patterns: the layers that they stand for, and errors that mark the place."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import applications, utils
from fastconv.applications.patterns import words_of

GENERAL = "[(CONV-RELU)*N-POOL?]*M-(FC-RELU)*K-SOFTMAX"


def names(*arguments, **options):
    return [layer.name for layer in applications.pattern(*arguments, **options).layers]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CONV", "CONV"),
        ("CONV*2", "CONV CONV"),
        ("(CONV-RELU)*2-POOL", "CONV RELU CONV RELU POOL"),
        ("[(CONV)*2-POOL]*2", "CONV CONV POOL CONV CONV POOL"),
        ("INPUT -> [CONV → RELU]*1 -> FC", "INPUT CONV RELU FC"),
        ("CONV*0-FC", "FC"),
        ("(CONV-POOL?)*N", "CONV POOL CONV POOL CONV POOL"),
        ("(CONV?*2-FC)?", "CONV CONV FC"),
    ],
)
def test_words_of_a_pattern(text, words):
    assert words_of(text, {"N": 3}, True) == words.split()


def test_optional_items_can_be_left_out():
    assert words_of("(CONV-POOL?)*2-(FC-RELU)?-SOFTMAX", {}, False) == ["CONV", "CONV", "SOFTMAX"]


def test_the_pattern_of_the_lecture():
    model = applications.pattern(
        "[(CONV-RELU)*2-POOL]*3-(FC-RELU)*2-SOFTMAX", (32, 64, 128), (100, 50), input_shape=(32, 32, 3)
    )
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds == (
        (["Conv2D", "Activation"] * 2 + ["MaxPooling2D"]) * 3
        + ["Flatten", *["Dense", "Activation"] * 2, "Dense", "Activation"]
    )
    convolutions = [layer for layer in model.layers if type(layer).__name__ == "Conv2D"]
    assert [layer.filters for layer in convolutions] == [32, 32, 64, 64, 128, 128]
    assert [layer.units for layer in model.layers if type(layer).__name__ == "Dense"] == [100, 50, 10]
    assert model.get_layer("pool3").output.shape == (None, 4, 4, 128)


def test_numbers_and_sizes_as_arguments():
    found = names(GENERAL, 4, 8, N=2, M=2, K=1, optional=False)
    assert found == [
        "conv1", "relu1", "conv2", "relu2", "conv3", "relu3", "conv4", "relu4",
        "flatten", "fc1", "relu5", "predictions", "softmax",
    ]  # fmt: skip
    model = applications.pattern("(CONV-RELU)*3-FC", (1, 2, 3), classes=5, kernel_size=(1, 3), name="three")
    assert [tuple(w.shape) for w in model.weights if len(w.shape) == 4] == [(1, 3, 3, 1), (1, 3, 1, 2), (1, 3, 2, 3)]
    assert (model.name, model.output_shape) == ("three", (None, 5))


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("CONV-SOFTMAX", ["flatten", "predictions", "softmax"]),
        ("CONV-FC-SOFTMAX", ["flatten", "predictions", "softmax"]),
        ("CONV-FC", ["flatten", "predictions"]),
        ("CONV-FC-RELU", ["flatten", "fc1", "relu1"]),
        ("CONV-POOL", ["conv1", "pool1"]),
    ],
)
def test_the_end_of_a_pattern(text, end):
    assert names(text)[-len(end) :] == end


def test_a_net_of_a_pattern_learns():
    utils.set_random_seed(0)
    y = np.arange(60) % 3
    x = (np.arange(8) // 3 == y[:, None]).astype("float32")[:, None, :, None] * np.ones((60, 8, 8, 1), "float32")
    model = applications.pattern(GENERAL, 4, 8, input_shape=(8, 8, 1), classes=3, N=1, M=2, K=1)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert model.fit(x, y, batch_size=10, epochs=15, verbose=0).history["accuracy"][-1] > 0.9


@pytest.mark.parametrize(
    ("text", "rule", "position"),
    [
        ("", "must have a group or one of INPUT, CONV, .* here", 0),
        ("CONV-", "must have a group or one of", 5),
        ("CONV-DROP", "must have a group or one of", 5),
        ("CONV RELU", r"must go on with '-', '\*' or '\?', not with 'RELU'", 5),
        ("CONV-RELU)", r"must go on with .*, not with '\)'", 9),
        ("[(CONV-RELU)*2", r"must close this group with '\]'", 0),
        ("(CONV-RELU]", r"must close this group with '\)'", 0),
        ("CONV*N", r"needs a number after '\*', .* pattern\(\.\.\., N=2\)", 5),
        ("(CONV-RELU)*-POOL", r"needs a number after '\*'", 12),
        ("conv-relu", "must consist of words in capitals", 0),
        ("CONV*2*2", r"must go on with", 6),
        ("CONV*999999", "must not have more than 1000 layers", 5),
        ("(" * 2000 + "CONV", "must not have more than 100 groups", 100),
    ],
)
def test_an_error_marks_the_place(text, rule, position):
    with pytest.raises(ValueError, match=rf"^pattern: the pattern {rule}") as error:
        applications.pattern(text)
    shown, mark = str(error.value).splitlines()[-2:]
    assert mark == " " * min(position, 60) + "^"
    assert text.startswith(shown) or position > 60


@pytest.mark.parametrize(
    ("text", "arguments", "rule"),
    [
        ("FC-CONV", {}, "CONV and POOL before FC.* Received: FC-CONV"),
        ("SOFTMAX-RELU", {}, "SOFTMAX only at its end"),
        ("CONV-INPUT", {}, "INPUT only at its beginning"),
        ("CONV*0", {}, "must have a layer.* Received: no layer"),
        ("CONV*N", {"N": 1.5}, "N must be an int of at least 0"),
        ("CONV*3-POOL-CONV-FC", {"filters": (1, 2, 3)}, "each of the 4 convolutions or each of the 2 groups"),
        ("FC-RELU-FC", {"units": (1, 2)}, "each of the 1 layers FC"),
        ("CONV", {"filters": 0}, "filters must be an int of at least 1"),
        (3, {}, "the pattern must be a string"),
    ],
)
def test_arguments_that_do_not_fit(text, arguments, rule):
    with pytest.raises(ValueError, match=rf"^pattern: .*{rule}"):
        applications.pattern(text, **arguments)
