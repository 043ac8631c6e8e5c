"""Neurons, connections, multiply-adds and receptive fields: matrices, gradients, and the numbers of the lectures."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from fastconv import Input, Model, Sequential, applications, grad, layers, ops

PADDED = {"padding": "same"}
FIRST = {"data_format": "channels_first"}


def counts_of(layer, *sample):
    return Sequential([Input(sample), layer]).counts()[-1]


def matrix_of(layer, sample):
    """Return the matrix (outputs, inputs) of a linear layer without bias."""
    identity = np.eye(int(np.prod(sample)), dtype=np.float32)
    return np.asarray(layer(identity.reshape(-1, *sample))).reshape(len(identity), -1).T


def without_bias(layer):
    """Return a layer of this package with random weights, none of which is 0, and without bias."""
    layer.use_bias = False
    return layer


@pytest.mark.parametrize(("layer", "sample"), [
    (lambda: layers.Conv2D(3, 3), (6, 5, 2)),
    (lambda: layers.Conv2D(4, (3, 2), strides=2, groups=2, **PADDED), (6, 5, 2)),
    (lambda: layers.Conv2D(2, 3, dilation_rate=2, padding=((1, 0), (2, 3)), **FIRST), (2, 6, 5)),
    (lambda: layers.Conv1D(3, 4, padding="causal"), (9, 2)),
    (lambda: layers.Conv3D(2, 2, **PADDED), (3, 4, 3, 1)),
    (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, **PADDED), (5, 6, 3)),
    (lambda: layers.Conv2DTranspose(3, 3, strides=2, **PADDED), (3, 4, 2)),
    (lambda: layers.Conv2DTranspose(2, 3, strides=2, output_padding=1), (3, 4, 2)),
    (lambda: layers.Conv1DTranspose(2, 4, strides=3, **PADDED), (5, 2)),
    (lambda: layers.LocallyConnected1D(1, 3, **PADDED), (11, 1)),
    (lambda: layers.LocallyConnected2D(2, (3, 2), strides=2, **PADDED), (5, 6, 2)),
    (lambda: layers.AveragePooling2D(3, 2, "same"), (5, 6, 2)),
    (lambda: layers.AveragePooling1D(3, 1), (7, 2)),
    (lambda: layers.GlobalAveragePooling2D(), (4, 3, 2)),
    (lambda: layers.Dense(5), (7,)),
    (lambda: layers.Dense(5), (2, 3, 4)),
])  # fmt: skip
def test_connections_are_the_entries_of_the_layers_matrix(layer, sample):
    made = without_bias(layer())
    found = counts_of(made, *sample)
    matrix = matrix_of(made, sample)
    assert found.connections == np.count_nonzero(matrix)
    assert found.neurons == len(matrix)
    assert found.weights == made.count_params()
    if found.weights_formula:
        assert found.weights_formula.endswith(f" = {found.weights:,}")


def test_a_subclass_with_a_kernel_of_its_own():
    """C3 of LeNet-5 has 60 pairs of a filter and a channel; the paper counts 151,600 connections, biases included."""
    model = applications.LeNet5(weights=None)
    found = next(c for c in model.counts() if c.name == "C3")
    assert (found.weights, found.weights_formula, found.connections) == (1516, "", 151_600 - 1600)


def test_a_tridiagonal_matrix_has_3n_minus_2_connections():
    for n in (4, 100, 100_000):
        model = Sequential([layers.LocallyConnected1D(1, 3, padding="same", use_bias=False)])
        (found,) = model.counts((None, n, 1))
        assert (found.connections, found.weights) == (3 * n - 2, 3 * n)


def test_multiply_adds_are_those_of_the_profile():
    x = Input((9, 8, 3))
    h = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    h = layers.SeparableConv2D(6, 3, padding="same")(h)
    h = layers.add([h, layers.DepthwiseConv2D(3, padding="same")(h)])
    inner = Sequential([Input((5, 4, 6)), layers.Conv2DTranspose(2, 3), layers.Flatten(), layers.Dense(3)])
    model = Model(x, inner(h))
    profile = model.profile(np.zeros((1, 9, 8, 3), np.float32), passes=1, verbose=0)
    assert 2 * sum(c.multiply_adds for c in model.counts()) == profile.flops


def field_of(model, sample):
    """Return the size of the largest region on which outputs in the middle depend, by their gradients."""
    x = np.ones((1, *sample, 1), np.float32)
    h, w = (n // 2 for n in model(x).shape[1:-1])
    sizes = []
    for i, j in [(h, w), (h + 1, w + 1)]:
        dx = np.asarray(grad(lambda x, i=i, j=j: ops.sum(model(x)[0, i, j]))(x))[0, ..., 0]
        sizes.append([int(np.ptp(places)) + 1 for places in np.nonzero(dx)])
    return tuple(np.max(sizes, 0).tolist())


ONES = {"kernel_initializer": "ones", "use_bias": False}
NETS = [
    [layers.Conv2D(1, 5, **ONES), layers.AveragePooling2D(2), layers.Conv2D(1, 5, **ONES), layers.AveragePooling2D(2)],
    [layers.Conv2D(1, 3, **ONES), layers.Conv2D(1, 3, **ONES), layers.Conv2D(1, 3, **ONES)],
    [layers.Conv2D(1, 3, dilation_rate=2, **ONES), layers.Conv2D(1, (1, 3), strides=3, padding="same", **ONES)],
    [layers.ZeroPadding2D(1), layers.AveragePooling2D(3, 2), layers.Activation("relu"), layers.Conv2D(1, 3, **ONES)],
    [layers.Conv2DTranspose(1, 3, strides=2, **ONES), layers.Conv2D(1, 3, **ONES)],
    [layers.UpSampling2D(2), layers.Conv2D(1, 3, **ONES)],
    [layers.LocallyConnected2D(1, 4, padding="same", **ONES), layers.BatchNormalization(), layers.Dropout(0.5)],
]


@pytest.mark.parametrize("net", range(len(NETS)))
def test_receptive_fields_are_the_nonzero_gradients(net):
    model = Sequential([Input((36, 40, 1)), *NETS[net]])
    assert model.counts()[-1].receptive_field == field_of(model, (36, 40))


def test_branches_have_the_largest_receptive_field():
    x = Input((20, 20, 1))
    a = layers.Conv2D(1, 3, padding="same", **ONES)(x)
    b = layers.Conv2D(1, 5, padding="same", **ONES)(a)
    model = Model(x, layers.Concatenate()([ops.relu(a) + 1.0, b]))
    assert [c.receptive_field for c in model.counts()] == [(3, 3), (7, 7), (7, 7)]


def test_all_inputs_reach_what_follows_a_global_pooling():
    x = Input((6, 8, 2))
    gate = layers.Reshape((1, 1, 2))(layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    found = Model(x, layers.Conv2D(1, 3)(layers.Multiply()([x, gate]))).counts()
    assert [c.receptive_field for c in found] == [(6, 8)] * 5


def test_layers_that_mix_elements_have_unknown_fields_after_them():
    found = Sequential([Input((6, 6, 2)), layers.Permute((2, 1, 3)), layers.Conv2D(1, 3)]).counts()
    assert [c.receptive_field for c in found] == [None, None]


@pytest.mark.parametrize(("net", "shape", "weights", "peak"), [
    ([layers.Flatten, lambda: layers.Dense(32 * 32 * 36, use_bias=False)], (256, 256, 3), 7_247_757_312, 2**20),
    ([layers.Flatten, lambda: layers.Dense(400_000, use_bias=False)], (200, 200, 1), 16_000_000_000, 2**20),
    ([lambda: layers.Dense(512 * 512, use_bias=False)], (512 * 512,), 68_719_476_736, 2**20),
    ([lambda: layers.LocallyConnected2D(10, 10, padding="same", use_bias=False)], (200, 200, 1), 40_000_000, 2**27),
])  # fmt: skip
def test_nets_of_the_lectures_are_counted_without_their_weights(net, shape, weights, peak):
    model = Sequential([make() for make in net])
    model.counts((None, *shape))  # fills caches
    tracemalloc.start()
    try:
        found = model.counts((None, *shape))[-1]
        assert tracemalloc.get_traced_memory()[1] < peak
    finally:
        tracemalloc.stop()
    assert found.weights == found.multiply_adds == weights
    assert not model.built
    assert not any(layer.weights for layer in model.layers)


def test_weights_that_do_not_fit_name_the_counts():
    with pytest.raises(
        MemoryError, match=r"Model\.counts of a Sequential without Input counts it without memory\. Rec"
    ):
        Sequential([Input((2**20,)), layers.Dense(2**40)])


def lenet():
    return [
        layers.Conv2D(6, 5, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Conv2D(16, 5, activation="tanh"),
        layers.AveragePooling2D(2),
        layers.Flatten(),
        layers.Dense(120),
        layers.Dense(84),
        layers.Dense(10),
    ]


def test_lenet_layer_by_layer():
    found = Sequential(lenet()).counts((None, 32, 32, 1))
    assert [c.neurons for c in found] == [4704, 1176, 1600, 400, 0, 120, 84, 10]
    assert [c.receptive_field for c in found] == [(n, n) for n in (5, 6, 14, 16, 16, 32, 32, 32)]
    assert found[0].connections == 117_600
    assert sum(c.weights for c in found) == 61_706


@pytest.mark.parametrize(("size", "strides", "padding", "formula"), [
    (7, 1, "valid", "(7 - 3)/1 + 1 = 5"),
    (7, 2, "valid", "(7 - 3)/2 + 1 = 3"),
    (7, 3, "valid", "(7 - 3)/3 + 1 = 2.33, rounded down to 2"),
    (7, 1, ((1, 1), (1, 1)), "(7 - 3 + 2*1)/1 + 1 = 7"),
    (8, 2, "same", "(8 - 3 + 0 + 1)/2 + 1 = 4"),
])  # fmt: skip
def test_formulas_of_sizes(size, strides, padding, formula):
    found = counts_of(layers.Conv2D(1, 3, strides, padding), size, size, 1)
    assert found.formulas == (formula, formula)


def test_formulas_of_transposed_convolutions():
    for padding, output, formula in (("same", 8, "4*2 = 8"), ("valid", 9, "(4 - 1)*2 + 3 = 9")):
        found = counts_of(layers.Conv2DTranspose(1, 3, 2, padding), 4, 4, 1)
        assert found.output_shape[1] == output
        assert set(found.formulas) == {formula}


def test_other_sizes_than_those_of_the_model():
    model = Sequential([Input((None, None, 3)), layers.Conv2D(2, 3), layers.GlobalMaxPooling2D(), layers.Dense(4)])
    with pytest.raises(ValueError, match=r"counting needs inputs of known sizes; give input_shape\. Received: shapes="):
        model.counts()
    found = model.counts((None, 10, 12, 3))
    assert [c.neurons for c in found] == [160, 2, 4]
    assert [c.receptive_field for c in found] == [(3, 3), (10, 12), (10, 12)]


def test_models_that_are_no_graphs_are_refused():
    with pytest.raises(ValueError, match=r"only models whose layers are a graph can be counted.*input_shape=None"):
        Sequential([layers.Dense(3)]).counts()


def test_a_shared_layer_has_its_weights_once():
    x, dense = Input((4,)), layers.Dense(4, name="d")
    found = Model(x, dense(dense(x))).counts()
    assert [(c.weights, c.connections) for c in found] == [(20, 16), (0, 16)]


def printed(print_with, *args, **kwargs):
    lines = []
    print_with(*args, print_fn=lines.append, **kwargs)
    return lines


def test_the_summary_shows_counts():
    inner = Sequential([Input((7, 7, 2)), layers.Conv2D(1, 3, strides=2, name="c")], name="inner")
    x = Input((9, 9, 1), name="x")
    model = Model(x, layers.Flatten(name="f")(inner(layers.Conv2D(2, 3, name="first")(x))))
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in printed(model.summary, show_counts=True, expand_nested=True)
        if line.startswith("│")
    ]
    assert rows[0][3:] == ["-", "-", "-", "-", "-"]
    assert rows[1][2:] == ["20", "3x3", "98", "882", "882", "3x3"]
    assert rows[2][4:] == rows[3][4:] == ["9", "162", "162", "5x5"]
    assert rows[4][3:] == ["-", "-", "-", "-", "5x5"]
    assert {len(line) for line in printed(model.summary, 150, show_counts=True) if "│" in line} == {150}


def test_the_summary_of_a_model_that_is_not_built():
    model = Sequential([layers.Dense(3, name="d")])
    assert any("(None, 3)" in line for line in printed(model.summary, input_shape=(None, 4)))
    assert not model.built


def test_the_explanation_has_the_formulas():
    text = "\n".join(printed(Sequential(lenet(), name="lenet").explain, (None, 32, 32, 1)))
    for part in ('Model "lenet"', "(32 - 5)/1 + 1 = 28", "(5*5*6 + 1)*16 = 2,416", "(400 + 1)*120 = 48,120", "61,706"):
        assert part in text


@pytest.mark.parametrize(("layer", "neurons"), [
    (lambda: layers.Flatten(), 0),
    (lambda: layers.Reshape((2, 18)), 0),
    (lambda: layers.Permute((2, 1, 3)), 0),
    (lambda: layers.ZeroPadding2D(1), 0),
    (lambda: layers.Cropping2D(1), 0),
    (lambda: layers.UpSampling2D(2), 0),
    (lambda: layers.UpSampling2D(2, interpolation="bilinear"), 144),
    (lambda: layers.Dropout(0.5), 0),
    (lambda: layers.Identity(), 0),
    (lambda: layers.MaxPooling2D(2), 6),
    (lambda: layers.ReLU(), 36),
])  # fmt: skip
def test_layers_that_only_move_numbers_have_no_neurons(layer, neurons):
    assert counts_of(layer(), 3, 6, 2).neurons == neurons


def test_the_explanation_counts_each_neuron_once():
    x = Input((4,))
    both = layers.Concatenate()([layers.Dense(2)(x), layers.Dense(3)(x)])
    lines = printed(Model(x, layers.Dense(1)(both)).explain)
    assert "  neurons          6" in lines
