"""A script as users write it, with types: mypy checks it strictly, and test_typing.py runs it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import fastconv
from fastconv import (
    Model,
    Sequential,
    activations,
    callbacks,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    random,
    regularizers,
    utils,
)
from fastconv.typing import Array, ArrayLike


# ---- models -----------------------------------------------------------------------------------------------------
def sequential() -> Sequential:
    model = Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(8, 3, activation="relu", padding="same", kernel_initializer="he_normal"),
            layers.Conv2D(
                8, (3, 3), strides=[2, 2], padding=((1, 1), (1, 1)), kernel_regularizer=regularizers.L2(1e-4)
            ),
            layers.BatchNormalization(),
            layers.Activation(ops.relu),
            layers.MaxPooling2D(2),
            layers.Dropout(0.5, seed=1),
            layers.Flatten(),
            layers.Dense(
                10,
                activation=activations.softmax,
                kernel_constraint=constraints.MaxNorm(2.0),
                bias_initializer=initializers.Constant(0.1),
            ),
        ],
        name="net",
    )
    model.compile(
        optimizers.SGD(optimizers.schedules.ExponentialDecay(1e-3, 100, 0.9), momentum=0.9),
        loss=my_loss,
        metrics=[metrics.MeanAbsoluteError(), "mse"],
        loss_weights=[1.0],
    )
    model.compile(optimizer="adam", loss=losses.SparseCategoricalCrossentropy(from_logits=False), metrics=["accuracy"])
    return model


def my_loss(y_true: Array, y_pred: Array) -> Array:
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def functional() -> Model:
    inputs = fastconv.Input(shape=(32, 32, 3), name="image")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False, dtype="float32")(inputs)
    x = layers.BatchNormalization()(x)
    x = ops.relu(x)
    shortcut = x
    x = layers.SeparableConv2D(16, 3, padding="same")(x)
    x = layers.add([x, shortcut])
    x = layers.Concatenate()([x, shortcut])
    x = x * 2.0 + 1.0
    x = layers.GlobalAveragePooling2D()(x)
    y = ops.concatenate([x, x], axis=-1)
    a, b = layers.Dense(10, name="a")(y), layers.Dense(1, name="b")(y)
    model = Model(inputs=inputs, outputs=[a, b], name="two")
    model.compile(
        "sgd",
        loss={"a": "mse", "b": losses.Huber()},
        loss_weights={"a": 1.0, "b": 0.5},
        jit_compile=True,
        run_eagerly=False,
    )
    return model


# ---- layers -----------------------------------------------------------------------------------------------------
class Linear(layers.Layer):
    def __init__(self, units: int, activation: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.activation = activations.get(activation)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        size = input_shape[-1]
        assert size is not None
        self.kernel = self.add_weight((size, self.units), "glorot_uniform", name="kernel")
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="int32", name="steps")

    def call(self, inputs: Array, training: bool | None = None) -> Array:
        if training:
            self.steps.assign_add(1)
        self.add_loss(1e-3 * ops.sum(ops.square(self.kernel)))
        return self.activation(ops.matmul(inputs, self.kernel))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


class Sampling(layers.Layer):
    """Two inputs, and a seed."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(name="sampling")
        self.seed = random.SeedGenerator(seed)

    def call(self, mean: fastconv.KerasTensor, log_variance: fastconv.KerasTensor) -> Array:
        noise = random.normal(ops.shape(mean), seed=self.seed)
        return mean + ops.exp(log_variance * 0.5) * noise


class Attention(layers.Layer):
    def call(self, inputs: list[Array], mask: Array | None = None) -> tuple[Array, Array]:
        q, k = inputs
        scores = ops.softmax(ops.matmul(q, ops.transpose(k, (0, 2, 1))), axis=-1)
        return ops.matmul(scores, k), scores


# ---- losses, metrics, callbacks, regularizers, schedules ----------------------------------------------------------
class Weighted(losses.Loss):
    def __init__(self, weight: float = 2.0, name: str = "weighted") -> None:
        super().__init__(name=name, reduction="sum_over_batch_size")
        self.weight = weight

    def call(self, y_true: Array, y_pred: Array) -> Array:
        return self.weight * ops.mean(ops.abs(y_true - y_pred), axis=-1)


class F1(metrics.Metric):
    def __init__(self, name: str = "f1", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.hits = self.add_variable((), "zeros", name="hits")
        self.total = self.add_weight(shape=(), initializer="zeros", name="total")

    def update_state(self, y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> None:
        y_pred = ops.cast(y_pred > 0.5, "float32")
        self.hits.assign_add(ops.sum(y_true * y_pred))
        self.total.assign_add(ops.sum(y_true + y_pred))

    def result(self) -> Array:
        return 2 * self.hits / (self.total + 1e-7)

    def reset_state(self) -> None:
        self.hits.assign(0.0)
        self.total.assign(0.0)


class SaveBest(callbacks.Callback):
    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.best = float("inf")

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        loss = (logs or {}).get("loss", 0.0)
        if loss < self.best:
            self.best = loss
            self.model.save(self.path)
        if loss > 1e3:
            self.model.stop_training = True

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        assert self.model.optimizer.learning_rate > 0


class Sparse(regularizers.Regularizer):
    def __init__(self, strength: float) -> None:
        self.strength = strength

    def __call__(self, x: Array) -> Array:
        return self.strength * ops.sum(ops.abs(x))

    def get_config(self) -> dict[str, Any]:
        return {"strength": self.strength}


class Halving(optimizers.schedules.LearningRateSchedule):
    def __call__(self, step: Array) -> Array:
        return 0.1 * 0.5 ** (ops.cast(step, "float32") / 100)

    def get_config(self) -> dict[str, Any]:
        return {}


class Noise(initializers.Initializer):
    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> np.ndarray:
        return np.random.default_rng(0).normal(size=shape)


def scaled(shape: tuple[int, ...], dtype: str | None = None) -> np.ndarray:
    return np.zeros(shape, dtype)


class Unit(constraints.Constraint):
    def __call__(self, w: Array) -> Array:
        return w / ops.sqrt(ops.sum(w * w))


# ---- training steps ---------------------------------------------------------------------------------------------
class Autoencoder(Model):
    def __init__(self, latent: int) -> None:
        super().__init__()
        self.encoder = Sequential([layers.Flatten(), layers.Dense(latent, activation="relu")])
        self.decoder = Sequential([layers.Dense(784, activation="sigmoid"), layers.Reshape((28, 28))])
        self.tracker = metrics.Mean(name="loss")

    def call(self, inputs: Array, training: bool = False) -> Array:
        return self.decoder(self.encoder(inputs, training=training))

    def train_step(self, data: Any) -> dict[str, Any]:
        x, y = data
        with fastconv.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {m.name: m.result() for m in self.metrics}

    def test_step(self, data: tuple[Array, Array]) -> dict[str, Any]:
        x, y = data
        self.tracker.update_state(ops.mean(ops.square(self(x, training=False) - y)))
        return {"loss": self.tracker.result()}

    @property
    def metrics(self) -> list[Any]:
        return [self.tracker]


def own_loop(model: Model, x: np.ndarray, y: np.ndarray) -> float:
    optimizer = optimizers.Adam(1e-3, clipnorm=1.0, weight_decay=1e-4)
    loss_of = losses.MeanSquaredError()
    total = 0.0
    for start in range(0, len(x), 32):
        with fastconv.GradientTape() as tape:
            loss = loss_of(y[start : start + 32], model(x[start : start + 32], training=True))
        gradients = tape.gradient(loss, model.trainable_weights)
        optimizer.apply(gradients, model.trainable_weights)
        total += float(loss)
    return total


class Images(utils.PyDataset):
    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((32, 28, 28, 1)), np.zeros(32)


def batches() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    while True:
        yield np.zeros((32, 28, 28, 1)), np.zeros(32)


def train(folder: str) -> None:
    x, y = np.zeros((64, 28, 28, 1), "float32"), np.arange(64) % 2
    model = sequential()
    history = model.fit(
        x,
        y,
        batch_size=32,
        epochs=2,
        validation_data=(x[:32], y[:32]),
        class_weight={0: 1.0, 1: 2.0},
        verbose=0,
        callbacks=[
            SaveBest(f"{folder}/best.npz"),
            callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
            callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
        ],
    )
    assert len(history.history["loss"]) == 2
    model.fit(Images(workers=1), epochs=1, steps_per_epoch=2, verbose=0)
    model.fit(batches(), steps_per_epoch=2, verbose=0)
    loss, _ = model.evaluate(x, y, verbose=0)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert loss == logs["loss"]
    assert model.predict(x, batch_size=64, verbose=0).argmax(-1).shape == (64,)
    model.train_on_batch(x[:32], y[:32])
    model.save(f"{folder}/model.npz")
    again = models.load_model(f"{folder}/model.npz", custom_objects={"Linear": Linear})
    again.set_weights(model.get_weights())
    for weight in model.weights:
        assert weight.numpy().shape == weight.shape
    first = model.layers[0]
    assert isinstance(first, layers.Conv2D)  # `layers` holds layers of any class
    assert first.kernel.shape == (3, 3, 1, 8)
    models.clone_model(model).compile(optimizer=optimizers.get("adam"), loss="mse")
    Model(model.inputs, model.get_layer(index=-2).output).predict(x, verbose=0)


# ---- ops --------------------------------------------------------------------------------------------------------
def of_ops(images: np.ndarray) -> None:
    ops.add([1, 2, 3], 1.0)
    ops.conv(images, np.ones((3, 3, 1, 4), "float32"), strides=(2, 2), padding="same", dilation_rate=1)
    ops.max_pool(images, 2, strides=2)
    ops.reshape(images, (-1, 784))
    ops.reshape(images, [len(images), -1])
    ops.mean([[1.0, 2.0], [3.0, 4.0]], axis=[0, 1], keepdims=True)
    ops.one_hot([0, 1], 3, dtype="float32")
    ops.one_hot(np.array([0, 1]), 3, dtype=np.float32)
    ops.where(images > 0, images, 0.0)
    ops.stack([images, images], axis=1)
    ops.take(images, [0, 1], axis=0)
    ops.take_along_axis([[1.0, 2.0]], [[0]], axis=1)
    ops.sum(images.astype("float32"))
    ops.maximum(fastconv.Variable([1.0, 2.0]), 0)
    ops.zeros((2, 3), dtype=np.dtype("float64"))
    ops.image.resize(images, (14, 14), interpolation="bilinear", antialias=True)
    ops.cast(images, "float32")
    ops.convert_to_numpy(ops.relu(images)).tolist()
    v = fastconv.Variable(np.zeros(3), trainable=False, name="v")
    v.assign(v + 1)
    v.assign_sub([1.0, 2.0, 3.0])
    w = v * 2.0 - np.ones(3)
    assert w.shape == v.shape
    assert float(v[0] + -v[0]) == 0
    value, slope = fastconv.value_and_grad(lambda x: ops.sum(x * x))(np.ones(3))
    assert value == 3
    assert slope.tolist() == [2, 2, 2]

    def total(values: ArrayLike) -> float:
        return float(ops.sum(values))

    assert total([1, 2, 3]) == 6
    assert total(3) == 3
    assert total(images) == total(ops.sum(images))
    assert total(v) < 0


def mistakes() -> None:
    """Not run: each line has a mistake that type checkers find. If they miss one, its comment is reported as unused."""
    ops.relu(None)  # type: ignore[arg-type]
    ops.add({"x": 1}, 2)  # type: ignore[arg-type]
    ops.mean([1.0], axis="first")  # type: ignore[arg-type]
    layers.Dense("10")  # type: ignore[arg-type]
    layers.Conv2D(8, 3, padding=1.5)  # type: ignore[arg-type]
    layers.Dense(10, activation=3)  # type: ignore[arg-type]
    optimizers.Adam(learning_rate="fast")  # type: ignore[arg-type]
    Sequential().compile("adam", "mse", ["accuracy"])  # type: ignore[list-item]
