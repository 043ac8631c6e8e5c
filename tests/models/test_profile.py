"""Model.profile measures the steps of the plan that predict and fit run, and changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

import fastconv
import fastconv._core as _core
from fastconv import layers, ops
from fastconv.device import gpu_number


def small_net(name="net"):
    model = fastconv.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(8, 3, name="conv1", use_bias=False),
            layers.BatchNormalization(name="norm1"),
            layers.ReLU(name="relu1"),
            layers.MaxPooling2D(name="pool1"),
            layers.DepthwiseConv2D(3, name="deep", activation="relu"),
            layers.Flatten(name="flat"),
            layers.Dense(5, activation="softmax", name="dense"),
        ],
        name=name,
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.fixture
def batch(rng):
    return rng.random((4, 12, 12, 3)).astype(np.float32), np.arange(4) % 5


def profile_of(model, *batch, **how):
    return model.profile(*batch, passes=2, verbose=0, **how)


def state_of(model):
    return [v.numpy().copy() for v in [*model.variables, *model.optimizer.variables, *model.metrics[0].variables]]


def test_fused_steps_list_the_layers_that_they_compute(batch):
    steps = [(step.layers, step.operation) for step in profile_of(small_net(), batch[0])]
    assert steps[0] == (("conv1", "norm1", "relu1"), "conv")
    assert steps[1] == (("pool1",), "max_pool")
    assert steps[2] == (("deep",), "conv")
    assert steps[-2:] == [(("dense",), "matmul"), (("dense",), "softmax")]


def test_steps_of_training_name_layers_gradients_and_updates(batch):
    named = [(step.layers, step.operation) for step in profile_of(small_net(), *batch, mode="train")]
    assert (("conv1",), "conv") in named
    assert (("conv1 gradient of kernel",), "conv_backward_kernel") in named
    assert (("deep gradient of kernel",), "conv_backward_kernel") in named
    assert (("deep gradient",), "conv_backward_input") in named
    assert (("norm1 gradient of gamma, beta",), "batch_norm_backward") in named
    assert (("dense gradient of kernel",), "matmul") in named
    assert (("dense update of kernel",), "update") in named
    assert {"loss", "metrics"} <= {name for names, _ in named for name in names}
    assert all(names for names, _ in named)


def test_evaluation_has_no_gradients(batch):
    names = {name for step in profile_of(small_net(), *batch, mode="test") for name in step.layers}
    assert "loss" in names
    assert not any("gradient" in name or "update" in name for name in names)


def test_layers_of_models_inside_and_of_branches(batch):
    inputs = layers.Input((12, 12, 3))
    inner = fastconv.Sequential([layers.Input((12, 12, 3)), layers.Conv2D(3, 1, name="conv")], name="inner")
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    x = shared(shared(inner(inputs)))
    model = fastconv.Model(inputs, layers.Concatenate(name="both")([x, layers.Add(name="sum")([x, inputs])]), name="m")
    names = [step.layers for step in profile_of(model, batch[0])]
    assert names == [("inner/conv",), ("shared",), ("shared",), ("sum",), ("both",)]


def test_gradients_of_a_tensor_that_is_used_twice_are_added_in_its_name(batch):
    inputs = layers.Input((12, 12, 3))
    x = layers.Conv2D(3, 3, padding="same", name="conv")(inputs)
    x = layers.Add(name="sum")([layers.Conv2D(3, 1, name="left")(x), layers.Conv2D(3, 1, name="right")(x)])
    model = fastconv.Model(inputs, x)
    model.compile("sgd", "mse")
    names = {step.layers for step in profile_of(model, batch[0], batch[0], mode="train") if step.operation == "add"}
    assert ("conv gradient",) in names


@pytest.mark.parametrize("mode", ["predict", "train", "test"])
def test_a_profile_changes_nothing(mode, batch):
    model = small_net()
    model.train_on_batch(*batch)
    before, predicted = state_of(model), model.predict_on_batch(batch[0])
    profile_of(model, *(batch[:1] if mode == "predict" else batch), mode=mode)
    for former, now in zip(before, state_of(model)):
        np.testing.assert_array_equal(former, now)
    np.testing.assert_array_equal(model.predict_on_batch(batch[0]), predicted)


def test_training_goes_on_as_without_a_profile(batch):
    losses = []
    for profiled in (False, True):
        fastconv.utils.set_random_seed(3)
        model = small_net()
        first = model.train_on_batch(*batch)
        if profiled:
            profile_of(model, *batch, mode="train")
        losses.append([first, model.train_on_batch(*batch), model.train_on_batch(*batch)])
    assert losses[0] == losses[1]


def test_numbers_fit_together(batch):
    profile = profile_of(small_net(), batch[0])
    assert sum(step.share for step in profile) == pytest.approx(1)
    assert profile.step_seconds == pytest.approx(sum(step.seconds for step in profile))
    assert profile.seconds > 0
    assert profile.between_seconds >= 0
    first = profile.rows[0]
    assert first.input_shapes[0] == (4, 12, 12, 3)
    assert first.output_shapes == ((4, 10, 10, 8),)
    assert first.flops == 2 * 4 * 10 * 10 * 9 * 3 * 8
    assert first.bytes == 4 * (4 * 12 * 12 * 3 + 9 * 3 * 8 + 8 + 4 * 10 * 10 * 8)
    assert first.gflops == pytest.approx(first.flops / first.seconds / 1e9)
    if gpu_number() is None:
        assert first.peak_share == pytest.approx(first.gflops / (profile.peak * first.threads))
    assert profile.threads == _core.get_num_threads()
    assert profile.passes == 2
    assert len(profile) == len(profile.rows) == sum(map(len, profile.kinds.values()))


@pytest.mark.skipif("config.getoption('--device') != 'cpu'", reason="kernels of the CPU have tasks")
def test_kernels_and_tasks(batch):
    first = profile_of(small_net(), batch[0]).rows[0]
    algorithm = fastconv.explain_conv((4, 12, 12, 3), (3, 3, 3, 8))["forward"]
    assert first.kernel == algorithm.algorithm
    assert first.tasks == algorithm.tasks
    assert all(len(algorithm.balance[n]) == len(first.tasks) for n in first.balance)
    assert set(first.balance) == {2, 4, 8, 16, 32, 64}
    assert all(0 < part <= 1 for part in first.balance.values())


def test_kinds_tell_windows_strides_and_groups_apart(batch):
    kinds = [step.kind for step in profile_of(small_net(), batch[0])]
    assert kinds[0] == "conv 3x3 at 10x10"
    assert kinds[2] == "depthwise conv 3x3"
    inputs = np.zeros((1, 9, 9, 4), np.float32)
    model = fastconv.Sequential([layers.Input((9, 9, 4)), layers.Conv2D(4, 3, strides=2, groups=2)])
    assert [step.kind for step in profile_of(model, inputs)] == ["2 groups conv 3x3 stride 2x2"]


def test_the_table_is_aligned_and_printed_if_verbose(batch, capsys):
    profile = small_net().profile(batch[0], passes=1)
    assert capsys.readouterr().out == f"{profile}\n"
    steps, kinds, totals, _ = str(profile).split("\n\n")
    header, rule, *rows = steps.split("\n")
    assert len(rows) == len(profile)
    assert header.index("operation") == rows[0].index("conv", rows[0].index("relu1"))
    assert next(len(word) for word in rule.split()) == len("conv1, norm1, relu1")
    assert kinds.count("\n") == 1 + len(profile.kinds)
    assert totals.startswith("net, predict: ")
    small_net().profile(batch[0], passes=1, verbose=0)
    assert capsys.readouterr().out == ""


def test_the_number_of_passes_has_a_default(batch):
    assert small_net().profile(batch[0], verbose=0).passes >= 5


def test_float64_is_computed_by_array_code():
    if gpu_number() is not None:
        pytest.skip("the layer's dtype is of the CPU's test")
    model = fastconv.Sequential([layers.Input((8, 8, 3), dtype="float64"), layers.Conv2D(4, 3, dtype="float64")])
    assert profile_of(model, np.zeros((1, 8, 8, 3))).rows[0].kernel == "array code"


def test_a_model_whose_plan_has_no_steps(batch):
    profile = profile_of(fastconv.Sequential([layers.Input((12, 12, 3)), layers.Flatten()], name="flat"), batch[0])
    assert len(profile) == 0
    assert "flat, predict: 0 steps" in str(profile)


class Branching(fastconv.Model):
    def call(self, x):
        return ops.relu(x) if float(ops.sum(x)) > 0 else x


def test_steps_without_a_plan_have_no_profile(batch):
    with pytest.raises(ValueError, match="only steps that are traced have a plan"):
        Branching().profile(batch[0])
    eager = small_net()
    eager.compile("adam", "mse", run_eagerly=True)
    with pytest.raises(ValueError, match="run_eagerly=True"):
        eager.profile(batch[0])


def test_arguments_are_checked(batch):
    model = small_net()
    with pytest.raises(ValueError, match='mode must be "predict"'):
        model.profile(batch[0], mode="fit")
    with pytest.raises(ValueError, match="with x only"):
        model.profile(*batch)
    with pytest.raises(ValueError, match="passes"):
        model.profile(batch[0], passes=0)
    with pytest.raises(ValueError, match="compile"):
        fastconv.Sequential([layers.Input((3,)), layers.Dense(2)]).profile(np.zeros((2, 3)), np.zeros(2), mode="train")


def test_eager_calls_record_no_names():
    x = fastconv.Variable(np.ones((1, 4), np.float32))
    layer = layers.Dense(2)
    with fastconv.GradientTape():
        y = layer(x)
    assert y.call.names == ()


def test_steps_run_the_algorithms_for_constant_weights_in_inference_only(rng):
    if gpu_number() is not None:
        pytest.skip("the algorithms of the CPU")
    model = fastconv.Sequential(
        [layers.Input((8, 8, 128)), layers.Conv2D(160, 3, padding="same"), layers.GlobalAveragePooling2D()]
    )
    model.compile("sgd", "mse")
    x, y = rng.random((1, 8, 8, 128)).astype(np.float32), np.zeros((1, 160), np.float32)
    batches = {"predict": (x,), "test": (x, y), "train": (x, y)}
    kernels = {mode: profile_of(model, *batch, mode=mode).rows[0].kernel for mode, batch in batches.items()}
    assert kernels == {"predict": "winograd 2x2", "test": "winograd 2x2", "train": "direct"}
    explained = [
        fastconv.explain_conv(x.shape, (3, 3, 128, 160), padding="same", constant_kernel=constant)["forward"]
        for constant in (True, False)
    ]
    assert [explanation.algorithm for explanation in explained] == [kernels["predict"], kernels["train"]]
    assert profile_of(model, x).rows[0].tasks == explained[0].tasks
