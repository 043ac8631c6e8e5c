"""Building, describing and reading models takes time in proportion to their layers; lines of Python are counted."""

import copy
import pickle
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import fastconv
from fastconv import GradientTape, Input, Model, Sequential, layers, models, ops


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


def nested(n):
    model = Sequential([Input((2,)), layers.ReLU()])
    for _ in range(n // 2):
        i = Input((2,))
        model = Model(i, layers.ReLU()(Sequential([Input((2,)), model])(i)))
    return model


class Written(Model):
    def __init__(self, inner=None):
        super().__init__()
        self.inner, self.own = inner, layers.Dense(2)

    def call(self, inputs):
        return self.own(inputs if self.inner is None else self.inner(inputs))


def nested_written(n):
    model = Written()
    for _ in range(n):
        model = Written(model)
    return model


def shared(n):
    inner, i = Sequential([Input((2,)), layers.ReLU()]), Input((2,))
    j = i
    for _ in range(n):
        j = inner(j)
    return Model(i, j)


PACKAGE = str(Path(fastconv.__file__).parent)
X = np.ones((4, 2), "float32")


def train(model, eagerly):
    model.compile("sgd", "mse", run_eagerly=eagerly)
    model.train_on_batch(X, X)


def differentiate(model):
    with GradientTape() as tape:
        loss = ops.sum(model(X, training=True))
    tape.gradient(loss, model.trainable_weights)


def save_and_load(ending, tmp_path):
    def use(model):
        model.save(tmp_path / f"model{ending}")
        model.load_weights(tmp_path / f"model{ending}")
        models.load_model(tmp_path / f"model{ending}")

    return use


def find_layers(model):
    for layer in model.layers:
        assert model.get_layer(layer.name) is layer


USES = {
    "get_layer": find_layers,
    "predict": lambda model: model.predict(inputs_of(model), verbose=0),
    "copy": lambda model: pickle.loads(pickle.dumps(model)),
    "deepcopy": copy.deepcopy,
    "trainable": lambda model: setattr(model, "trainable", True),
    "describe": lambda model: model.summary(print_fn=lambda line: None),
    "configuration": lambda model: model.get_config(),
    "json": lambda model: models.model_from_json(model.to_json()),
    "clone": models.clone_model,
    "weights": lambda model: model.set_weights(model.get_weights()),
}


def inputs_of(model):
    return [X] * len(model.inputs) if hasattr(model, "inputs") else X


def lines_of(function, *args):
    """Count the lines of the package that run, including those of generators called from C functions.

    Lines of other packages do not count: the fake CuPy checks all its memory again and again.
    """
    count = 0

    def trace(frame, event, arg):
        nonlocal count
        count += frame.f_code.co_filename.startswith(PACKAGE)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function(*args)
    finally:
        sys.settrace(before)
    return count


MODELS = [sequential, functional, of_operations, wide, of_many_inputs, shared]


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_making(make):
    assert lines_of(make, 1200) < 12 * lines_of(make, 120)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_using(make, use):
    assert lines_of(use, make(500)) < 12 * lines_of(use, make(50))


@pytest.mark.parametrize("make", [sequential, functional, of_operations], ids=lambda make: make.__name__)
def test_deep_models_need_no_recursion(make):
    model = make(1200)
    for use in USES.values():
        use(model)


def trained(n):
    return Sequential([Input((2,)), *(layers.Dense(2) for _ in range(n))])


TRAINED_USES = {
    "train": lambda model: train(model, eagerly=False),
    "eagerly": lambda model: train(model, eagerly=True),
    "tape": differentiate,
}


@pytest.mark.parametrize("use", TRAINED_USES.values(), ids=TRAINED_USES)
def test_training(use):
    assert lines_of(use, trained(300)) < 12 * lines_of(use, trained(30))


@pytest.mark.parametrize("ending", [".keras", ".h5", ".weights.h5", ".npz", ".safetensors"])
def test_files(ending, tmp_path):
    pytest.importorskip("h5py")
    use = save_and_load(ending, tmp_path)
    if ending == ".weights.h5":
        use = lambda model: model.save_weights(tmp_path / "model.weights.h5")  # noqa: E731
    assert lines_of(use, trained(200)) < 12 * lines_of(use, trained(20))


# ---- models in models ------------------------------------------------------------------------------------------------


@pytest.fixture
def recursion_limit():
    """Restore Python's recursion limit, which models in models raise."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)
    yield
    sys.setrecursionlimit(before)


def test_making_nested_models(recursion_limit):
    assert lines_of(nested, 300) < 12 * lines_of(nested, 30)


@pytest.mark.parametrize("name", ["clone", "copy", "deepcopy", "describe", "json", "predict", "trainable"])
def test_using_nested_models(name, recursion_limit):
    few, many = nested(20), nested(200)
    assert lines_of(USES[name], many) < 15 * lines_of(USES[name], few)


def test_nested_models_need_no_larger_recursion_limit(recursion_limit, tmp_path):
    pytest.importorskip("h5py")
    model = nested(200)
    for use in USES.values():
        use(model)
    for ending in (".keras", ".npz", ".h5"):
        save_and_load(ending, tmp_path)(model)
    np.testing.assert_array_equal(model.predict(X, verbose=0), X)


def test_nested_models_are_read_in_a_new_process(recursion_limit):
    text, pickled = nested(200).to_json(), pickle.dumps(nested(200))
    found = []

    def read():
        for make in (lambda: models.model_from_json(text), lambda: pickle.loads(pickled)):
            sys.setrecursionlimit(1000)
            found.append(make().predict(X, verbose=0))

    thread = threading.Thread(target=read)  # with a stack of another size
    thread.start()
    thread.join()
    assert len(found) == 2


def test_nested_written_models(recursion_limit):
    model = nested_written(150)
    train(model, eagerly=False)
    train(model, eagerly=True)
    assert model.count_params() == 151 * 6


def test_few_nested_models_do_not_change_the_recursion_limit(recursion_limit):
    nested(20)
    assert sys.getrecursionlimit() == 1000


def test_calling_a_model_on_equal_shapes_runs_no_layer():
    calls = []

    class Counting(layers.Layer):
        def call(self, inputs):
            calls.append(inputs)
            return inputs + 1.0

    i = Input((2,))
    inner = Model(i, {"y": Counting()(i)})
    calls.clear()
    outputs = inner(Input((2,)))
    assert not calls
    assert outputs["y"].shape == (None, 2)
    fixed = inner(Input(batch_shape=(3, 2)))  # other shapes are computed by running it
    assert calls
    assert fixed["y"].shape == (3, 2)
    np.testing.assert_array_equal(Model(i, inner(i))(X)["y"], X + 1)


def test_layers_are_found_by_their_current_names():
    model = Sequential([Input((2,)), layers.ReLU(name="a"), layers.ReLU(name="b")])
    first, second = model.layers
    assert model.get_layer("a") is first
    first.name, second.name = "b", "a"
    assert model.get_layer("a") is second
    model.add(layers.ReLU(name="c"))
    assert model.get_layer("c") is model.layers[2]
    model.pop()
    with pytest.raises(ValueError, match="name or index must be that of a layer"):
        model.get_layer("c")
    assert model.get_layer(index=-1) is second
