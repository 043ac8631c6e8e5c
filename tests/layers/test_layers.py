"""Properties of every layer: shapes, dtypes, gradients, configuration, training and saving."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, layers, models, ops, optimizers, value_and_grad
from fastconv.serialization import deserialize, serialize

from .cases import CASES, IDS, IMAGE, RANDOM_CASES, RANDOM_IDS

each_layer = pytest.mark.parametrize(("cls", "arguments", "shape", "expected"), CASES, ids=IDS)
each_layer_of_all = pytest.mark.parametrize(
    ("cls", "arguments", "shape", "expected"), [*CASES, *RANDOM_CASES], ids=[*IDS, *RANDOM_IDS]
)
BATCH = 4


def inputs_for(shape, dtype="float32", seed=0):
    """Return arrays for a shape or a list of shapes, with distinct elements, so that no window has a tie."""
    rng = np.random.default_rng(seed)

    def array(sizes):
        n = BATCH * int(np.prod(sizes))
        return (rng.permutation(n) / n * 4 - 2 + 0.5 / n).reshape(BATCH, *sizes).astype(dtype)

    return [array(sizes) for sizes in shape] if isinstance(shape, list) else array(shape)


@each_layer_of_all
def test_the_symbolic_shape_matches_the_data(cls, arguments, shape, expected):
    layer = cls(**arguments)
    symbolic = layer([Input(s) for s in shape] if isinstance(shape, list) else Input(shape))
    assert symbolic.shape == (None, *expected)
    y = layer(inputs_for(shape))
    assert y.shape == (BATCH, *expected)
    assert y.dtype == np.float32
    batched = [(BATCH, *s) for s in shape] if isinstance(shape, list) else (BATCH, *shape)
    assert cls(**arguments).compute_output_shape(batched) == (BATCH, *expected)


@each_layer
def test_configuration_round_trip(cls, arguments, shape, expected):
    layer = cls(**arguments)
    config = layer.get_config()
    again = cls.from_config(config)
    assert again.get_config() == config
    x = inputs_for(shape)
    y = layer(x)
    again(x)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x), y)


@each_layer
def test_gradient_is_the_derivative(cls, arguments, shape, expected):
    """Compare with the difference quotient in float64 along a random direction, for inputs and weights."""
    layer = cls(**arguments, dtype="float64")
    x = inputs_for(shape, "float64")
    layer(x)
    weights = [np.random.default_rng(1).normal(0.2, 1, v.shape) for v in layer.trainable_weights]
    rng = np.random.default_rng(2)
    probe = rng.normal(size=(BATCH, *expected))

    def loss(x, values):
        for variable, value in zip(layer.trainable_weights, values):
            variable.assign(value)
        return float((layer(x) * probe).sum())

    _, dx = value_and_grad(lambda x: ops.sum(layer(x) * probe))(x)
    for variable, value in zip(layer.trainable_weights, weights):
        variable.assign(value)
    _, dx = value_and_grad(lambda x: ops.sum(layer(x) * probe))(x)
    flat, dflat = (x, dx) if isinstance(x, list) else ([x], [dx])
    step = 1e-6
    directions = [rng.normal(size=a.shape) for a in flat]
    ahead = [a + step * d for a, d in zip(flat, directions)]
    back = [a - step * d for a, d in zip(flat, directions)]
    unwrap = (lambda arrays: arrays) if isinstance(x, list) else (lambda arrays: arrays[0])
    quotient = (loss(unwrap(ahead), weights) - loss(unwrap(back), weights)) / (2 * step)
    along = sum(float((d * direction).sum()) for d, direction in zip(dflat, directions))
    assert along == pytest.approx(quotient, rel=1e-5, abs=1e-6)


@each_layer_of_all
def test_training_and_saving(cls, arguments, shape, expected, tmp_path):
    """A training step changes each trainable weight, and the model read back predicts the same bits."""
    tensors = [Input(s) for s in shape] if isinstance(shape, list) else Input(shape)
    layer = cls(**arguments)
    outputs = layers.Dense(2)(layers.Flatten()(layer(tensors)))
    model = Model(tensors, outputs)
    model.compile("adam", "mse")
    before = [v.numpy() for v in layer.trainable_weights]
    x = inputs_for(shape)
    losses = [float(model.train_on_batch(x, np.ones((BATCH, 2), "float32"))) for _ in range(3)]
    assert np.isfinite(losses).all()
    for variable, old in zip(layer.trainable_weights, before):
        assert not np.array_equal(variable.numpy(), old), variable.path
    model.save(tmp_path / "model.npz")
    again = models.load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_every_public_layer_is_in_the_table():
    classes = {getattr(layers, name) for name in layers.__all__ if name[0].isupper()}
    assert classes - {cls for cls, *_ in [*CASES, *RANDOM_CASES]} == {
        layers.Layer,
        layers.Input,
        layers.InputLayer,
        layers.Lambda,  # its function is not data; tested below
        layers.SpectralNormalization,  # wraps a layer; tested below
        layers.Wrapper,  # abstract
        layers.TimeDistributed,  # wrap layers; tested below
        layers.Pipeline,
    }


@pytest.mark.parametrize(
    "inner", [lambda: layers.Conv2D(2, 3), lambda: layers.BatchNormalization()], ids=["conv", "norm"]
)
def test_a_layer_is_applied_to_each_time(inner, tmp_path):
    x = inputs_for((4, 6, 8, 2))
    layer = layers.TimeDistributed(inner())
    model = Model(tensor := Input((None, 6, 8, 2)), layer(tensor))
    y = model.predict(x, verbose=0)
    np.testing.assert_allclose(y, np.stack([layer.layer(x[:, t]) for t in range(4)], 1), rtol=1e-5, atol=1e-6)
    model.compile("sgd", "mse")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.npz")
    np.testing.assert_array_equal(models.load_model(tmp_path / "model.npz").predict(x), model.predict(x))
    with pytest.raises(ValueError, match="inputs must have at least three axes"):
        layers.TimeDistributed(layers.Dense(2))(np.ones((2, 3)))
    with pytest.raises(ValueError, match="layer must be a Layer"):
        layers.TimeDistributed(np.tanh)


def test_a_pipeline_is_its_layers_one_after_another():
    pipeline = layers.Pipeline([layers.Rescaling(2.0), layers.RandomFlip("horizontal", seed=1), layers.Dropout(0.5)])
    x = inputs_for(IMAGE)
    np.testing.assert_array_equal(pipeline(x, training=False), 2 * x)
    assert (pipeline(x) == 0).any()
    again = layers.deserialize(layers.serialize(pipeline))
    assert again.get_config() == pipeline.get_config()
    assert [type(layer) for layer in again.layers] == [type(layer) for layer in pipeline.layers]


def test_initial_weights():
    kernel, bias = np.full((2, 3), 2.0, "float32"), np.arange(3.0)
    model = Sequential([Input((2,)), layers.Dense(3, weights=[kernel, bias])])
    np.testing.assert_array_equal(model.predict(np.ones((1, 2)), verbose=0), [[4, 5, 6]])
    with pytest.raises(ValueError, match=r"there must be 2 arrays, one for each weight\. Received: 1"):
        layers.Dense(3, weights=[kernel])(np.ones((1, 2)))
    norm = layers.BatchNormalization(weights=[np.full(2, i) for i in range(4)])
    norm(np.ones((1, 2)))
    assert [w[0] for w in norm.get_weights()] == [0, 1, 2, 3]


def test_spectral_normalization_divides_a_kernel_by_its_largest_singular_value():
    layer = layers.SpectralNormalization(layers.Conv2D(4, 3), power_iterations=30)
    x = inputs_for(IMAGE)
    layer(x)
    kernel = np.random.default_rng(0).normal(size=(3, 3, 3, 4)).astype("float32")
    layer.layer.kernel.assign(kernel)
    np.testing.assert_array_equal(layer(x), layer.layer(x))
    np.testing.assert_array_equal(layer.layer.kernel.numpy(), kernel)
    layer(x, training=True)
    largest = np.linalg.svd(kernel.reshape(-1, 4), compute_uv=False)[0]
    np.testing.assert_allclose(layer.layer.kernel.numpy(), kernel / largest, rtol=1e-3)
    assert [w.name for w in layer.trainable_weights] == ["kernel", "bias"]
    again = layers.SpectralNormalization.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    with pytest.raises(ValueError, match="must have a kernel"):
        layers.SpectralNormalization(layers.Flatten())(x)


def test_a_locally_connected_layer_has_separate_weights_at_each_position():
    layer = layers.LocallyConnected2D(2, (2, 3))
    x = inputs_for(IMAGE)
    y = layer(x)
    kernel, bias = layer.get_weights()
    assert kernel.shape == (5 * 6, 2 * 3 * 3, 2)
    for i, j in [(0, 0), (2, 5), (4, 3)]:
        window = x[:, i : i + 2, j : j + 3].reshape(BATCH, -1)
        np.testing.assert_allclose(y[:, i, j], window @ kernel[i * 6 + j] + bias[i, j], rtol=1e-4, atol=1e-5)


def test_a_locally_connected_layer_reads_zeros_around_its_input():
    """A window of three over n elements is a tridiagonal matrix: 3n weights, two of which meet only zeros."""
    layer = layers.LocallyConnected1D(1, 3, padding="same", use_bias=False, implementation=2)
    x = np.arange(1.0, 6.0).reshape(1, 5, 1)
    y = layer(x)
    kernel = layer.kernel.numpy()[:, :, 0]
    assert kernel.shape == (5, 3)
    matrix = sum(np.diag(kernel[max(-k, 0) : 5 - max(k, 0), k + 1], k) for k in (-1, 0, 1))
    assert np.count_nonzero(matrix) == 3 * 5 - 2
    np.testing.assert_allclose(y[0, :, 0], matrix @ x[0, :, 0], rtol=1e-5)
    with pytest.raises(ValueError, match=r"implementation must be an int of at least 1 and at most 3\. Received: "):
        layers.LocallyConnected1D(1, 3, implementation=4)


def test_local_response_normalization_is_the_formula_of_alexnet():
    x = inputs_for((2, 2, 7))
    y = layers.LocalResponseNormalization(size=5, alpha=0.3, beta=0.75, k=2.0)(x)
    for c in range(7):
        total = np.square(x[..., max(c - 2, 0) : c + 3]).sum(-1)
        np.testing.assert_allclose(y[..., c], x[..., c] / (2 + 0.3 * total) ** 0.75, rtol=1e-5)
    torch = pytest.importorskip("torch")
    own = torch.nn.LocalResponseNorm(5, alpha=5 * 0.3, beta=0.75, k=2.0)(torch.tensor(np.moveaxis(x, -1, 1)))
    np.testing.assert_allclose(y, np.moveaxis(own.numpy(), 1, -1), rtol=1e-5)
    with pytest.raises(ValueError, match=r"^LocalResponseNormalization: size must be odd\. Received: size=4"):
        layers.LocalResponseNormalization(4)
    wide = layers.LocalResponseNormalization(size=10**9 + 1, alpha=0.3, beta=0.75, k=2.0)(x)
    np.testing.assert_allclose(wide, x / (2 + 0.3 * np.square(x).sum(-1, keepdims=True)) ** 0.75, rtol=1e-5)


def test_a_function_becomes_a_layer():
    layer = layers.Lambda(halves, arguments={"times": 3.0})
    np.testing.assert_array_equal(layer(np.ones((2, 3), "float32")), np.full((2, 3), 1.5))
    model = Model(x := Input((4,)), layers.Dense(2)(layer(x)))
    config = model.get_config()
    with pytest.raises(ValueError, match="function: unknown name"):
        type(model).from_config(config)
    again = deserialize("layer", serialize(model), {"halves": halves})
    again.set_weights(model.get_weights())
    data = inputs_for((4,))
    np.testing.assert_array_equal(again(data), model(data))
    with pytest.raises(ValueError, match="must be a function with a name"):
        layers.Lambda(lambda x: x).get_config()


def halves(x, times):
    return x * (times / 2)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_spatial_dropout_drops_whole_channels(rank):
    layer = getattr(layers, f"SpatialDropout{rank}D")(0.4, seed=1)
    y = layer(np.ones((20, *(3,) * rank, 30), "float32"), training=True)
    channels = y.reshape(20, -1, 30)
    assert (channels == channels[:, :1]).all()
    assert abs((channels[:, 0] == 0).mean() - 0.4) < 0.08
    np.testing.assert_allclose(channels[channels != 0], 1 / 0.6, rtol=1e-6)


@pytest.mark.parametrize(
    ("layer", "deviation"),
    [
        (layers.GaussianNoise(0.5, seed=1), 0.5),
        (layers.GaussianDropout(0.2, seed=1), 0.5 * 2),
        (layers.AlphaDropout(0.3, seed=1), None),
    ],
)
def test_noise_has_the_given_moments(layer, deviation):
    x = np.full((300, 300), 2, "float32")
    if deviation is None:  # alpha dropout of numbers of mean 0 and deviation 1, as after selu
        x, deviation = np.random.default_rng(0).normal(size=x.shape).astype("float32"), 1
    y = layer(x, training=True)
    assert abs(y.mean() - x.mean()) < 0.02
    assert abs(y.std() - deviation) < 0.02
    assert not np.array_equal(y, layer(x, training=True))
    assert layer(x) is x


def test_dropout_keeps_the_expected_fraction_and_scales_it():
    layer = layers.Dropout(0.25, seed=1)
    x = np.ones((100, 100), "float32")
    y = layer(x, training=True)
    kept = y[y != 0]
    np.testing.assert_allclose(kept, 1 / 0.75, rtol=1e-6)
    assert abs(kept.size / x.size - 0.75) < 0.02
    assert not np.array_equal(layer(x, training=True), y)
    assert layer(x) is x


def test_batch_normalization_follows_the_batch_in_training_and_the_averages_otherwise():
    layer = layers.BatchNormalization(momentum=0.5, epsilon=1e-3)
    x = np.random.default_rng(0).normal(3, 2, (64, 5)).astype("float32")
    y = layer(x, training=True)
    np.testing.assert_allclose(y.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(y.std(0), 1, atol=1e-3)
    np.testing.assert_allclose(layer.moving_mean.numpy(), 0.5 * x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), 0.5 + 0.5 * x.var(0), rtol=1e-5)
    mean, variance = layer.moving_mean.numpy(), layer.moving_variance.numpy()
    np.testing.assert_allclose(layer(x), (x - mean) / np.sqrt(variance + 1e-3), rtol=1e-4, atol=1e-5)
    layer.trainable = False
    np.testing.assert_array_equal(layer(x, training=True), layer(x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv2D(0, 3), "filters"),
        (lambda: layers.Conv2D(4, 0), "kernel_size"),
        (lambda: layers.Conv2D(4, (3, 3, 3)), "kernel_size"),
        (lambda: layers.Conv2D(5, 3, groups=2), "groups"),
        (lambda: layers.Conv2D(4, 3, activation="nothing"), "nothing"),
        (lambda: layers.Conv2D(4, 3)(Input((2, 2, 1))), "window"),
        (lambda: layers.Conv2D(4, 3)(Input((8, 8))), "4 axes"),
        (lambda: layers.Conv2D(4, 3, groups=2)(Input((8, 8, 3))), "groups"),
        (lambda: layers.Conv2D(4, 3)(Input((8, 8, None))), "channels"),
        (lambda: layers.Dense(0), "units"),
        (lambda: layers.Dense(2)(Input((None,))), "last axis"),
        (lambda: layers.Dense(2)(1.0), "takes an array with the samples"),
        (lambda: layers.BatchNormalization(axis=5)(Input((3,))), "axis=5"),
        (lambda: Input(3), "tuple"),
        (lambda: layers.Dropout(1.5), "rate"),
        (lambda: layers.LeakyReLU(-1), "negative_slope"),
        (lambda: layers.Reshape((5, 5))(Input((24,))), "elements"),
        (lambda: layers.Add()(Input((3,))), "list"),
        (lambda: layers.Concatenate()([Input((3, 4)), Input((4, 4))]), "axes"),
        (lambda: Input((-1,)), "shape"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_custom_layer_has_gradients_graphs_and_saving(tmp_path):
    class Scale(layers.Layer):
        def build(self, input_shape):
            self.factor = self.add_weight((input_shape[-1],), "ones", name="factor")

        def call(self, inputs):
            return inputs * self.factor

    model = models.Sequential([Input((3,)), Scale()])
    model.compile(optimizers.SGD(0.1), "mse")
    x = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
    for _ in range(200):
        model.train_on_batch(x, x * [1.0, 2.0, 3.0])
    np.testing.assert_allclose(model.layers[0].factor.numpy(), [1, 2, 3], atol=0.1)
    model.save(tmp_path / "own.npz")
    with pytest.raises(ValueError, match="Scale"):
        models.load_model(tmp_path / "own.npz")
    again = models.load_model(tmp_path / "own.npz", custom_objects={"Scale": Scale})
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))


def test_layers_within_layers_are_found():
    class Block(layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.parts = [layers.Dense(4, activation="relu"), layers.Dense(2)]

        def call(self, inputs):
            for part in self.parts:
                inputs = part(inputs)
            return inputs

    block = Block()
    assert block(np.ones((2, 3))).shape == (2, 2)
    assert [v.shape for v in block.weights] == [(3, 4), (4,), (4, 2), (2,)]
    block.trainable = False
    assert block.trainable_weights == []
    assert len(block.non_trainable_weights) == 4


def test_build_makes_the_weights_once():
    layer = layers.Dense(2)
    layer.build((None, 3))
    assert layer.built
    kernel = layer.kernel
    assert layer(np.ones((4, 3))).shape == (4, 2)
    assert layer.kernel is kernel
    assert len(layer.weights) == 2


def test_build_may_call_the_base_class():
    class Gain(layers.Layer):
        def build(self, input_shape):
            self.gain = self.add_weight((), "ones", name="gain")
            super().build(input_shape)

        def call(self, inputs):
            return inputs["x"] * self.gain

    layer = Gain()
    assert layer.compute_output_shape({"x": (None, 3)}) == (None, 3)
    assert layer({"x": np.ones((2, 3))}).shape == (2, 3)
    assert layer.build_shape == {"x": (None, 3)}
    assert len(layer.weights) == 1


@pytest.mark.parametrize("name", ["a/b", 3])
def test_names_are_strings_without_slashes(name):
    with pytest.raises(ValueError, match="name must be"):
        layers.Dense(1, name=name)


def test_names_created_in_several_threads_differ():
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: layers.ReLU().name, range(400)))
    assert len(set(made)) == 400


class Uninitialized(layers.Layer):
    def __init__(self, weight=False):
        self.inner = layers.Dense(2)
        if weight:
            self.w = self.add_weight((2,))


@pytest.mark.parametrize(
    "use",
    [
        lambda: Uninitialized()(np.ones((1, 2))),
        lambda: Uninitialized()(Input((2,))),
        lambda: Uninitialized(weight=True),
        lambda: models.Sequential([Uninitialized()]),
    ],
)
def test_a_forgotten_constructor_is_named(use):
    with pytest.raises(RuntimeError, match=r"^Uninitialized: __init__ must call super\(\).__init__\(\)$"):
        use()


@pytest.mark.parametrize("make", [lambda p: layers.Conv2D(1, 2, padding=p), lambda p: layers.MaxPooling2D(padding=p)])
def test_padding_is_checked_when_the_layer_is_created(make):
    assert make("SAME").padding == "same"
    assert make([[1, 0], [0, 1]]).padding == ((1, 0), (0, 1))
    for padding in ("full", -1, None, [[1, 2]]):
        with pytest.raises(ValueError, match=r"2D: padding must be .* Received"):
            make(padding)


def test_a_penalty_on_outputs_is_averaged_over_samples():
    """As in Keras, the penalty does not grow with the batch."""
    for layer in (
        layers.ActivityRegularization(l1=0.5),
        layers.Identity(activity_regularizer=lambda y: 0.5 * ops.sum(y)),
    ):
        for n in (1, 2, 8):
            layer(np.ones((n, 3), "float32"))
            assert [float(loss) for loss in layer.losses] == [1.5]
        layer(np.ones((0, 3), "float32"))
        assert [float(loss) for loss in layer.losses] == [0]


def test_the_weights_of_spectral_normalization_are_in_the_order_of_keras():
    model = Sequential([Input((4, 4, 3)), layers.SpectralNormalization(layers.Conv2D(2, 3))])
    assert [w.shape for w in model.get_weights()] == [(3, 3, 3, 2), (1, 2), (2,)]
    assert [w.name for w in model.trainable_weights] == ["kernel", "bias"]
