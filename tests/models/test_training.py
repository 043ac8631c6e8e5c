"""Training compared with results of Keras 3.15 for the same weights, data and order of samples."""

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, callbacks, layers, losses, ops, optimizers


def wave(*shape, phase=0.0):
    return np.sin(np.arange(int(np.prod(shape))) * 1.7 + phase).reshape(shape).astype("float32")


def set_waves(model):
    """Set weights by a formula; scales and variances are near 1."""
    positive = ("gamma", "moving_variance")
    model.set_weights(
        [1.1 + 0.2 * wave(*v.shape) if v.name in positive else 0.3 * wave(*v.shape) for v in model.weights]
    )


def assert_history(found, expected):
    assert list(found) == list(expected)
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=5e-5), name


def two_outputs():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    shared = layers.Dense(5, activation="tanh")
    left = layers.Dense(3, activation="softmax", name="left")(layers.concatenate([shared(a), shared(b)]))
    right = layers.Dense(1, activation="sigmoid", name="right")(layers.add([shared(a), shared(b)]))
    return Model([a, b], [left, right])


def test_two_outputs_by_name():
    """A shared layer, a join, Nesterov momentum, loss weights, and targets in another order than the outputs."""
    model = two_outputs()
    set_waves(model)
    model.compile(
        optimizers.SGD(0.5, momentum=0.9, nesterov=True),
        {"left": "sparse_categorical_crossentropy", "right": "binary_crossentropy"},
        loss_weights={"left": 1.0, "right": 0.25},
        metrics={"left": "accuracy", "right": ["mae"]},
    )
    x = [wave(10, 4), wave(10, 4, phase=1)]
    y = {"right": (np.arange(10) % 2)[:, None], "left": np.arange(10) % 3}
    history = model.fit(x, y, batch_size=4, epochs=3, shuffle=False, verbose=0).history
    expected = {
        "loss": [1.38711, 1.30839, 1.33468],
        "left_loss": [1.20277, 1.13446, 1.16124],
        "right_loss": [0.73738, 0.695713, 0.693739],
        "left_accuracy": [0.3, 0.4, 0.5],
        "right_mae": [0.502737, 0.499396, 0.499352],
    }
    assert_history(history, expected)
    scores = [1.300916, 1.127102, 0.695257, 0.3, 0.5002083]
    assert model.evaluate(x, y, batch_size=4, verbose=0) == pytest.approx(scores, rel=1e-5)
    assert model.metrics_names == list(expected)


def test_class_weights_count_only_in_training():
    """A class without a weight counts 1; the penalty is part of both losses; batches are partial."""
    model = Sequential([Input((4,)), layers.Dense(3, activation="softmax", kernel_regularizer="l2")])
    set_waves(model)
    model.compile(optimizers.SGD(0.2), "categorical_crossentropy", metrics=["accuracy"])
    weights = {0: 0.5, 2: 4.0}
    targets = np.eye(3)[np.arange(10) % 3]
    history = model.fit(
        wave(10, 4), targets, 3, epochs=2, shuffle=False, verbose=0, class_weight=weights, validation_split=0.3
    ).history
    expected = {
        "loss": [2.26201, 1.61194],
        "accuracy": [0.142857, 0.428571],
        "val_loss": [1.2128, 1.22531],
        "val_accuracy": [0.333333, 0.333333],
    }
    assert_history(history, expected)


def test_batch_normalization_in_training_and_validation():
    model = Sequential(
        [
            Input((8, 8, 1)),
            layers.Conv2D(3, 3, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    set_waves(model)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizers.Adam(0.02), loss, metrics=["accuracy"])
    x = wave(10, 8, 8, 1) * np.linspace(0.5, 2, 10, dtype="float32")[:, None, None, None]
    y = np.arange(10) % 3
    history = model.fit(x, y, batch_size=4, epochs=4, shuffle=False, verbose=0, validation_data=(x[:5], y[:5])).history
    expected = {
        "loss": [3.98805, 0.94834, 0.564365, 0.459534],
        "accuracy": [0.3, 0.5, 0.7, 0.7],
        "val_loss": [0.935583, 0.838216, 0.74717, 0.599967],
        "val_accuracy": [0.8, 0.6, 0.8, 1.0],
    }
    assert_history(history, expected)
    normalization = model.layers[1]
    np.testing.assert_allclose(normalization.gamma.numpy(), [0.915158, 1.14521, 0.976077], rtol=1e-4)
    np.testing.assert_allclose(normalization.moving_variance.numpy(), [0.436193, 0.549818, 0.373232], rtol=1e-4)
    np.testing.assert_allclose(model.predict(x[:1], verbose=0), [[0.427782, 0.000462, -0.681282]], rtol=1e-4, atol=1e-5)


def test_sample_weights_divide_by_the_number_of_samples_and_do_not_change_metrics():
    model = Sequential([Input((2,)), layers.Dense(1, use_bias=False)])
    model.set_weights([[[1.0], [0.0]]])
    model.compile(optimizers.SGD(0.0), "mse", metrics=["mae"])
    x, y, w = np.array([[1.0, 0], [2, 0], [4, 0]]), np.zeros((3, 1)), [1.0, 0.5, 3.0]
    squares = np.array([1.0, 4, 16])
    assert model.test_on_batch(x, y, w) == pytest.approx([(squares * w).sum() / 3, 7 / 3])
    assert model.evaluate(x, y, batch_size=2, sample_weight=w, verbose=0) == pytest.approx(
        [(squares * w).sum() / 3, 7 / 3]
    )


@pytest.mark.parametrize(
    "arguments",
    [
        {"loss_weights": [1.0]},
        {"loss_weights": {"left": 1.0, "middle": 2.0}},
        {"metrics": {"middle": ["mae"]}},
        {"metrics": "mae"},
        {"metrics": [["mae"]]},
    ],
)
def test_errors_name_targets_that_do_not_fit_the_outputs(arguments):
    x, y = [np.ones((3, 4))] * 2, [np.ones((3, 3)), np.ones((3, 1))]
    model = two_outputs()

    def train():
        model.compile("sgd", "mse", **arguments)
        model.train_on_batch(x, y)

    with pytest.raises(ValueError, match=r"compile: .* Received"):
        train()


def test_a_loss_may_compare_targets_with_outputs():
    """y_true == y_pred compares elements, in plans and in eager calls."""
    model = Sequential([Input((2,)), layers.Lambda(lambda x: x)])

    def loss(y_true, y_pred):
        return ops.mean(ops.where(y_true == y_pred, 0.0, 1.0) + ops.where(y_true != y_pred, 2.0, 0.0), -1)

    for run_eagerly in (False, True):
        model.compile("sgd", loss, run_eagerly=run_eagerly)
        assert model.test_on_batch(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [3.0, 4.0]])) == 0.75


def test_the_number_of_targets_matches_the_outputs():
    x, y = [np.ones((3, 4))] * 2, np.ones((3, 3))
    model = two_outputs()
    model.compile("sgd", "mse")
    for targets in (y, {"left": y, "middle": y}):
        with pytest.raises(ValueError, match=r"target\. Received: outputs=\['left', 'right'\]"):
            model.train_on_batch(x, targets)
    with pytest.raises(ValueError, match="unknown name"):
        model.compile("sgd", "mse", metrics=[["mea"], None])


def tiny():
    model = Sequential([Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model, np.ones((6, 2)), np.ones((6, 1))


def test_validation_data_is_checked_before_training():
    model, x, y = tiny()
    before = model.get_weights()
    for data in (x, (x,), (x, None), (x, y[:3]), (x[:0], y[:0])):
        with pytest.raises(ValueError, match="Received"):
            model.fit(x, y, verbose=0, validation_data=data)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    with pytest.raises(ValueError, match="at least one sample"):
        model.evaluate(x[:0], y[:0], verbose=0)


def test_validation_data_without_targets():
    inputs = Input((2,))
    model = Sequential([inputs, layers.Dense(1, activity_regularizer="l2")])
    model.compile("sgd")
    x = np.ones((6, 2))
    for data in ((x,), [x], (x, None)):
        assert len(model.fit(x, verbose=0, validation_data=data).history["val_loss"]) == 1


@pytest.mark.parametrize(
    ("x", "rule"),
    [
        ([[1.0, 2.0], [3.0]], "x must be an array of numbers.*inhomogeneous"),
        ([[1.0, 2.0], [3.0, None]], "x must be an array of numbers.*dtype=object"),
        ([["a", "b"], ["c", "d"]], "x must be an array of numbers.*dtype=<U1"),
        (np.ones((2, 2), complex), "x must be an array of numbers.*dtype=complex128"),
        (
            np.ma.masked_array(np.ones((2, 2)), [[True, False], [False, False]]),
            r"x must be an array.*x\.filled\(value\)",
        ),
        (None, "x must be an array of numbers.*Received: None"),
        (3.0, r"x must be an array of numbers.*shape=\(\)"),
        ("ab", "x must be an array of numbers"),
    ],
)
def test_data_without_samples(x, rule):
    model, _, _ = tiny()
    for call in (model.predict, model.train_on_batch, lambda x: model.fit(x, np.ones((2, 1)))):
        with pytest.raises(ValueError, match=rf"(?s){rule}"):
            call(x)


def test_masked_arrays_without_masked_elements():
    model, x, y = tiny()
    masked = np.ma.masked_array(x, np.zeros(x.shape, bool))
    np.testing.assert_array_equal(model.predict(masked, verbose=0), model.predict(x, verbose=0))
    model.fit(masked, np.ma.masked_array(y), verbose=0)
    with pytest.raises(ValueError, match="Arrays must not be masked"):
        model.fit(x, np.ma.masked_array(y, y == 1), verbose=0)
    with pytest.raises(ValueError, match="Arrays must not be masked"):
        ops.add(np.ma.masked_array(x, x == 1), 1)


def test_stop_training_ends_the_epoch_at_its_batch():
    class Stop(callbacks.Callback):
        seen = 0

        def on_train_batch_end(self, batch, logs=None):
            self.seen += 1
            self.model.stop_training = batch == 1

    model, x, y = tiny()
    stop = Stop()
    history = model.fit(x, y, batch_size=1, epochs=3, verbose=0, callbacks=[stop])
    assert (stop.seen, history.epoch) == (2, [0])


def test_training_continues_after_an_interruption():
    class Interrupt(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    model, x, y = tiny()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, verbose=0, callbacks=[Interrupt()])
    assert len(model.fit(x, y, epochs=2, verbose=0).history["loss"]) == 2


def test_weights_set_by_a_callback_are_trained():
    class Reset(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.set_weights([[[2.0], [0.0]], [0.0]])

    model, x, y = tiny()
    model.fit(x, y, batch_size=4, verbose=0, callbacks=[Reset()])
    np.testing.assert_array_equal(model.get_weights()[0], [[2.0], [0.0]])
    np.testing.assert_array_equal(model.predict(x, verbose=0), np.full((6, 1), 2.0))
    assert model.train_on_batch(x, y) == 1.0


@pytest.mark.parametrize("run_eagerly", [False, True])
@pytest.mark.parametrize(
    "loss",
    [
        lambda a, b: np.mean((a - b) ** 2),
        lambda a, b: np.mean((a.numpy() - b.numpy()) ** 2),
        lambda a, b: float(ops.mean((a - b) ** 2)),
        lambda a, b: 1.0,
    ],
)
def test_a_loss_computed_by_numpy_is_refused(loss, run_eagerly):
    model = Sequential([layers.Input((3,)), layers.Dense(2)])
    model.compile("sgd", loss, run_eagerly=run_eagerly)
    for step in (model.train_on_batch, model.test_on_batch):
        with pytest.raises(TypeError, match=r"fastconv\.ops.*Received: "):
            step(wave(4, 3), wave(4, 2))


class Squash(Model):
    """A model that leaves the graph at its end, by one of the ways to call NumPy."""

    def __init__(self, values):
        super().__init__()
        self.dense, self.values = layers.Dense(2), values

    def call(self, inputs):
        return np.tanh(self.values(self.dense(inputs)))


@pytest.mark.parametrize("run_eagerly", [False, True])
@pytest.mark.parametrize("values", [np.asarray, lambda x: x.numpy()])
def test_a_model_that_leaves_the_graph_is_refused(values, run_eagerly):
    model = Squash(values)
    model.compile("sgd", "mse", run_eagerly=run_eagerly)
    x, y = wave(4, 3), wave(4, 2)
    for step in (lambda: model.fit(x, y, verbose=0), lambda: model.evaluate(x, y, verbose=0), lambda: model.predict(x)):
        with pytest.raises(TypeError, match=r"fastconv\.ops.*Received: "):
            step()


@pytest.mark.parametrize("use", [lambda model: model.compile("sgd", "mse"), lambda model: model.predict(wave(4, 3))])
def test_a_model_whose_constructor_is_forgotten_is_named(use):
    class Uninitialized(Model):
        def __init__(self):
            self.dense = layers.Dense(2)

    with pytest.raises(RuntimeError, match=r"^Uninitialized: __init__ must call super\(\).__init__\(\)$"):
        use(Uninitialized())


def test_errors_name_invalid_data():
    model, x, y = tiny()
    with pytest.raises(ValueError, match=r"x must be an array .* Received: None"):
        model.predict(None)
    with pytest.raises(ValueError, match=r"x must be an array .* Received: str"):
        model.predict("images")
    with pytest.raises(ValueError, match=r"y must be an array .* Received: str"):
        model.fit(x, "labels")
    with pytest.raises(ValueError, match=r"^Every output needs a target\. Received: .*targets=\[\]$"):
        model.fit(x)
    with pytest.raises(ValueError, match=r"same number of samples. Received: x of 6, y of 5 samples"):
        model.fit(x, y[:5])


@pytest.mark.parametrize("verbose", [3, -1, "loud", None])
def test_verbose_has_four_values(verbose):
    model, x, y = tiny()
    for method in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=r"verbose must be 0, 1, 2 or 'auto'. Received"):
            method(x, y, verbose=verbose)


def test_only_callbacks_are_accepted():
    model, x, y = tiny()
    with pytest.raises(TypeError, match=r"callbacks must be Callback objects. Received: <built-in function print>"):
        model.fit(x, y, verbose=0, callbacks=[print])


def test_predictions_of_no_samples_in_a_number_of_steps():
    model, *_ = tiny()
    with pytest.warns(UserWarning, match="The data ended after 0 of 2 steps"):
        assert model.predict(np.zeros((0, 2)), steps=2, verbose=0).shape == (0, 1)
