"""Nets of the textbooks: parameters and sizes of the papers, a step of training, errors."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from fastconv import applications, config, datasets, models, utils

# Images are as small as the nets allow: (function, arguments, shape of an image, number of classes)
SMALL = [
    (applications.LeNet5, {}, (32, 32, 1), 10),
    (applications.LeNet5, {"modern": True}, (32, 32, 1), 10),
    (applications.ResNet18, {"classes": 3}, (32, 32, 3), 3),
    (applications.ResNet34, {"classes": 3}, (32, 32, 3), 3),
    (applications.CifarResNet, {"depth": 8}, (32, 32, 3), 10),
    (applications.CifarResNet, {"depth": 10, "shortcuts": False}, (16, 16, 3), 10),
    (applications.AlexNet, {"classes": 3}, (67, 67, 3), 3),
    (applications.ZFNet, {"classes": 3}, (53, 53, 1), 3),
    (applications.GoogLeNet, {"classes": 3, "auxiliary": False}, (32, 32, 3), 3),
]
each_net = pytest.mark.parametrize(
    ("net", "arguments", "shape", "classes"), SMALL, ids=[f"{net.__name__}-{i}" for i, (net, *_) in enumerate(SMALL)]
)


def trainable(model):
    """Return the number of trainable parameters."""
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


@each_net
def test_a_step_of_training_and_a_file(net, arguments, shape, classes, tmp_path):
    utils.set_random_seed(0)
    model = net(input_shape=shape, **arguments)
    x = np.random.default_rng(0).uniform(0, 1, (4, *shape)).astype("float32")
    before = model.get_weights()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, np.arange(4) % classes, verbose=0)
    assert any((a != b).any() for a, b in zip(before, model.get_weights()))
    y = model.predict(x, verbose=0)
    np.testing.assert_allclose(y.sum(1), 1, rtol=1e-5)
    model.save(tmp_path / "net.npz")
    np.testing.assert_array_equal(models.load_model(tmp_path / "net.npz").predict(x, verbose=0), y)


@pytest.mark.parametrize("net", sorted({net for net, *_ in SMALL}, key=lambda net: net.__name__))
def test_arguments_are_those_of_the_other_nets(net):
    usual = [*inspect.signature(applications.architecture.Architecture.__call__).parameters][1:]
    assert [name for name in inspect.signature(net).parameters if name in usual] == usual
    with pytest.raises(ValueError, match=r"weights must be None or the path of a file, because Keras publishes no"):
        net(weights="imagenet")
    features = net(include_top=False, input_shape=(80, 80, 1), pooling="avg")
    assert len(features.output_shape) == 2


def test_channels_first_has_the_same_parameters():
    last = applications.CifarResNet(8).count_params()
    config.set_image_data_format("channels_first")
    first = applications.CifarResNet(8)
    assert (first.input_shape, first.count_params()) == ((None, 3, 32, 32), last)
    assert applications.LeNet5().get_layer("C5").output.shape == (None, 120, 1, 1)


# ---- LeNet-5 ---------------------------------------------------------------------------------------------------------


def test_lenet5_has_the_parameters_and_connections_of_the_paper():
    model = applications.LeNet5()
    found = {layer.name: layer.count_params() for layer in model.layers if layer.weights}
    # LeCun et al. 1998, section II.B; 84 * 10 numbers of the codes are fixed
    assert found == {"C1": 156, "S2": 12, "C3": 1516, "S4": 32, "C5": 48_120, "F6": 10_164, "output": 840}
    assert trainable(model) == 60_000
    # The same section: each weight is used at each place of its map, and S2 and S4 read 4 units with their weight.
    places = {"C1": 28 * 28, "S2": 14 * 14, "C3": 10 * 10, "S4": 5 * 5, "C5": 1, "F6": 1, "output": 1}
    connections = {name: found[name] * places[name] for name in found}
    connections["S2"], connections["S4"] = 5 * 6 * 14 * 14, 5 * 16 * 5 * 5
    assert (connections["C1"], connections["S2"], connections["C3"]) == (122_304, 5_880, 151_600)
    assert sum(connections.values()) == 340_908
    assert (
        trainable(applications.LeNet5(modern=True)) == 61_706
    )  # all 6 * 16 * 25 + 16 weights of C3, and 850 of the output


def test_each_map_of_c3_reads_the_maps_of_its_row():
    layer = applications.LeNet5().get_layer("C3")
    layer.set_weights([np.ones((5, 5, 60)), np.zeros(16)])
    layer.activation = None
    for channel in range(6):
        x = np.zeros((1, 14, 14, 6), "float32")
        x[..., channel] = 1
        reads = np.asarray(layer(x))[0, 0, 0]
        assert set(reads) == {0, 25}
        assert np.count_nonzero(reads) == 10  # each map is read by ten


def test_scores_of_lenet5_are_distances_to_codes():
    model = applications.LeNet5(classifier_activation=None)
    x = np.random.default_rng(0).uniform(0, 1, (3, 32, 32, 1)).astype("float32")
    units = models.Model(model.input, model.get_layer("F6").output).predict(x, verbose=0)
    codes = model.get_layer("output").get_weights()[0] / 2
    assert set(codes.ravel()) == {-1, 1}
    distances = ((units[:, :, None] - codes) ** 2).sum(1)
    scores = model.predict(x, verbose=0)
    np.testing.assert_allclose(scores - scores[:, :1], distances[:, :1] - distances, rtol=1e-3, atol=1e-3)


# ---- AlexNet, ZFNet and GoogLeNet ------------------------------------------------------------------------------------


def neurons(model):
    """Return the number of outputs of each layer with a kernel."""
    return [int(np.prod(layer.output.shape[1:])) for layer in model.layers if layer.weights]


def test_alexnet_has_the_neurons_of_the_paper_except_in_its_first_layer():
    model = applications.AlexNet()
    # Krizhevsky et al. 2012, section 3.5 and figure 2
    printed = [253_440, 186_624, 64_896, 64_896, 43_264, 4096, 4096, 1000]
    assert neurons(model) == [290_400, *printed[1:]]
    assert 55 * 55 * 96 == 290_400
    assert trainable(model) == 60_965_224  # the sum of the kernels of figure 2 and of the biases
    # 96 * 11^2 * 3, 256 * 5^2 * 48, 384 * 3^2 * 256, 384 * 3^2 * 192, 256 * 3^2 * 192: the kernels of section 3.5
    shapes = [(11, 11, 3, 96), (5, 5, 48, 256), (3, 3, 256, 384), (3, 3, 192, 384), (3, 3, 192, 256)]
    assert [tuple(w.shape) for w in model.weights if len(w.shape) == 4] == shapes
    assert applications.AlexNet(include_top=False, input_shape=(224, 224, 3)).get_layer("conv1").output.shape[1] == 54


def test_the_halves_of_alexnet_see_half_of_the_maps():
    model = applications.AlexNet(include_top=False, input_shape=(67, 67, 3))
    layer = model.get_layer("conv2")
    x = np.random.default_rng(0).uniform(0, 1, (1, 7, 7, 96)).astype("float32")
    first = x.copy()
    first[..., 48:] = 0
    assert (np.asarray(layer(x))[..., :128] == np.asarray(layer(first))[..., :128]).all()
    assert (np.asarray(layer(x))[..., 128:] != np.asarray(layer(first))[..., 128:]).any()
    joined = applications.AlexNet(include_top=False, input_shape=(67, 67, 3), groups=1)
    assert joined.get_layer("conv2").kernel.shape == (5, 5, 96, 256)


def test_zfnet_has_the_sides_of_the_paper():
    model = applications.ZFNet()
    names = ("conv1", "pool1", "conv2", "pool2", "conv3", "conv4", "conv5", "pool5")
    # Zeiler and Fergus 2013, figure 3
    assert [model.get_layer(name).output.shape[1] for name in names] == [110, 55, 26, 13, 13, 13, 13, 6]
    assert trainable(model) == 62_357_608  # the sum of the kernels of figure 3 and of the biases


def test_googlenet_has_the_parameters_of_the_paper():
    model = applications.GoogLeNet(auxiliary=False)
    # Szegedy et al. 2014, table 1: numbers of kernel weights in units of 1024, and sides. For 4c the paper prints 463,
    # which does not follow from the filters of its row.
    rows = {"3a": (159, 28), "3b": (380, 28), "4a": (364, 14), "4b": (437, 14), "4c": (497, 14), "4d": (580, 14)}
    rows |= {"4e": (840, 14), "5a": (1072, 7), "5b": (1388, 7)}
    for name, (thousands, side) in rows.items():
        kernels = [w for layer in model.layers if f"inception_{name}" in layer.name for w in layer.weights[:1]]
        assert sum(int(np.prod(w.shape)) for w in kernels) / 1024 == pytest.approx(thousands, rel=0.06)
        assert model.get_layer(f"inception_{name}_join").output.shape[1] == side
    assert trainable(model) == 6_998_552
    assert trainable(applications.GoogLeNet()) == 13_378_280
    assert model.get_layer("inception_5b_join").output.shape[-1] == 1024


def test_googlenet_trains_with_its_auxiliary_outputs():
    utils.set_random_seed(0)
    model = applications.GoogLeNet(input_shape=(65, 65, 3), classes=3)
    assert model.output_shape == [(None, 3)] * 3
    before = model.get_layer("auxiliary2_conv").get_weights()[0]
    model.compile("sgd", "sparse_categorical_crossentropy", loss_weights=[1, 0.3, 0.3])
    x, y = np.random.default_rng(0).uniform(0, 1, (2, 65, 65, 3)), np.array([0, 2])
    logs = model.train_on_batch(x, [y, y, y], return_dict=True)
    parts = [logs[f"{name}_loss"] for name in ("predictions", "auxiliary1", "auxiliary2")]
    assert logs["loss"] == pytest.approx(parts[0] + 0.3 * (parts[1] + parts[2]), rel=1e-5)
    assert (model.get_layer("auxiliary2_conv").get_weights()[0] != before).any()
    features = applications.GoogLeNet(include_top=False, input_shape=(32, 32, 3))
    assert features.output_shape == (None, 1, 1, 1024)


# ---- residual nets ---------------------------------------------------------------------------------------------------


def test_resnets_have_the_parameters_of_torchvision():
    # https://docs.pytorch.org/vision/stable/models/resnet.html: num_params of ResNet18_Weights and ResNet34_Weights
    assert trainable(applications.ResNet18()) == 11_689_512
    assert trainable(applications.ResNet34()) == 21_797_672


@pytest.mark.parametrize(
    ("depth", "millions"),
    # He et al. 2015, table 6
    [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)],
)
def test_resnets_for_cifar_have_the_parameters_of_the_paper(depth, millions):
    model = applications.CifarResNet(depth)
    assert trainable(model) / 1e6 == pytest.approx(millions, rel=0.02)
    kernels = [w for w in model.trainable_weights if len(w.shape) > 1]
    assert len(kernels) == depth
    assert [model.get_layer(f"conv{k}_block1_out").output.shape[1:] for k in (2, 3, 4)] == [
        (32, 32, 16),
        (16, 16, 32),
        (8, 8, 64),
    ]


def test_depths_between_those_of_the_paper():
    model = applications.CifarResNet(52, shortcuts=False)
    assert model.name == "plain52"
    assert len([w for w in model.trainable_weights if len(w.shape) > 1]) == 52
    assert not [layer for layer in model.layers if type(layer).__name__ == "Add"]
    for depth in (21, 6, 10**9):
        with pytest.raises(ValueError, match=r"^CifarResNet: depth must be .*Received: depth="):
            applications.CifarResNet(depth)


def test_a_shortcut_adds_channels_of_zeros():
    model = applications.CifarResNet(8)
    before, after = model.get_layer("conv3_block1_add").input
    x = np.random.default_rng(0).uniform(0, 1, (2, 32, 32, 3)).astype("float32")
    shortcut, source = models.Model(model.input, [before, model.get_layer("conv2_block1_out").output]).predict(
        x, verbose=0
    )
    np.testing.assert_array_equal(shortcut[..., :16], source[:, ::2, ::2])
    assert not shortcut[..., 16:].any()
    assert after.shape == before.shape


def accuracy_after_two_epochs(**arguments):
    """Return the accuracy of a net of 52 layers on the digits, enlarged to 16x16 pixels, in its second epoch."""
    utils.set_random_seed(0)
    (x, y), _ = datasets.digits.load_data()
    model = applications.CifarResNet(52, input_shape=(16, 16, 1), **arguments)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    enlarged = np.kron(x, np.ones((1, 2, 2)))[..., None].astype("float32") / 16
    return model.fit(enlarged, y, batch_size=64, epochs=2, verbose=0).history["accuracy"][-1]


def test_shortcuts_make_a_deep_net_learn(pytestconfig):
    if pytestconfig.getoption("--device") == "fake-gpu":
        pytest.skip("the fake GPU takes minutes")
    assert accuracy_after_two_epochs() > 0.9
    assert accuracy_after_two_epochs(shortcuts=False) < 0.3


# ---- U-Net -----------------------------------------------------------------------------------------------------------


def test_the_unet_of_the_paper():
    model = applications.UNet()
    # Ronneberger et al. 2015, figure 1: convolutions of 64 to 1024 filters, 31.0 million weights and biases
    assert model.count_params() == 31_030_658
    assert model.output_shape == (None, 388, 388, 2)
    assert [model.get_layer(f"down{k}_conv2").output.shape[1] for k in (1, 2, 3, 4)] == [568, 280, 136, 64]
    assert model.get_layer("bottom_conv2").output.shape == (None, 28, 28, 1024)
    assert [model.get_layer(f"up{k}_crop").output.shape[1] for k in (4, 3, 2, 1)] == [56, 104, 200, 392]


@pytest.mark.parametrize(("padding", "side", "output"), [("valid", 44, 4), ("same", 16, 16)])
def test_a_unet_learns_to_find_bright_pixels(padding, side, output):
    utils.set_random_seed(0)
    model = applications.UNet(padding, 4, 2, input_shape=(side, side, 1))
    assert model.output_shape == (None, output, output, 2)
    x = np.random.default_rng(0).uniform(0, 1, (32, side, side, 1)).astype("float32")
    border = (side - output) // 2
    y = (x[:, border : border + output, border : border + output, 0] > 0.5).astype("int32")
    model.compile("adam", "sparse_categorical_crossentropy")
    losses = model.fit(x, y, batch_size=8, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_a_unet_of_any_size():
    model = applications.UNet("same", 4, 2, input_shape=(None, None, 3))
    assert model.predict(np.ones((1, 16, 24, 3)), verbose=0).shape == (1, 16, 24, 2)


@pytest.mark.parametrize(
    ("padding", "shape", "message"),
    [
        ("valid", (256, 256, 1), r"nearest sides that fit are \[252, 252\]"),
        ("same", (100, 96, 1), r"nearest sides that fit are \[96, 96\]"),
        ("valid", (None, None, 1), "padding='valid' needs known sides"),
        ("full", (96, 96, 1), "padding must be one of valid, same"),
    ],
)
def test_sizes_that_a_unet_cannot_halve(padding, shape, message):
    with pytest.raises(ValueError, match=rf"^(unet|UNet): .*{message}.*Received: "):
        applications.UNet(padding, 4, input_shape=shape)


def test_auxiliary_outputs_are_a_flag():
    with pytest.raises((TypeError, ValueError), match="auxiliary"):
        applications.GoogLeNet(auxiliary="x")
