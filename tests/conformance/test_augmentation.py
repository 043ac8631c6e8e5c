"""Random layers compared with Keras 3: given Keras's random transformation, our layer changes images like Keras."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import layers, ops

from ..layers.cases import IMAGE, RANDOM_CASES, RANDOM_IDS
from ..layers.test_layers import inputs_for

each_layer = pytest.mark.parametrize(("cls", "arguments", "shape"), [case[:3] for case in RANDOM_CASES], ids=RANDOM_IDS)


def theirs_of(cls, arguments):
    import keras

    return getattr(keras.layers, cls.__name__)(**arguments)


def plain(transformation):
    """Remove the shape of the images, which is not random."""
    if isinstance(transformation, dict):
        return {name: np.asarray(value).tolist() for name, value in transformation.items() if "shape" not in name}
    return [np.asarray(value).tolist() for value in transformation]


def arrays(transformation):
    if isinstance(transformation, dict):
        return {name: np.asarray(a, bool if name == "flips" else "float32") for name, a in transformation.items()}
    return tuple(np.asarray(start) for start in transformation)


@each_layer
def test_given_transformations(cls, arguments, shape, reference):
    if cls is layers.RandomCrop and max(arguments["height"], arguments["width"]) > 6:
        pytest.skip("Keras changes the aspect ratio of images that are too small, against its documentation")
    x = inputs_for(shape)

    def compute():
        theirs = theirs_of(cls, {**arguments, "seed": 1})
        drawn = theirs.get_random_transformation(x)
        return {"drawn": plain(drawn), "y": np.asarray(theirs.transform_images(x.copy(), drawn))}

    found = reference(compute)
    y = cls(**arguments).transform_images(x, arrays(found["drawn"]))
    np.testing.assert_allclose(y, np.array(found["y"]), atol=1e-4 * np.ptp(x))


@each_layer
def test_what_is_drawn_has_the_names_and_shapes_of_keras(cls, arguments, shape, reference):
    if cls is layers.RandomCrop and max(arguments["height"], arguments["width"]) > 6:
        pytest.skip("there is no random transformation of images that are too small")
    x = inputs_for(shape)

    def shapes(drawn):
        return {k: list(np.shape(a)) for k, a in drawn.items()} if isinstance(drawn, dict) else len(drawn)

    found = reference(lambda: shapes(theirs_of(cls, arguments).get_random_transformation(x)))
    ours = shapes(cls(**arguments).get_random_transformation(x))
    assert ours == found if isinstance(found, int) else ours.items() <= found.items()


@each_layer
def test_configuration_has_the_same_arguments(cls, arguments, shape, reference):
    config = cls(**arguments).get_config()
    assert set(reference(lambda: list(theirs_of(cls, arguments).get_config()))) <= set(config)


@pytest.mark.parametrize("fill_mode", ["constant", "nearest", "wrap", "mirror", "reflect"])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_affine_transform(interpolation, fill_mode, reference):
    x = inputs_for(IMAGE)
    transform = np.zeros((len(x), 8), "float32")
    transform[:, :6] = [1, 0, 0, 0, 1, 0] + np.random.default_rng(0).normal(size=(len(x), 6)) * [
        0.3,
        0.3,
        6,
        0.3,
        0.3,
        6,
    ]
    how = {"interpolation": interpolation, "fill_mode": fill_mode, "fill_value": 1.5}

    def compute():
        import keras

        return keras.ops.image.affine_transform(x, transform, **how)

    np.testing.assert_allclose(ops.image.affine_transform(x, transform, **how), reference(compute), atol=1e-4)


@pytest.mark.parametrize("axis", [-1, None, (1, 3)], ids=str)
def test_adapting(axis, reference):
    x = inputs_for(IMAGE)

    def adapted(module):
        layer = module.Normalization(axis=axis)
        layer.adapt(x)
        return np.asarray(layer(x))

    def compute():
        import keras

        return adapted(keras.layers)

    np.testing.assert_allclose(adapted(layers), reference(compute), rtol=1e-4, atol=1e-4)
