"""Arguments, errors and weight files of ready-made nets; tests/conformance compares their outputs."""

from __future__ import annotations

import json
import pathlib
import sys

import numpy as np
import pytest

from fastconv import Input, Model, applications, config, datasets, layers
from fastconv.applications import files, imagenet_utils


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Create the folder of models in FASTCONV_DATA; ~ is empty, and downloads fail."""
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path))
    monkeypatch.setattr(pathlib.Path, "home", lambda: tmp_path / "home")
    monkeypatch.setitem(sys.modules, "pooch", None)
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def small(**arguments):
    return applications.MobileNet((128, 128, 3), 0.25, include_top=False, **arguments)


def test_weights_from_an_existing_file(folder):
    pytest.importorskip("h5py")
    model = small(weights=None)
    model.save(folder / "mobilenet_2_5_128_tf_no_top.h5")
    model.save_weights(folder / "own.weights.h5")
    for weights in ("imagenet", folder / "own.weights.h5"):
        for found, wanted in zip(small(weights=weights).get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_a_file_with_another_checksum_is_named(folder):
    name = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
    (folder / name).write_bytes(b"something else")
    with pytest.raises(
        ValueError, match=rf"{name}: .* The md5 of its content must be 6d6bbae143d832006294945121d1f1fc"
    ):
        applications.VGG16(include_top=False)


def test_a_file_is_hashed_once(tmp_path, monkeypatch):
    """The downloader hashes a file when it downloads it; a file found later is hashed when it is read, once."""
    pytest.importorskip("pooch")
    monkeypatch.setenv("FASTCONV_DATA", str(tmp_path / "given"))
    monkeypatch.setattr(pathlib.Path, "home", lambda: tmp_path)
    hashed = []
    monkeypatch.setattr(files, "check_content", lambda where, *_: hashed.append(where))
    monkeypatch.setattr(datasets.files, "fetch", lambda url, checksum, target: target)
    assert files.stored("w.h5", "https://nowhere/w.h5", "md5:0") == tmp_path / "given" / "models" / "w.h5"
    assert not hashed
    (tmp_path / "given" / "models").mkdir(parents=True)
    (tmp_path / "given" / "models" / "w.h5").write_bytes(b"content")
    files.stored("w.h5", "https://nowhere/w.h5", "md5:0")
    assert len(hashed) == 1


def test_a_download_needs_pooch(folder):
    with pytest.raises(ImportError, match=r"resnet50_weights_.*_notop\.h5: .* pip install fastconv\[data\]"):
        applications.ResNet50(include_top=False)


@pytest.mark.parametrize(
    "arguments",
    [
        {"classes": 10},
        {"input_shape": (64, 64, 3)},
        {"include_top": False, "input_shape": (64, 64, 1)},
        {"classifier_activation": "relu"},
    ],
)
def test_imagenet_weights_belong_to_a_single_model(arguments):
    with pytest.raises(ValueError, match=r"^vgg16: weights='imagenet' are for .* Received: input_shape="):
        applications.VGG16(**arguments)


@pytest.mark.parametrize("arguments", [{"alpha": 0.6}, {"depth_multiplier": 2}])
def test_mobile_nets_have_files_for_some_values_of_alpha(arguments):
    with pytest.raises(ValueError, match=r"^mobilenet: with weights='imagenet' .* Received: "):
        applications.MobileNet(**arguments)


@pytest.mark.parametrize("shape", [(31, 32, 3), (32, 32), (None, None, 3)])
def test_shapes_that_do_not_fit(shape):
    with pytest.raises(ValueError, match=r"^resnet50: input_shape must have three sizes, .* Received: input_shape="):
        applications.ResNet50(weights=None, input_shape=shape)
    with pytest.raises(ValueError, match=r"^xception: .* sides from 71 on"):
        applications.Xception(weights=None, input_shape=(70, 71, 3), include_top=False)


def test_an_unknown_pooling():
    with pytest.raises(ValueError, match=r"^mobilenet_0\.25_128: pooling must be None, 'avg' or 'max'"):
        small(weights=None, pooling="mean")


def test_shapes_without_arguments():
    assert applications.MobileNetV2(weights=None).input_shape == (None, 224, 224, 3)
    assert applications.MobileNetV2(weights=None, include_top=False).output_shape == (None, None, None, 1280)
    config.set_image_data_format("channels_first")
    first = applications.MobileNet((3, 128, 128), 0.25, include_top=False, weights=None)
    assert first.output_shape == (None, 256, 4, 4)


def test_a_net_inside_a_functional_model():
    x = Input((40, 40, 3))
    net = applications.MobileNet(alpha=0.25, include_top=False, weights=None, input_tensor=layers.Rescaling(2.0)(x))
    assert net.input is x
    model = Model(x, layers.Dense(2)(layers.Flatten()(net.output)))
    assert model.predict(np.ones((1, 40, 40, 3)), verbose=0).shape == (1, 2)


def test_the_features_can_be_trained():
    net = small(weights=None, pooling="avg")
    net.trainable = False
    model = Model(net.input, layers.Dense(1)(net.output))
    assert len(model.trainable_weights) == 2
    model.compile("sgd", "mse")
    model.fit(np.zeros((2, 128, 128, 3)), np.zeros((2, 1)), verbose=0)


def test_predictions_by_name(folder, monkeypatch):
    index = {str(k): [f"n{k}", f"thing {k}"] for k in range(1000)}
    (folder / "imagenet_class_index.json").write_text(json.dumps(index))
    monkeypatch.setattr(imagenet_utils, "INDEX_CHECKSUM", None)
    imagenet_utils.class_names.cache_clear()
    preds = np.zeros((2, 1000))
    preds[0, [7, 3]], preds[1, 999] = [0.6, 0.4], 1
    found = applications.vgg16.decode_predictions(preds, top=2)
    assert found[0] == [("n7", "thing 7", 0.6), ("n3", "thing 3", 0.4)]
    assert found[1][0] == ("n999", "thing 999", 1.0)
    imagenet_utils.class_names.cache_clear()
    with pytest.raises(ValueError, match=r"shape \(N, 1000\)\. Received: shape=\(2, 3\)"):
        applications.vgg16.decode_predictions(preds[:, :3])


def test_preprocess_input_takes_symbolic_tensors_and_integers():
    x = np.arange(12, dtype="uint8").reshape(2, 2, 3)
    y = applications.vgg16.preprocess_input(x)
    np.testing.assert_allclose(y[0, 0], np.array([2, 1, 0]) - [103.939, 116.779, 123.68], rtol=1e-6)
    assert (x == np.arange(12).reshape(2, 2, 3)).all()
    image = Input((2, 2, 3))
    model = Model(image, applications.vgg16.preprocess_input(image))
    np.testing.assert_allclose(model.predict(x[None], verbose=0)[0], y, rtol=1e-5)
    with pytest.raises(ValueError, match="mode must be one of tf, torch, caffe"):
        imagenet_utils.preprocess_input(x, mode="none")
