"""Models of every kind, with data for them, for the tests of all file formats."""

import numpy as np

from fastconv import Input, Model, Sequential, layers, ops


def sequence(dtype="float32"):
    return Sequential(
        [
            Input((6, 6, 2), dtype=dtype),
            layers.Conv2D(3, 3, activation="relu", kernel_regularizer="l2", dtype=dtype),
            layers.BatchNormalization(dtype=dtype),
            layers.Dropout(0.5, dtype=dtype),
            layers.Flatten(dtype=dtype),
            layers.Dense(2, dtype=dtype),
        ]
    )


def without_input():
    model = Sequential([layers.Dense(3), layers.Dense(2)])
    model.build((None, 5))
    return model


def shared():
    """Return a model with inputs at different depths, shared layers, functions of ops, and two outputs."""
    a, b = Input((6, 6, 2), name="a"), Input((3,), name="b")
    conv = layers.Conv2D(2, 1)
    x = ops.relu(conv(conv(a) * 2.0 + a))[:, 1:, ..., ::2]
    x = ops.concatenate([layers.Flatten()(x), layers.Dense(4)(b)], axis=-1)
    return Model([a, b], [layers.Dense(2, name="left")(x), ops.mean(x, axis=1, keepdims=True) - np.ones(3, "float32")])


def nested():
    i = Input((4,))
    block = Model(i, layers.add([layers.Dense(4, activation="tanh")(i), i]), name="block")
    steps = Sequential([Input((4,)), layers.Dense(4), layers.BatchNormalization()], name="steps")
    j = Input((4,))
    x = block(steps(block(j)), training=False)
    steps.get_layer(index=0).trainable = False
    return Model(j, block(layers.Dense(4)(steps(x))))


def named():
    a, b = Input((4,), name="zeta"), Input((4,), name="alpha")
    return Model({"zeta": a, "alpha": b}, {"sum": layers.add([a, b]), "dense": layers.Dense(2)(a)})


MODELS = [sequence, without_input, shared, nested, named]


def data_for(model, n=4):
    """Return inputs with the structure that a model takes."""
    rng = np.random.default_rng(0)

    def array(t):
        return rng.normal(size=(n, *t.shape[1:])).astype(t.dtype)

    if isinstance(model.input, dict):
        return {key: array(t) for key, t in model.input.items()}
    return [array(t) for t in model.input] if isinstance(model.input, list) else array(model.input)


def flat(outputs):
    """Return outputs as a list."""
    if isinstance(outputs, dict):
        return [outputs[key] for key in sorted(outputs)]
    return outputs if isinstance(outputs, list) else [outputs]


def assert_same_outputs(first, second):
    x = data_for(first)
    for a, b in zip(flat(first.predict(x, verbose=0)), flat(second.predict(x, verbose=0)), strict=True):
        np.testing.assert_array_equal(a, b)
