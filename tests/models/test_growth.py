"""Calls leave no objects in memory: later calls do not become more expensive."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from fastconv import Input, Sequential, layers

CALLS = 40
SIZES = range(1, 14)  # more batch shapes than a model keeps plans for


def model():
    made = Sequential(
        [
            Input((6, 6, 2)),
            layers.Conv2D(3, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    made.compile("adam", "mse", metrics=["mae"])
    return made


def data(n):
    return np.ones((n, 6, 6, 2), np.float32), np.zeros((n, 1), np.float32)


USES = {
    "call": lambda model, n: model(data(n)[0]),
    "predict": lambda model, n: model.predict(data(n)[0], batch_size=4, verbose=0),
    "predict_on_batch": lambda model, n: model.predict_on_batch(data(n)[0]),
    "train_on_batch": lambda model, n: model.train_on_batch(*data(n)),
    "evaluate": lambda model, n: model.evaluate(*data(n), verbose=0),
    "fit": lambda model, n: model.fit(*data(n), verbose=0),
    "compile": lambda model, n: (model.compile("sgd", "mse"), model.train_on_batch(*data(n))),
}


@pytest.mark.parametrize("use", USES.values(), ids=list(USES))
@pytest.mark.parametrize("sizes", [[8], SIZES], ids=["one shape", "many shapes"])
def test_objects_do_not_grow_in_number(use, sizes):
    made = model()

    def objects_after_calls():
        for i in range(CALLS):
            use(made, sizes[i % len(sizes)])
        gc.collect()
        return len(gc.get_objects())

    objects_after_calls()
    before = objects_after_calls()
    assert objects_after_calls() - before < CALLS // 2
