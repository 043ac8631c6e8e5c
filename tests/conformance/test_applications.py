"""Ready-made nets compared with Keras 3: layers, weights, outputs, and Keras's weight files."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from fastconv import applications, utils

# (name, arguments, shape of an image)
NETS = [
    ("VGG16", {"classes": 4}, (32, 32, 3)),
    ("VGG19", {"include_top": False, "pooling": "avg"}, (32, 40, 3)),
    ("ResNet50", {"classes": 4, "classifier_activation": None}, (32, 32, 3)),
    ("ResNet50V2", {"include_top": False, "pooling": "max"}, (64, 33, 3)),
    ("MobileNet", {"classes": 4}, (32, 32, 3)),
    ("MobileNet", {"alpha": 0.25, "include_top": False, "depth_multiplier": 2}, (33, 47, 3)),
    ("MobileNetV2", {"classes": 4, "classifier_activation": None}, (32, 32, 3)),
    ("MobileNetV2", {"alpha": 1.4, "include_top": False, "pooling": "avg"}, (35, 45, 3)),
    ("DenseNet121", {"classes": 4}, (32, 32, 3)),
    ("InceptionV3", {"include_top": False, "pooling": "max"}, (75, 75, 3)),
    ("Xception", {"include_top": False, "pooling": "avg"}, (71, 71, 3)),
    ("EfficientNetB0", {"classes": 4}, (32, 32, 3)),
    ("EfficientNetB1", {"include_top": False}, (33, 32, 3)),
]
each_net = pytest.mark.parametrize(
    ("name", "arguments", "shape"), NETS, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(NETS)]
)


def built(module, name, arguments, shape):
    return getattr(module, name)(weights=None, input_shape=shape, **arguments)


def theirs(name, arguments, shape):
    import keras

    keras.utils.clear_session()
    return built(keras.applications, name, arguments, shape)


def structure(model):
    """Return a checksum of each layer's name and of its weights' names and shapes: a weight file depends on these."""
    rows = [[layer.name, [[w.name, list(w.shape)] for w in layer.weights]] for layer in model.layers]
    return [model.name, [[name, zlib.crc32(repr(weights).encode())] for name, weights in rows]]


def some_weights(model):
    """Return weights that depend only on their shapes, and with which values neither vanish nor grow."""
    rng = np.random.default_rng(5)
    for layer in model.layers:
        arrays = []
        for w in layer.weights:
            shape, is_kernel = tuple(w.shape), len(w.shape) > 1
            fan = np.prod(shape[:2] if w.name == "depthwise_kernel" or "depthwise" in layer.name else shape[:-1])
            scale = np.sqrt(2 / max(fan, 1)) if is_kernel else 0.1
            centre = 1.0 if w.name in ("gamma", "moving_variance", "variance") else 0.0
            arrays.append(np.asarray(centre + scale * rng.standard_normal(shape, "float32"), "float32"))
        layer.set_weights(arrays)
    return model


def images(shape):
    return np.random.default_rng(6).uniform(0, 2, (2, *shape)).astype("float32")


@each_net
def test_layers_weights_and_outputs_are_those_of_keras(name, arguments, shape, reference):
    def described(model):
        return structure(model), some_weights(model)(images(shape))

    found, expected = reference(lambda: described(theirs(name, arguments, shape)))
    utils.clear_session()
    model = built(applications, name, arguments, shape)
    assert structure(model) == found
    y = some_weights(model).predict(images(shape), verbose=0)
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


PREPARED = ["vgg16", "resnet50", "resnet_v2", "mobilenet", "mobilenet_v2", "densenet", "xception", "efficientnet"]


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
@pytest.mark.parametrize("module", PREPARED)
def test_inputs_are_prepared_as_by_keras(module, layout, reference):
    x = np.random.default_rng(7).uniform(0, 255, (2, 3, 3, 3)).astype("float32")

    def prepared(package):
        return getattr(package, module).preprocess_input(x.copy(), data_format=layout)

    def of_theirs():
        import keras

        return prepared(keras.applications)

    np.testing.assert_allclose(prepared(applications), reference(of_theirs), rtol=1e-5, atol=1e-4)
