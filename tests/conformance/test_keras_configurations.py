"""Configurations that one library writes and the other reads: JSON of models, `from_config`, and single objects."""

from __future__ import annotations

import json

import numpy as np
import pytest

import fastconv

from ..layers.cases import RANDOM_CASES
from ..losses.cases import CASES as LOSSES
from ..metrics.cases import CASES as METRICS
from ..optimizers.cases import OPTIMIZERS, SCHEDULES
from .nets import INPUTS
from .test_layers import SHARED

keras = pytest.importorskip("keras")

pytestmark = [
    pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # from Keras's variables
]
both_ways = pytest.mark.parametrize("writer", ["fastconv", "keras"])


def sides(writer):
    """Parametrize a test by (writer, reader)."""
    return (fastconv, keras) if writer == "fastconv" else (keras, fastconv)


# ---- models ----------------------------------------------------------------------------------------------------------

METHODS = {
    "JSON": lambda model, k: k.models.model_from_json(model.to_json()),
    "class": lambda model, k: getattr(k, type(model).__name__, k.Model).from_config(model.get_config()),
    "class and JSON": lambda model, k: getattr(k, type(model).__name__, k.Model).from_config(
        json.loads(json.dumps(model.get_config()))
    ),
    "object": lambda model, k: k.saving.deserialize_keras_object(
        (fastconv if k is keras else keras).saving.serialize_keras_object(model)
    ),
}


@both_ways
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("make", INPUTS, ids=lambda f: f.__name__)
def test_models(make, method, writer):
    source, reader = sides(writer)
    model = make(source)
    again = METHODS[method](model, reader)
    assert [layer.name for layer in again.layers] == [layer.name for layer in model.layers]
    again.set_weights(model.get_weights())
    shapes = INPUTS[make]
    shapes = shapes if isinstance(shapes, list) else [shapes]
    x = [np.random.default_rng(0).normal(size=(3, *shape)).astype("float32") for shape in shapes]
    a, b = (m.predict(x if len(x) > 1 else x[0], verbose=0) for m in (model, again))
    for item, other in zip(a if isinstance(a, list) else [a], b if isinstance(b, list) else [b], strict=True):
        np.testing.assert_allclose(item, other, rtol=1e-4, atol=1e-5)


@both_ways
def test_json_says_how_a_model_was_compiled(writer):
    source, reader = sides(writer)
    model = source.Sequential([source.Input((3,)), source.layers.Dense(2)])
    model.compile(source.optimizers.SGD(0.25, momentum=0.5), "mse", metrics=["mae"])
    again = reader.models.model_from_json(model.to_json())
    assert float(again.optimizer.learning_rate) == 0.25
    assert again.optimizer.momentum == 0.5


@both_ways
def test_json_of_a_model_that_learns_its_input_from_data(writer):
    source, reader = sides(writer)
    model = source.Sequential([source.layers.Dense(2, name="a"), source.layers.Dense(1, name="b")])
    assert not reader.models.model_from_json(model.to_json()).built
    model.build((None, 3))
    again = reader.models.model_from_json(model.to_json())
    assert [w.shape for w in again.get_weights()] == [w.shape for w in model.get_weights()]


@both_ways
def test_json_of_custom_layers(writer):
    source, reader = sides(writer)

    def made(k):
        class Twice(k.layers.Layer):
            def __init__(self, inner, **kwargs):
                super().__init__(**kwargs)
                self.inner = inner

            def call(self, x):
                return self.inner(x) * 2

            def get_config(self):
                return {**super().get_config(), "inner": k.layers.serialize(self.inner)}

            @classmethod
            def from_config(cls, config):
                return cls(**{**config, "inner": k.layers.deserialize(config["inner"])})

        return Twice

    model = source.Sequential([source.Input((3,)), made(source)(source.layers.Dense(2))])
    again = reader.models.model_from_json(model.to_json(), custom_objects={"Twice": made(reader)})
    assert again.count_params() == model.count_params() == 8


# ---- single objects --------------------------------------------------------------------------------------------------

OTHERS = [
    *(("initializers", name, {}) for name in ("Zeros", "Ones", "HeNormal", "GlorotUniform", "LecunUniform")),
    ("initializers", "RandomNormal", {"stddev": 0.25}),
    ("initializers", "RandomUniform", {"minval": -0.5}),
    ("initializers", "TruncatedNormal", {"mean": 0.5}),
    ("initializers", "Constant", {"value": 0.5}),
    ("initializers", "VarianceScaling", {"scale": 2.0, "mode": "fan_out"}),
    ("regularizers", "L1", {"l1": 0.5}),
    ("regularizers", "L2", {"l2": 0.5}),
    ("regularizers", "L1L2", {"l1": 0.5, "l2": 0.25}),
    ("regularizers", "OrthogonalRegularizer", {"factor": 0.5}),
    ("constraints", "MaxNorm", {"max_value": 1.5}),
    ("constraints", "MinMaxNorm", {"min_value": 0.5}),
    ("constraints", "NonNeg", {}),
    ("constraints", "UnitNorm", {"axis": 0}),
]
OBJECTS = [
    *(("layers", case[0].__name__, case[1]) for case in [case for _, case in SHARED] + list(RANDOM_CASES)),
    *(("losses", *case[:2]) for case in LOSSES),
    *(("metrics", *case[:2]) for case in METRICS),
    *(("optimizers", *case) for case in OPTIMIZERS),
    *(("schedules", *case) for case in SCHEDULES),
    *OTHERS,
]
UNLIKE = ("dtype", "fn", "name", "seed", "center", "y_factor", "x_factor")


def part(k, module):
    return k.optimizers.schedules if module == "schedules" else getattr(k, module)


def plain(config):
    return json.loads(json.dumps(config, default=lambda array: np.asarray(array).tolist()))


def flat(value):
    """Normalize numbers with several spellings: 3, [3] and [[1, 2]] of layers of a single axis."""
    while isinstance(value, list) and len(value) == 1:
        (value,) = value
    return None if value == "linear" else value


@both_ways
@pytest.mark.parametrize("how", ["serialize", "from_config", "object"])
@pytest.mark.parametrize(
    ("module", "name", "arguments"), OBJECTS, ids=[f"{name}-{i}" for i, (_, name, _) in enumerate(OBJECTS)]
)
def test_objects(module, name, arguments, how, writer):
    source, reader = sides(writer)
    thing = getattr(part(source, module), name)(**arguments)
    if how == "serialize":
        again = part(reader, module).deserialize(json.loads(json.dumps(part(source, module).serialize(thing))))
    elif how == "object":
        again = reader.saving.deserialize_keras_object(source.saving.serialize_keras_object(thing))
    else:
        again = getattr(part(reader, module), name).from_config(thing.get_config())
    assert type(again).__name__ == name
    ours, theirs = plain(thing.get_config()), plain(again.get_config())
    for key in ours.keys() & theirs.keys() - set(UNLIKE):
        a, b = flat(ours[key]), flat(theirs[key])
        if isinstance(a, float):
            assert b == pytest.approx(a, rel=1e-6)
        elif not isinstance(a, dict) and not isinstance(b, dict):
            assert a == b


@both_ways
@pytest.mark.parametrize(("module", "name"), [("activations", "relu"), ("losses", "mean_squared_error")])
def test_functions(module, name, writer):
    source, reader = sides(writer)
    function = getattr(getattr(source, module), name)
    assert getattr(reader, module).deserialize(getattr(source, module).serialize(function)).__name__ == name
