"""Models of every kind, for either library, and data for them."""

from __future__ import annotations

import numpy as np


def numbers(*shape):
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def losses_of(model, x, y, epochs=2):
    return model.fit(x, y, epochs=epochs, batch_size=4, shuffle=False, verbose=0).history["loss"]


def sequential_cnn(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input((8, 8, 1)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )


def branches(k):
    i = k.Input((6, 6, 2))
    left = k.layers.Conv2D(3, 1, name="left")(i)
    right = k.layers.Conv2D(3, 3, padding="same", name="right")(i)
    x = k.layers.Concatenate()([left, right])
    return k.Model(i, k.layers.Dense(2)(k.layers.GlobalAveragePooling2D()(k.ops.relu(x) + x)))


def shared(k):
    i = k.Input((6, 6, 2))
    conv = k.layers.Conv2D(2, 3, padding="same")
    return k.Model(i, k.layers.Flatten()(conv(conv(i))))


def nested(k):
    i = k.Input((6,))
    block = k.Model(i, k.layers.add([k.layers.Dense(6, activation="relu")(i), i]), name="block")
    inside = k.Sequential([k.Input((6,)), k.layers.Dense(6, activation="tanh")], name="inside")
    steps = k.Sequential([k.Input((6,)), inside, k.layers.BatchNormalization()], name="steps")
    j = k.Input((6,))
    return k.Model(j, k.layers.Dense(2)(block(steps(block(j)))))


def several(k):
    a, b = k.Input((5,), name="a"), k.Input((4, 4, 1), name="b")
    x = k.layers.concatenate([a, k.layers.Flatten()(k.layers.Conv2D(2, 3)(b))])
    return k.Model([a, b], [k.layers.Dense(2, name="one")(x), k.layers.Dense(3, name="two")(x)])


def kinds_of_convolutions(k):
    i = k.Input((8, 8, 2))
    x = k.layers.SeparableConv2D(3, 3, depth_multiplier=2)(i)
    x = k.layers.Conv2DTranspose(2, 3, strides=2)(x)
    x = k.layers.DepthwiseConv2D(3, strides=2)(x)
    x = k.layers.Reshape((6, 6, 2, 1))(x)
    return k.Model(i, k.layers.GlobalMaxPooling3D()(k.layers.Conv3D(2, (3, 2, 1))(x)))


INPUTS = {
    sequential_cnn: (8, 8, 1),
    branches: (6, 6, 2),
    shared: (6, 6, 2),
    nested: (6,),
    several: [(5,), (4, 4, 1)],
    kinds_of_convolutions: (8, 8, 2),
}


def data_of(make, model):
    shapes = INPUTS[make]
    x = [numbers(8, *s) for s in shapes] if isinstance(shapes, list) else numbers(8, *shapes)
    y = [numbers(8, *t.shape[1:]) for t in model.outputs]
    return x, y if len(y) > 1 else y[0]


def outputs_of(model, x):
    outputs = model.predict(x, verbose=0)
    return outputs if isinstance(outputs, list) else [outputs]


def subclassed(k):
    class Net(k.Model):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.conv = k.layers.Conv2D(3, 3, activation="tanh")
            self.parts = [k.layers.Flatten(), k.layers.Dense(2)]

        def call(self, x):
            x = self.conv(x)
            for part in self.parts:
                x = part(x)
            return x

        def get_config(self):
            return {"name": self.name}

    return Net
