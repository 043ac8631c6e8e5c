"""Users' classes and functions that `from_config` receives by name."""

from __future__ import annotations

import pytest

from fastconv import Input, Model, Sequential, layers, ops, optimizers
from fastconv.optimizers import schedules


class Halved(layers.Dense):
    """A layer that is not registered."""


class Falling(schedules.LearningRateSchedule):
    """A schedule that is not registered."""

    def __call__(self, step):
        return 1.0 / (1.0 + ops.cast(step, "float32"))

    def get_config(self):
        return {}


class Mine(Model):
    """A functional model that is not registered."""


def doubled(x):
    return 2 * x


def functional(kind=Model):
    x = Input((4,))
    return kind(x, Halved(2)(x))


CASES = {
    "Model": (Model, functional, {"Halved": Halved}),
    "subclass of Model": (Mine, lambda: functional(Mine), {"Halved": Halved}),
    "Functional": (type(functional()), functional, {"Halved": Halved}),
    "Sequential": (Sequential, lambda: Sequential([Input((4,)), Halved(2)]), {"Halved": Halved}),
    "nested": (Sequential, lambda: Sequential([Input((4,)), functional()]), {"Halved": Halved}),
    "Wrapper": (layers.Wrapper, lambda: layers.Wrapper(Halved(2)), {"Halved": Halved}),
    "TimeDistributed": (layers.TimeDistributed, lambda: layers.TimeDistributed(Halved(2)), {"Halved": Halved}),
    "SpectralNormalization": (
        layers.SpectralNormalization,
        lambda: layers.SpectralNormalization(Halved(2)),
        {"Halved": Halved},
    ),
    "Lambda": (layers.Lambda, lambda: layers.Lambda(doubled), {"doubled": doubled}),
    "Optimizer": (optimizers.Adam, lambda: optimizers.Adam(Falling()), {"Falling": Falling}),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_from_config_uses_custom_objects(case):
    kind, make, custom_objects = case
    config = make().get_config()
    again = kind.from_config(config, custom_objects=custom_objects)
    assert again.get_config() == config
    assert kind.from_config(config, custom_objects).get_config() == config  # as written in Keras's scripts
    with pytest.raises(ValueError, match="unknown name"):
        kind.from_config(config)


def test_a_lambda_is_found_by_the_name_of_its_layer():
    config = {"name": "twice", "function": "<lambda>"}
    layer = layers.Lambda.from_config(config, {"twice": doubled})
    assert layer.function is doubled
