"""Files of compiled models that one library writes and the other reads: untrained, trained, in all dtypes."""

from __future__ import annotations

import numpy as np
import pytest

import fastconv
from fastconv import models

from ..optimizers.cases import OPTIMIZER_IDS, OPTIMIZERS
from .nets import INPUTS, data_of, losses_of, numbers, outputs_of, subclassed

keras = pytest.importorskip("keras")

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*HDF5 file:UserWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # from Keras's variables
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype"),
    pytest.mark.filterwarnings("ignore:Layer .* does not have a `quantize` method:UserWarning"),
]
each_suffix = pytest.mark.parametrize("suffix", [".keras", ".h5"])
both_ways = pytest.mark.parametrize("writer", ["fastconv", "keras"])
trained_or_not = pytest.mark.parametrize("is_trained", [False, True], ids=["untrained", "trained"])


# ---- kinds of models -------------------------------------------------------------------------------------------------


@both_ways
@each_suffix
@trained_or_not
@pytest.mark.parametrize("make", INPUTS, ids=lambda f: f.__name__)
def test_compiled_models(tmp_path, make, is_trained, suffix, writer):
    source, reader = (fastconv, keras) if writer == "fastconv" else (keras, fastconv)
    model = make(source)
    # Keras does not find "mse" in its own .h5 file.
    names = ["mse", "mae"] if writer == "fastconv" else ["mean_squared_error", "mean_absolute_error"]
    model.compile("adam", names[0] if len(model.outputs) == 1 else names)
    x, y = data_of(make, model)
    if is_trained:
        losses_of(model, x, y)
    model.save(tmp_path / f"m{suffix}")
    again = reader.models.load_model(tmp_path / f"m{suffix}")
    for a, b in zip(*(outputs_of(m, x) for m in (model, again)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    if (suffix, writer) != (".h5", "fastconv"):  # Keras builds the optimizer of such a file without variables
        np.testing.assert_allclose(losses_of(again, x, y), losses_of(model, x, y), rtol=3e-4)


@both_ways
@trained_or_not
def test_compiled_subclasses(tmp_path, is_trained, writer):
    source, reader = (fastconv, keras) if writer == "fastconv" else (keras, fastconv)
    model = subclassed(source)()
    model.compile("rmsprop", "mse")
    x, y = numbers(8, 6, 6, 2), numbers(8, 2)
    model(x)
    if is_trained:
        losses_of(model, x, y)
    model.save(tmp_path / "m.keras")
    again = reader.models.load_model(tmp_path / "m.keras", custom_objects={"Net": subclassed(reader)})
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(losses_of(again, x, y), losses_of(model, x, y), rtol=3e-4)


# ---- states of optimizers --------------------------------------------------------------------------------------------


def tiny(k):
    return k.Sequential([k.Input((4,)), k.layers.Dense(3, activation="tanh"), k.layers.Dense(2)])


X, Y = numbers(8, 4), numbers(8, 2)


def goes_on(model, path):
    """Save `model`, read it, and check that both train on in the same way."""
    model.save(path)
    again = models.load_model(path)
    np.testing.assert_allclose(losses_of(again, X, Y), losses_of(model, X, Y), rtol=2e-4)
    return again


@each_suffix
@trained_or_not
@pytest.mark.parametrize(("name", "arguments"), OPTIMIZERS, ids=OPTIMIZER_IDS)
def test_every_optimizer(tmp_path, name, arguments, is_trained, suffix):
    if arguments.get("use_ema") and is_trained:
        return  # Keras on JAX cannot train it again
    model = tiny(keras)
    model.compile(getattr(keras.optimizers, name)(**arguments), "mse")
    if is_trained:
        losses_of(model, X, Y)
    goes_on(model, tmp_path / f"m{suffix}")


@each_suffix
@trained_or_not
@pytest.mark.parametrize("name", ["SGD", "Adam", "Ftrl"])
def test_a_schedule(tmp_path, name, is_trained, suffix):
    model = tiny(keras)
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    model.compile(getattr(keras.optimizers, name)(rate), "mse")
    if is_trained:
        losses_of(model, X, Y)
    goes_on(model, tmp_path / f"m{suffix}")


@each_suffix
@trained_or_not
@pytest.mark.parametrize(("name", "rate"), [("SGD", 0.1), ("Adam", 0.1), ("RMSprop", "schedule")])
def test_an_optimizer_that_scales_the_loss(tmp_path, name, rate, is_trained, suffix):
    model = tiny(keras)
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5) if rate == "schedule" else rate
    inner = getattr(keras.optimizers, name)(rate)
    model.compile(keras.optimizers.LossScaleOptimizer(inner), "mse")
    if is_trained:
        losses_of(model, X, Y)
    assert type(goes_on(model, tmp_path / f"m{suffix}").optimizer).__name__ == name


@each_suffix
@trained_or_not
@pytest.mark.parametrize("name", ["Lamb", "Muon", "ScheduleFreeAdamW"])
def test_an_optimizer_that_is_only_in_keras(tmp_path, name, is_trained, suffix):
    model = tiny(keras)
    model.compile(getattr(keras.optimizers, name)(), "mse")
    if is_trained:
        losses_of(model, X, Y)
    model.save(tmp_path / f"m{suffix}")
    with pytest.warns(UserWarning, match=rf"m{suffix}: the model was compiled with {name}, .*call compile"):
        again = models.load_model(tmp_path / f"m{suffix}")
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
    again.compile("adam", "mse")
    losses_of(again, X, Y)


def test_a_metric_and_a_loss_that_are_only_in_keras(tmp_path):
    model = tiny(keras)
    model.compile("adam", keras.losses.Circle(), metrics=[keras.metrics.PearsonCorrelation()])
    model.save(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match="compiled with Circle, PearsonCorrelation"):
        assert models.load_model(tmp_path / "m.keras").optimizer is None


@each_suffix
def test_a_state_for_other_weights_is_skipped(tmp_path, suffix):
    """Layers that were frozen in training have no optimizer state; Keras skips the whole state too."""
    model = tiny(keras)
    model.layers[0].trainable = False
    model.compile("adam", "mse")
    losses_of(model, X, Y)
    model.layers[0].trainable = True
    model.save(tmp_path / f"m{suffix}")
    with pytest.warns(UserWarning, match=rf"m{suffix}: the state of the optimizer adam\w* is of another form"):
        again = models.load_model(tmp_path / f"m{suffix}")
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
    assert int(again.optimizer.iterations) == 0


@pytest.mark.parametrize("first", ["untrained", "trained"])
@pytest.mark.parametrize("kind", ["untrained", "trained"])
@pytest.mark.filterwarnings("ignore:.*(Skipping variable|keeps its own)")
def test_the_state_in_files_of_weights(tmp_path, kind, first):
    """The state is read only if the model has been trained, as in Keras."""
    model = tiny(keras)
    model.compile("adam", "mse")
    if kind == "trained":
        losses_of(model, X, Y)
    model.save_weights(tmp_path / "m.weights.h5")
    found = []
    for k in (keras, fastconv):
        other = tiny(k)
        other.compile("adam", "mse")
        if first == "trained":
            losses_of(other, X, Y, epochs=1)
        other.load_weights(tmp_path / "m.weights.h5")
        steps = int(other.optimizer.iterations)
        found.append((steps, losses_of(other, X, Y) if kind == "trained" else None))
    assert found[0][0] == found[1][0]
    if kind == "trained":
        np.testing.assert_allclose(found[0][1], found[1][1], rtol=2e-4)


# ---- dtypes ----------------------------------------------------------------------------------------------------------


def with_policy(policy):
    kwargs = {"dtype": policy}
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 2)),
            layers.Conv2D(4, 3, activation="relu", **kwargs),
            layers.BatchNormalization(**kwargs),
            layers.DepthwiseConv2D(3, **kwargs),
            layers.Flatten(**kwargs),
            layers.Dense(5, **kwargs),
            layers.Dense(1, use_bias=False, **kwargs),
        ]
    )


@each_suffix
@trained_or_not
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"])
def test_dtype_policies(tmp_path, policy, is_trained, suffix):
    model = with_policy(policy)
    model.compile("adam", "mse")
    x, y = numbers(8, 8, 8, 2), numbers(8, 1)
    if is_trained:
        losses_of(model, x, y)
    model.save(tmp_path / f"m{suffix}")
    again = models.load_model(tmp_path / f"m{suffix}")
    assert again.layers[0].dtype == ("float64" if policy == "float64" else "float32")
    for a, b in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, np.asarray(b, "float32"))
    expected = np.asarray(model.predict(x, verbose=0), "float32")
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, atol=5e-2)
    assert int(again.optimizer.iterations) == (4 if is_trained else 0)
    if "mixed" in policy or policy == "float64":
        np.testing.assert_allclose(losses_of(again, x, y), losses_of(model, x, y), rtol=3e-2)


@each_suffix
@pytest.mark.parametrize(("mode", "block"), [("int8", None), ("int4", None), ("int4", 16), ("int4", -1), ("float8", 0)])
def test_quantised_layers(tmp_path, mode, block, suffix):
    """Keras also rounds the inputs of 8-bit layers; the weights are the same numbers."""
    model = with_policy("float32")
    if block:
        config = keras.quantizers.Int4QuantizationConfig(block_size=block)
        model.quantize(config=config)
    else:
        model.quantize(mode)
    x = numbers(8, 8, 8, 2)
    model.save(tmp_path / f"m{suffix}")
    again = models.load_model(tmp_path / f"m{suffix}")
    expected, scale = model.predict(x, verbose=0), np.abs(model.predict(x, verbose=0)).max()
    tolerance = {"int8": 0.03, "int4": 1e-5, "float8": 0.1}[mode]
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, atol=tolerance * scale)


@pytest.mark.parametrize("mode", ["int8", "int4"])
def test_quantised_layers_of_one_column(tmp_path, mode):
    """A packed column takes as much space as an unpacked column."""
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.layers[0].quantize(mode)
    model.save_weights(tmp_path / "m.weights.h5")
    again = fastconv.Sequential([fastconv.Input((6,)), fastconv.layers.Dense(1)])
    again.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(again(X := numbers(8, 6)), model(X), atol=0.03)


@each_suffix
def test_low_rank_adaptation_is_part_of_the_kernel(tmp_path, suffix):
    model = tiny(keras)
    model.layers[0].enable_lora(2)
    model.compile("adam", "mse")
    losses_of(model, X, Y)
    if suffix == ".h5":
        model.save_weights(tmp_path / "m.weights.h5")
        again = tiny(fastconv)
        again.load_weights(tmp_path / "m.weights.h5")
    else:
        model.save(tmp_path / "m.keras")
        with pytest.warns(UserWarning, match="begins anew"):
            again = models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
