"""User-defined layers and models without `get_config` are rebuilt with their original arguments."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, models

X = np.arange(6, dtype="float32").reshape(2, 3)


class Scale(layers.Layer):
    def __init__(self, factor=2.0, by=("a", {"b": [1]})):
        super().__init__()
        self.factor, self.by = factor, by

    def call(self, inputs):
        return inputs * self.factor + self.by[1]["b"][0]


class Shift(layers.Layer):
    def __init__(self, distance, **kwargs):
        super().__init__(**kwargs)
        self.distance = distance

    def call(self, inputs):
        return inputs + self.distance


class ShiftTwice(Shift):
    def __init__(self, *, second=0, **kwargs):
        super().__init__(**kwargs)
        self.second = second

    def call(self, inputs):
        return super().call(inputs) + self.second


class Gained(layers.Dense):
    def __init__(self, units, gain=1.0, **kwargs):
        super().__init__(units, **kwargs)
        self.gain = gain

    def call(self, inputs):
        return super().call(inputs) * self.gain


class Passing(layers.Dense):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class Written(Model):
    def __init__(self, units=2):
        super().__init__()
        self.dense = layers.Dense(units)

    def call(self, inputs):
        return self.dense(inputs)


class DrawsItself(Model):
    def __init__(self, units=2):
        x = Input((3,))
        super().__init__(x, layers.Dense(units)(x))


LAYERS = [
    lambda: Scale(3.0),
    lambda: Scale(by=["a", {"b": (5,)}]),
    lambda: Shift(np.float32(4)),
    lambda: Shift(np.arange(3), name="shift"),
    lambda: ShiftTwice(distance=3, second=5),
    lambda: Gained(2, gain=7.0, activation="relu"),
    lambda: Passing(2, activation="tanh"),
]
KINDS = {kind.__name__: kind for kind in (Scale, Shift, ShiftTwice, Gained, Passing, Written, DrawsItself)}


@pytest.mark.parametrize("make", LAYERS)
def test_layers_are_read_and_cloned(tmp_path, make):
    model = Sequential([Input((3,)), make()])
    wanted = model.predict(X, verbose=0)
    model.save(tmp_path / "m.npz")
    for again in (models.load_model(tmp_path / "m.npz", custom_objects=KINDS), models.clone_model(model)):
        again.set_weights(model.get_weights())
        np.testing.assert_array_equal(again.predict(X, verbose=0), wanted)
        assert again.layers[0].name == model.layers[0].name or isinstance(again.layers[0], Scale)


@pytest.mark.parametrize("make", [Written, DrawsItself])
@pytest.mark.parametrize("ending", ["keras", "npz"])
def test_models_are_read(tmp_path, make, ending):
    if ending == "keras":
        pytest.importorskip("h5py")
    model = make(5)
    wanted = model.predict(X, verbose=0)
    path = tmp_path / f"m.{ending}"
    model.save(path)
    again = models.load_model(path, custom_objects={"Written": Written, "DrawsItself": DrawsItself})
    np.testing.assert_array_equal(again.predict(X, verbose=0), wanted)


def test_arguments_are_kept_unchanged():
    sizes = [1, 2]
    layer = Scale(by=sizes)
    sizes.append(3)
    assert layer.get_config() == {"by": [1, 2]}


@pytest.mark.parametrize("make", [lambda: Scale(np.sin), lambda: Gained(2, gain=np.sin), lambda: Scale(by=[{1: 2}])])
def test_arguments_that_are_not_plain_data_need_get_config(make):
    with pytest.raises(ValueError, match="get_config must be overridden"):
        make().get_config()


def test_a_wrong_call_of_a_constructor_raises_its_own_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'wrong'"):
        Scale(wrong=1)
