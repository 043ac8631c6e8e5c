"""Every optimizer in files of both libraries, before and after the first step, and layers with special state."""

from __future__ import annotations

import numpy as np
import pytest

import fastconv

from ..optimizers.cases import OPTIMIZER_IDS, OPTIMIZERS

keras = pytest.importorskip("keras")

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*HDF5 file:UserWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # from Keras's variables
]
both_ways = pytest.mark.parametrize("writer", ["fastconv", "keras"])
trained_or_not = pytest.mark.parametrize("is_trained", [False, True], ids=["untrained", "trained"])


def sides(writer):
    """Parametrize a test by (writer, reader)."""
    return (fastconv, keras) if writer == "fastconv" else (keras, fastconv)


def numbers(*shape):
    return np.random.default_rng(1).normal(size=shape).astype("float32")


def losses_of(model, x, y):
    return model.fit(x, y, epochs=3, batch_size=8, shuffle=False, verbose=0).history["loss"]


def tiny(k):
    return k.Sequential([k.Input((4,)), k.layers.Dense(3, activation="tanh"), k.layers.Dense(2)])


X, Y = numbers(8, 4), numbers(8, 2)


@both_ways
@trained_or_not
@pytest.mark.parametrize("steps", [None, 2])
@pytest.mark.parametrize(("name", "arguments"), OPTIMIZERS, ids=OPTIMIZER_IDS)
def test_every_optimizer(tmp_path, name, arguments, steps, is_trained, writer):
    """The files are written after three steps, the third of which starts a group of accumulated gradients."""
    source, reader = sides(writer)
    model = tiny(source)
    how = {} if steps is None else {"gradient_accumulation_steps": steps}
    model.compile(getattr(source.optimizers, name)(**arguments, **how), "mean_squared_error")
    if is_trained:
        losses_of(model, X, Y)
    model.save(tmp_path / "m.keras")
    again = reader.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
    assert int(again.optimizer.iterations) == int(model.optimizer.iterations)
    if not (arguments.get("use_ema") and is_trained):  # Keras on JAX cannot train it again
        np.testing.assert_allclose(losses_of(again, X, Y), losses_of(model, X, Y), rtol=3e-4)


def renormalizing(k, arguments):
    norm = k.layers.BatchNormalization(renorm=True, **arguments)
    return k.Sequential([k.Input((6, 6, 2)), k.layers.Conv2D(3, 3), norm, k.layers.Flatten(), k.layers.Dense(2)])


@both_ways
@trained_or_not
@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5"])
@pytest.mark.parametrize(
    "arguments", [{}, {"renorm_clipping": {"rmin": 0.5, "rmax": 1.5, "dmax": 0.3}, "renorm_momentum": 0.7}], ids=str
)
def test_renormalisation(tmp_path, arguments, suffix, is_trained, writer):
    source, reader = sides(writer)
    model = renormalizing(source, arguments)
    model.compile("adam", "mean_squared_error")
    x, y = 1 + 2 * numbers(16, 6, 6, 2), numbers(16, 2)
    if is_trained:
        losses_of(model, x, y)
    if suffix == ".weights.h5":
        model.save_weights(tmp_path / "m.weights.h5")
        again = renormalizing(reader, arguments)
        again.load_weights(tmp_path / "m.weights.h5")
    else:
        model.save(tmp_path / f"m{suffix}")
        again = reader.models.load_model(tmp_path / f"m{suffix}")
    np.testing.assert_allclose(again.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5)
    if suffix == ".keras":
        np.testing.assert_allclose(losses_of(again, x, y), losses_of(model, x, y), rtol=3e-4)


def test_only_keras_on_tensorflow_has_synchronized_layers(tmp_path):
    """Keras on JAX creates no such layer, wherever its arguments come from."""
    model = fastconv.Sequential([fastconv.Input((3,)), fastconv.layers.BatchNormalization(synchronized=True)])
    model.save(tmp_path / "m.keras")
    assert fastconv.models.load_model(tmp_path / "m.keras").layers[0].synchronized
    rule = "synchronized=True is only supported with the TensorFlow backend"
    with pytest.raises(ValueError, match=rule):
        keras.layers.BatchNormalization(synchronized=True)
    with pytest.raises((TypeError, ValueError), match=rule):
        keras.models.load_model(tmp_path / "m.keras")
