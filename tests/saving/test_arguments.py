"""Constructor arguments of users' classes in files: plain data is kept, and a warning names all others."""

import copy

import numpy as np
import pytest

from fastconv import (
    Input,
    Model,
    Sequential,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
)
from fastconv import regularizers as penalties

from .samples import assert_same_outputs

pytest.importorskip("h5py")
pytest.importorskip("safetensors")

each_suffix = pytest.mark.parametrize("suffix", [".npz", ".safetensors", ".keras", ".h5"])


class Scaled(layers.Layer):
    def __init__(self, factor=1.0, shift=0.0, **kwargs):
        super().__init__(**kwargs)
        self.factor, self.shift = factor, shift

    def call(self, x):
        return x * self.factor + self.shift


class Needed(layers.Layer):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor


class ByKeyword(Scaled):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)


class OfDense(layers.Dense):
    def __init__(self, units, factor=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.factor = factor

    def call(self, x):
        return super().call(x) * self.factor


class WithoutMore(layers.Layer):
    def __init__(self, factor, name=None):
        super().__init__(name=name)
        self.factor = factor

    def call(self, x):
        return x * self.factor


KEPT = [
    lambda: Scaled(3.0, shift=2.0),
    lambda: Scaled(shift=np.float32(2.0), trainable=False),
    lambda: Needed(3.0, name="needed"),
    lambda: Needed(factor=[1.0, 2.0, 3.0]),
    lambda: Needed(np.int64(3)),
    lambda: ByKeyword(factor=3.0, dtype="float32"),
    lambda: OfDense(3, 3.0, activation="tanh"),
    lambda: WithoutMore(3.0),
    lambda: copy.deepcopy(Scaled(3.0)),
]
CLASSES = {c.__name__: c for c in (Scaled, Needed, ByKeyword, OfDense, WithoutMore)}


@each_suffix
@pytest.mark.parametrize("make", KEPT)
def test_arguments_of_layers_without_get_config_are_kept(tmp_path, make, suffix):
    model = Sequential([Input((3,)), make()])
    model.save(tmp_path / f"m{suffix}")
    assert_same_outputs(model, models.load_model(tmp_path / f"m{suffix}", CLASSES))
    assert_same_outputs(model, models.load_model(tmp_path / f"m{suffix}", CLASSES))


class Net(Model):
    def __init__(self, factor, units=2, **kwargs):
        super().__init__(**kwargs)
        self.dense, self.factor = layers.Dense(units), factor

    def call(self, x):
        return self.dense(x) * self.factor


@each_suffix
def test_arguments_of_models_are_kept(tmp_path, suffix):
    model = Net(3.0, units=4)
    x = np.ones((2, 3), "float32")
    expected = model(x)
    model.save(tmp_path / f"m{suffix}")
    again = models.load_model(tmp_path / f"m{suffix}", {"Net": Net})
    np.testing.assert_array_equal(again(x), expected)


# ---- arguments that cannot be kept -----------------------------------------------------------------------------------


class Forgetful(Needed):
    def get_config(self):
        return {"name": self.name}


class Loss(losses.Loss):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * ops.mean(ops.square(y_true - y_pred), axis=-1)


class Metric(metrics.Mean):
    def __init__(self, factor, **kwargs):
        super().__init__(**kwargs)

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(y_pred)


class Optimizer(optimizers.SGD):
    def __init__(self, factor):
        super().__init__(0.1 * factor)


class Schedule(optimizers.schedules.LearningRateSchedule):
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, step):
        return 0.1 * self.factor

    def get_config(self):
        return {}


class Initializer(initializers.Initializer):
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, shape, dtype=None):
        return np.full(shape, self.factor, dtype)


class Regularizer(penalties.Regularizer):
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, w):
        return self.factor * ops.sum(ops.square(w))

    def get_config(self):
        return {}


class Constraint(constraints.Constraint):
    def __init__(self, factor):
        self.factor = factor

    def __call__(self, w):
        return w * self.factor


def model_with(*more, compiled=None, **choices):
    model = Sequential([Input((3,)), layers.Dense(2, **choices), *more])
    model.compile(**{"optimizer": "sgd", "loss": "mse", **(compiled or {})})
    return model


LACKING = {
    "Forgetful": ("factor", lambda: model_with(Forgetful(2.0))),
    "Loss": ("factor", lambda: model_with(compiled={"loss": Loss(2.0)})),
    "Metric": ("factor", lambda: model_with(compiled={"metrics": [Metric(2.0)]})),
    "Optimizer": ("factor", lambda: model_with(compiled={"optimizer": Optimizer(2.0)})),
    "Schedule": ("factor", lambda: model_with(compiled={"optimizer": optimizers.SGD(Schedule(2.0))})),
    "Initializer": ("factor", lambda: model_with(kernel_initializer=Initializer(2.0))),
    "Regularizer": ("factor", lambda: model_with(kernel_regularizer=Regularizer(2.0))),
    "Constraint": ("factor", lambda: model_with(kernel_constraint=Constraint(2.0))),
}


@each_suffix
@pytest.mark.parametrize("name", LACKING)
def test_a_warning_names_arguments_that_get_config_lacks(tmp_path, name, suffix):
    lacking, make = LACKING[name]
    model = make()
    message = (
        rf"{name}: get_config must return the arguments of the constructor.* {name} in custom_objects.* no {lacking}"
    )
    with pytest.warns(UserWarning, match=message) as caught:
        model.check_save(tmp_path / f"m{suffix}")
    assert not list(tmp_path.iterdir())
    with pytest.warns(UserWarning, match=message) as caught:
        model.save(tmp_path / f"m{suffix}")
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_such_a_file_is_read_with_a_class_that_has_a_default(tmp_path):
    model = model_with(compiled={"loss": Loss(2.0)})
    with pytest.warns(UserWarning, match="Loss: get_config"):
        model.save(tmp_path / "m.npz")

    class Known(Loss):
        def __init__(self, factor=2.0, **kwargs):
            super().__init__(factor, **kwargs)

    again = models.load_model(tmp_path / "m.npz", {"Loss": Known})
    x, y = np.ones((2, 3), "float32"), np.ones((2, 2), "float32")
    assert again.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_a_class_with_its_own_from_config_needs_no_warning(tmp_path, recwarn):
    class Knows(Needed):
        def get_config(self):
            return {"name": self.name}

        @classmethod
        def from_config(cls, config):
            return cls(2.0, **config)

    model = model_with(Knows(2.0))
    model.save(tmp_path / "m.npz")
    assert not recwarn.list
    assert_same_outputs(model, models.load_model(tmp_path / "m.npz", {"Knows": Knows}))
