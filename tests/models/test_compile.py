"""The outputs to which losses, metrics, targets and weights belong, if Keras refuses or answers differently."""

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, losses

pytestmark = pytest.mark.filterwarnings("ignore:.*the loss does not depend")

X, A, B = np.ones((6, 4), "float32"), np.arange(6) % 3, np.ones((6, 1), "float32")


def two(**how):
    x = Input((4,))
    model = Model(x, [layers.Dense(3, "softmax", name="a")(x), layers.Dense(1, name="b")(x)])
    model.compile("sgd", **how)
    return model


def names(model, y=(A, B)):
    return set(model.fit(X, y if isinstance(y, dict) else list(y), verbose=0).history)


SPARSE = "sparse_categorical_crossentropy"


def test_a_plain_list_of_metrics_is_for_every_output():
    losses_of = {"loss", "a_loss", "b_loss"}
    assert names(two(loss=[SPARSE, "mse"], metrics=["accuracy"])) == {*losses_of, "a_accuracy", "b_accuracy"}
    found = names(two(loss=["mse", "mse"], metrics=["mae", "mse", "mae"]), (np.eye(3)[A], B))
    assert found == {*losses_of, *(f"{out}_{name}" for out in "ab" for name in ("mae", "mse", "mae_1"))}
    assert names(two(loss=[SPARSE, "mse"], metrics=("accuracy", "mae"))) == {*losses_of, "a_accuracy", "b_mae"}


def test_targets_of_outputs_with_a_loss_or_a_metric():
    assert names(two(loss={"b": "mse"}), {"b": B}) == {"loss"}
    assert names(two(loss={"a": None, "b": "mse"}, metrics={"b": "mae"}), {"b": B}) == {"loss", "b_mae"}
    assert names(two(loss=[None, "mse"], metrics=[None, "mae"]), [B]) == {"loss", "b_mae"}
    with pytest.raises(ValueError, match=r"outputs=\['a', 'b'\], targets=\[\(6, 1\)\]"):
        names(two(loss=[None, "mse"], metrics=["accuracy", None]), [B])
    with pytest.raises(ValueError, match=r"outputs=\['b'\], targets=\['a'\]"):
        names(two(loss={"b": "mse"}), {"a": A})


def test_a_metric_of_the_name_of_the_loss_has_a_number():
    def loss(y_true, y_pred):
        return (y_true - y_pred) ** 2.0

    model = Sequential([Input((4,)), layers.Dense(1, kernel_regularizer="l2")])
    model.compile("sgd", loss, metrics=[loss])
    found = model.evaluate(X, B, return_dict=True, verbose=0)
    assert set(found) == {"loss", "loss_1"}
    assert found["loss"] > found["loss_1"] > 0


@pytest.mark.filterwarnings("ignore::fastconv.ModelWarning")
def test_crossentropy_follows_the_shapes_of_each_output():
    def scores(loss, y):
        model = two(loss=loss)
        model.set_weights([np.cos(np.arange(w.size)).reshape(w.shape) for w in model.get_weights()])
        return model.evaluate(X, y, verbose=0)

    for a, kind in ((A, losses.SparseCategoricalCrossentropy), (np.eye(3)[A], losses.CategoricalCrossentropy)):
        expected = scores([kind(), losses.BinaryCrossentropy()], [a, B])
        assert scores("crossentropy", [a, B]) == pytest.approx(expected)
        assert scores(["CE", "ce"], [a, B]) == pytest.approx(expected)


def test_the_attribute_compiled():
    model = Sequential([Input((2,)), layers.Dense(1)])
    assert not model.compiled
    model.compile("sgd", "mse")
    assert model.compiled
