"""Building, describing and reading models costs in proportion to their layers: operations of Python are counted."""

import sys

import pytest

from fastconv import Input, Model, Sequential, layers, models, ops


def sequential(n):
    return Sequential([Input((2,)), *(layers.ReLU() for _ in range(n))])


def functional(n):
    i = j = Input((2,))
    for _ in range(n):
        j = layers.ReLU()(j)
    return Model(i, j)


def of_operations(n):
    i = j = Input((2,))
    for _ in range(n):
        j = ops.add(j, 1.0)
    return Model(i, j)


def wide(n):
    i = Input((2,))
    return Model(i, layers.add([layers.ReLU()(i) for _ in range(n)]))


def of_many_inputs(n):
    inputs = [Input((2,)) for _ in range(n)]
    return Model(inputs, [layers.ReLU()(i) for i in inputs])


USES = {
    "describe": lambda model: model.summary(print_fn=lambda line: None),
    "configuration": lambda model: model.get_config(),
    "json": lambda model: models.model_from_json(model.to_json()),
    "clone": models.clone_model,
    "weights": lambda model: model.set_weights(model.get_weights()),
}


def lines_of(function, *args):
    """How many lines of Python run, those of generators within functions of C among them."""
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*args)
    finally:
        sys.settrace(before)
    return count


MODELS = [sequential, functional, of_operations, wide, of_many_inputs]


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_making(make):
    assert lines_of(make, 1200) < 12 * lines_of(make, 120)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_using(make, use):
    assert lines_of(use, make(1200)) < 12 * lines_of(use, make(120))


@pytest.mark.parametrize("make", [sequential, functional, of_operations], ids=lambda make: make.__name__)
def test_deep_models_need_no_recursion(make):
    model = make(1200)
    for use in USES.values():
        use(model)
