"""Models on the fake GPU: the same results, the devices of arrays, and synchronization."""

from __future__ import annotations

import gc
import random

import numpy as np
import pytest

from fastconv import Variable, callbacks, config, layers, metrics, models, ops
from fastconv.device import gpu_count
from fastconv.engine import GradientTape
from tests import fake_cupy

BATCH = 8


@pytest.fixture
def data(rng):
    return rng.standard_normal((40, 8, 8, 1)).astype("float32"), rng.integers(0, 10, 40)


@pytest.fixture
def one_hot(data):
    return data[0], np.eye(10, dtype="float32")[data[1]]


def small_net(**compiled):
    net = models.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(4, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.3, seed=1),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    how = {"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"], **compiled}
    net.compile(**how)
    return net


def twins(**compiled):
    first, second = small_net(**compiled), small_net(**compiled)
    second.set_weights(first.get_weights())
    return first, second


def train(net, data, epochs=2, **how):
    how = {"batch_size": BATCH, "shuffle": False, "verbose": 0, **how}
    return net.fit(*data, epochs=epochs, **how).history


def assert_alike(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_a_model_trains_as_on_the_cpu(gpu, data, run_eagerly):
    on_cpu, on_gpu = twins(run_eagerly=run_eagerly)
    expected = train(on_cpu, data)
    config.set_device("gpu")
    found = train(on_gpu, data)
    assert_alike([found[name] for name in expected], expected.values())
    assert_alike(on_gpu.get_weights(), on_cpu.get_weights())
    assert_alike([on_gpu.predict(data[0], batch_size=9, verbose=0)], [on_cpu.predict(data[0], verbose=0)])
    assert_alike([on_gpu.evaluate(*data, verbose=0)], [on_cpu.evaluate(*data, verbose=0)])


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_training_continues_on_another_device(gpu, data, optimizer):
    """Training moves from the CPU to the first GPU, to the last, and back, without a change of results."""
    stays, moves = twins(optimizer=optimizer)
    for device in ("cpu", "gpu:0", f"gpu:{gpu_count() - 1}", "cpu"):
        train(stays, data, epochs=1)
        with config.device(device):
            train(moves, data, epochs=1)
    assert_alike(moves.get_weights(), stays.get_weights())
    assert int(moves.optimizer.iterations) == 20


def test_saving_and_loading_see_the_newest_weights(gpu, data, tmp_path):
    net, other = small_net(), small_net()
    config.set_device("gpu")
    train(net, data)
    net.save(tmp_path / "net.npz")
    other.load_weights(tmp_path / "net.npz")
    assert_alike([other.predict(data[0], verbose=0)], [net.predict(data[0], verbose=0)])
    other.set_weights([np.zeros_like(w) for w in other.get_weights()])
    np.testing.assert_allclose(other.predict(data[0], verbose=0), 0.1)


def test_a_run_of_steps_is_recorded_once_and_launched(fake_gpu, one_hot):
    config.set_device("gpu")
    net = small_net(loss="categorical_crossentropy")
    batch = [a[:BATCH] for a in one_hot]
    net.train_on_batch(*batch)
    net.train_on_batch(*batch)
    before = fake_cupy.state.launches
    net.train_on_batch(*batch)
    assert fake_cupy.state.launches - before < 20  # resets of metrics and the batch, but not the steps


def test_recorded_steps_keep_their_memory(fake_gpu, one_hot):
    config.set_device("gpu")
    net = small_net(loss="categorical_crossentropy")
    for _ in range(2):
        net.train_on_batch(*[a[:BATCH] for a in one_hot])
    assert fake_cupy.state.memories
    del net
    gc.collect()
    assert not fake_cupy.state.memories


def test_the_host_does_not_wait_for_steps_that_are_not_shown(fake_gpu, one_hot):
    config.set_device("gpu")
    net = small_net(loss="categorical_crossentropy")
    train(net, one_hot)
    waited = []
    for steps in (2, 5):
        before = fake_cupy.state.synchronizations
        train(net, [a[: steps * BATCH] for a in one_hot], epochs=1)
        waited.append(fake_cupy.state.synchronizations - before)
    assert waited[0] == waited[1]


def test_a_callback_that_reads_logs_sees_each_batch(gpu, data):
    seen = []
    config.set_device("gpu")
    net, other = twins()
    history = train(
        net, data, epochs=1, callbacks=[callbacks.LambdaCallback(on_train_batch_end=lambda _, logs: seen.append(logs))]
    )
    assert len({logs["loss"] for logs in seen}) == len(seen) == 5
    assert seen[-1]["loss"] == history["loss"][-1] == train(other, data, epochs=1)["loss"][-1]


def test_gpu_arrays_are_inputs_and_outputs(gpu, data):
    on_cpu, on_gpu = twins()
    x, y = gpu.asarray(data[0]), gpu.asarray(data[1])
    expected = train(on_cpu, data)
    config.set_device("gpu")
    found = train(on_gpu, (x, y))
    assert_alike([found["loss"]], [expected["loss"]])
    for outputs in (on_gpu.predict(x, batch_size=9, verbose=0), on_gpu.predict_on_batch(x)):
        assert isinstance(outputs, gpu.ndarray)
        assert_alike([outputs.get()], [on_cpu.predict(data[0], verbose=0)])


def test_gpu_arrays_train_on_the_cpu(gpu, data):
    here, there = twins()
    with config.device("cpu"):
        expected = train(here, data)
        found = train(there, (gpu.asarray(data[0]), gpu.asarray(data[1])))
    assert found == expected


def test_batches_are_shuffled_equally(gpu, data):
    on_cpu, on_gpu = twins()
    from fastconv.utils import set_random_seed

    set_random_seed(3)
    expected = train(on_cpu, data, shuffle=True)
    set_random_seed(3)
    config.set_device("gpu")
    assert_alike([train(on_gpu, data, shuffle=True)["loss"]], [expected["loss"]])


def test_a_function_that_reads_values_runs_as_a_step(gpu, data):
    from fastconv.losses import Loss

    class Halving(Loss):
        def call(self, y_true, y_pred):
            return ops.mean(ops.square(y_pred), axis=-1) * (0.5 if float(ops.mean(y_pred)) > -1 else 0.0)

    on_cpu, on_gpu = twins(loss=Halving(), metrics=[])
    expected = train(on_cpu, data)
    config.set_device("gpu")
    assert_alike([train(on_gpu, data)["loss"]], [expected["loss"]])


def test_a_tape_records_on_the_gpu(gpu, data):
    net = small_net()
    config.set_device("gpu")
    with GradientTape() as tape:
        loss = ops.mean(ops.square(net(data[0], training=True)))
    gradients = tape.gradient(loss, net.trainable_weights)
    assert all(isinstance(g, gpu.ndarray) for g in gradients)
    before = net.get_weights()
    net.optimizer.apply(gradients, net.trainable_weights)
    assert not np.array_equal(net.get_weights()[0], before[0])


def test_gpu_arrays_as_left_operands_of_tensors_and_variables(gpu):
    config.set_device("gpu")
    x, v = gpu.asarray(np.float32([1, 2])), Variable(np.float32([3, 5]))
    with GradientTape() as tape:
        loss = ops.sum((x * v - x) / (x + v * v))
        assert (x < v * v).numpy().all()
    d = tape.gradient(loss, v)
    slope = [(x * (x + v * v) - (x * v - x) * 2 * v) / (x + v * v) ** 2 for x, v in ((1, 3), (2, 5))]
    np.testing.assert_allclose(d.get(), slope, rtol=1e-5)


def test_calls_on_numpy_arrays_return_numpy_arrays(gpu, data):
    net = small_net()
    expected = net(data[0])
    config.set_device("gpu")
    np.testing.assert_array_equal(net(data[0]), expected, strict=True)
    outputs = net(gpu.asarray(data[0]))
    assert isinstance(outputs, gpu.ndarray)
    assert_alike([outputs.get()], [expected])


def test_several_inputs_and_outputs(gpu, rng):
    a, b = layers.Input((5,)), layers.Input((6,))
    joined = layers.concatenate([layers.Dense(4)(a), layers.Dense(4)(b)])
    net = models.Model([a, b], {"one": layers.Dense(1, name="one")(joined), "two": layers.Dense(2, name="two")(joined)})
    x = [rng.standard_normal((12, 5)).astype("float32"), rng.standard_normal((12, 6)).astype("float32")]
    expected = net.predict(x, verbose=0)
    config.set_device("gpu")
    found = net.predict(x, batch_size=5, verbose=0)
    assert_alike([found["one"], found["two"]], [expected["one"], expected["two"]])


def test_data_of_another_dtype_is_transferred_unchanged(gpu, rng):
    net = small_net()
    images = rng.integers(0, 255, (20, 8, 8, 1), dtype="uint8")
    expected = net.predict(images, verbose=0)
    config.set_device("gpu")
    assert_alike([net.predict(images, batch_size=7, verbose=0)], [expected])
    assert_alike([net.predict(images.astype("float64"), batch_size=7, verbose=0)], [expected])


@pytest.fixture(params=range(6))
def late(fake_gpu, request):
    """Run streams in any order that their synchronization allows."""
    fake_cupy.state.chance = random.Random(request.param)
    return fake_gpu


@pytest.mark.parametrize("run_eagerly", [False, True])
def test_streams_wait_for_each_other(late, data, run_eagerly):
    on_cpu, on_gpu = twins(run_eagerly=run_eagerly)
    expected = train(on_cpu, data, epochs=3), on_cpu.predict(data[0], batch_size=7, verbose=0)
    with config.device("gpu"):
        found = train(on_gpu, data, epochs=3), on_gpu.predict(data[0], batch_size=7, verbose=0)
    assert_alike(found[0].values(), expected[0].values())
    assert_alike([found[1], *on_gpu.get_weights()], [expected[1], *on_cpu.get_weights()])


def test_streams_wait_for_the_streams_of_inputs_and_outputs(late, data):
    on_cpu, on_gpu = twins()
    expected = on_cpu.predict(data[0], verbose=0)
    config.set_device("gpu")
    stream = late.cuda.Stream(non_blocking=True)
    with stream:
        doubled = on_gpu.predict(late.asarray(data[0]) * 1, batch_size=9, verbose=0) * 2
    assert_alike([doubled.get(stream=stream)], [2 * expected])


def test_steps_wait_for_variables_assigned_between_them(late, data):
    moves, stays = twins()
    for net, device in ((moves, "gpu"), (stays, "cpu")):
        with config.device(device):
            for step in range(4):
                net.train_on_batch(data[0][:BATCH], data[1][:BATCH])
                net.optimizer.learning_rate = 0.1 / (step + 1)
                weights = net.layers[-1].get_weights()
                net.layers[-1].set_weights([weights[0] * 0.5, weights[1] + 1])
    assert_alike(moves.get_weights(), stays.get_weights())


def test_an_invalid_label_is_an_error_when_results_are_fetched(gpu, data):
    config.set_device("gpu")
    net = small_net()
    train(net, data)
    wrong = np.array([*data[1][:-1], 10])
    with pytest.raises(ValueError, match=r"labels must lie in \[0, 10\).*target\[7\]=10"):
        train(net, (data[0], wrong))
    assert all(np.isfinite(w).all() for w in net.get_weights())
    train(net, data)


def test_a_plan_follows_set_tf32(gpu, data):
    config.set_device("gpu")
    net = small_net()
    net.predict(data[0], verbose=0)
    plan = next(iter(net._step_cache.steps())).plan
    before = plan._idle[0]
    config.set_tf32(True)
    net.predict(data[0], verbose=0)
    assert plan._idle[0] is not before


@pytest.mark.parametrize("where", ["cpu", "gpu"])
@pytest.mark.parametrize("on_gpu", [False, True])
def test_predictions_belong_to_their_own_step(gpu, data, where, on_gpu):
    """A batch is fetched while the next batch is computed."""

    class Counting(models.Sequential):
        def predict_step(self, data):
            self.seen.update_state(1.0)
            return {"outputs": super().predict_step(data), "number": self.seen.result()}

    net = Counting([layers.Input((8, 8, 1)), layers.Flatten(), layers.Dense(2)])
    net.seen = metrics.Sum("seen")
    batch = gpu.asarray(data[0][:4]) if on_gpu else data[0][:4]
    with config.device(where):
        begun = [net._begin_outputs((batch, None, None)) for _ in range(3)]
        assert [int(outputs()["number"]) for outputs in begun] == [1, 2, 3]
