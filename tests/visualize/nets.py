"""Small models for the tests of pictures."""

from __future__ import annotations

import numpy as np

from fastconv import Input, Model, Sequential, layers, utils


def images(count=1, channels=1, size=8, seed=0):
    """Return random images (N, H, W, C)."""
    return np.random.default_rng(seed).random((count, size, size, channels)).astype("float32")


def classifier(channels=1, data_format=None, last="softmax"):
    """Return two convolutions, pooling, dropout and normalisation, and three classes."""
    utils.set_random_seed(1)
    shape = (channels, 8, 8) if data_format == "channels_first" else (8, 8, channels)
    how = {"data_format": data_format}
    axis = 1 if data_format == "channels_first" else -1
    return Sequential(
        [
            Input(shape),
            layers.Conv2D(4, 3, padding="same", activation="relu", name="conv1", **how),
            layers.MaxPooling2D(name="pool1", **how),
            layers.Conv2D(6, 3, padding="same", name="conv2", **how),
            layers.BatchNormalization(axis=axis, name="norm"),
            layers.ReLU(name="relu"),
            layers.Flatten(name="flatten", **how),
            layers.Dropout(0.5, seed=1),
            layers.Dense(3, activation=last, name="classes"),
        ],
        name="net",
    )


def channels_first_twin():
    """Return a model with channels last, and the same model with channels first."""
    first, last = classifier(2, "channels_first"), classifier(2, "channels_last")
    first.set_weights(last.get_weights())  # Flatten moves the channels to the end
    return last, first


def averaging():
    """Return a convolution, global average pooling and a dense layer, for class activation maps."""
    utils.set_random_seed(2)
    return Sequential(
        [
            Input((8, 8, 3)),
            layers.Conv2D(5, 3, activation="relu", name="conv"),
            layers.GlobalAveragePooling2D(name="mean"),
            layers.Dense(3, name="classes"),
        ]
    )


def nested():
    """Return a functional model that applies a model with a convolution twice."""
    utils.set_random_seed(3)
    encoder = Sequential([Input((8, 8, 2)), layers.Conv2D(2, 3, padding="same", name="conv")], name="encoder")
    inputs = Input((8, 8, 2))
    x = layers.ReLU(name="middle")(encoder(encoder(inputs)))
    x = layers.add([x, inputs])
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return Model(inputs, layers.Dense(3, activation="softmax", name="classes")(x))


class Subclass(Model):
    """A model with `call`."""

    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(4, 3, activation="relu", name="conv")
        self.dense = layers.Dense(3, activation="softmax", name="classes")

    def call(self, x, training=False):
        return self.dense(layers.Flatten()(self.conv(x) * 2.0))


def subclassed():
    utils.set_random_seed(4)
    model = Subclass()
    model.build((None, 8, 8, 1))
    return model


def two_inputs():
    utils.set_random_seed(5)
    left, right = Input((8, 8, 1), name="left"), Input((3,), name="right")
    x = layers.concatenate([layers.Flatten()(layers.Conv2D(2, 3, name="conv")(left)), right], name="joined")
    return Model([left, right], layers.Dense(3, name="classes")(x))


def scores_of(model, image):
    """Return the scores of classes before the last softmax, computed from the probabilities: equal up to a constant."""
    return np.log(np.asarray(model(image, training=False), np.float64))
