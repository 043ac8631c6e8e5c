"""Files and folders of other programs: errors name the program and the conversion."""

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from fastconv import Input, Sequential, layers, models


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "content")
    return buffer.getvalue()


def arrays():
    buffer = io.BytesIO()
    np.savez(buffer, a=np.ones(3))
    return buffer.getvalue()


PICKLED = pickle.dumps({"weights": [1.0, 2.0]})
TORCH = zipped("archive/data.pkl", "archive/version")
BINARY = bytes(range(256))

# By name: content, and expected error.
FILES = [
    ("m.pt", TORCH, "a file of PyTorch.*set_weights"),
    ("m.pth", PICKLED, "a file of PyTorch"),
    ("model.bin", TORCH, "a file of PyTorch"),
    ("m.keras", TORCH, "a file of PyTorch"),
    ("epoch.ckpt", TORCH, "a file of PyTorch"),
    ("m.h5", TORCH, "a file of PyTorch"),
    ("w.ckpt.index", BINARY, "a checkpoint of TensorFlow.*save\\('model.h5'\\)"),
    ("w.ckpt.data-00000-of-00001", BINARY, "a checkpoint of TensorFlow"),
    ("w.ckpt.meta", BINARY, "a checkpoint of TensorFlow"),
    ("w.ckpt", BINARY, "a checkpoint of TensorFlow"),
    ("m.tflite", b"\x1c\0\0\0TFL3" + BINARY, "TensorFlow Lite"),
    ("m.model", b"\x1c\0\0\0TFL3" + BINARY, "TensorFlow Lite"),
    ("m.keras", b"\x1c\0\0\0TFL3" + BINARY, "TensorFlow Lite"),
    ("frozen.pb", BINARY, "a graph of TensorFlow.*tf_keras"),
    ("m.onnx", BINARY, "a model of ONNX"),
    ("m", b"\x08\x08\x12\x07pytorch" + BINARY, "a model of ONNX"),
    ("m.mlmodel", BINARY, "a model of Core ML"),
    ("m.pkl", PICKLED, "a pickle, which runs code"),
    ("m.pickle", PICKLED, "a pickle"),
    ("m.joblib", PICKLED, "a pickle"),
    ("m", PICKLED, "a pickle"),
    ("m.npz", PICKLED, "a pickle"),
    ("model.json", json.dumps({"class_name": "Sequential"}).encode(), "model_from_json"),
    ("model.json", json.dumps({"modelTopology": {}}).encode(), "TensorFlow.js.*tensorflowjs_converter"),
    ("m.keras", json.dumps({"class_name": "Sequential"}).encode(), "model_from_json"),
    ("m.yaml", b"class_name: Sequential", "a text"),
    ("m.txt", b"text", "a text"),
    ("m.keras", b"text", "a text"),
    ("m.h5", b"<html>404</html>", "a text"),
    ("m.weights.h5", b"text", "a text"),
    ("m.keras", b"", "an empty file"),
    ("m.h5", b"", "an empty file"),
    ("m.npz", b"", "an empty file"),
    ("m.weights.h5", b"", "an empty file"),
    ("m", b"", "an empty file"),
    ("m.keras.gz", b"\x1f\x8b" + BINARY, "compressed by gzip"),
    ("m.zip", zipped("a.txt"), "a zip archive of something else"),
    ("m.keras", zipped("a.txt"), "config.json|a zip archive"),
    ("m.zip", zipped("config.json", "model.weights.h5"), "ending .keras: give it that ending"),
    ("arrays", arrays(), "numpy.load"),
]
each_reader = pytest.mark.parametrize("reader", ["load_model", "load_weights"])


def read(reader, path):
    if reader == "load_model":
        return models.load_model(path)
    return Sequential([Input((3,)), layers.Dense(2)]).load_weights(path)


@each_reader
@pytest.mark.parametrize(
    ("name", "content", "message"), FILES, ids=[f"{name}-{i}" for i, (name, *_) in enumerate(FILES)]
)
def test_files(tmp_path, name, content, message, reader):
    (tmp_path / name).write_bytes(content)
    if reader == "load_model" and name.endswith(".weights.h5"):
        message = "an empty file|a text|weights only"
    with pytest.raises(ValueError, match=message) as error:
        read(reader, tmp_path / name)
    assert name in str(error.value)


FOLDERS = [
    ("saved", ["saved_model.pb", "keras_metadata.pb"], "a SavedModel of TensorFlow.*Convert it .*save\\('model.h5'\\)"),
    ("saved.keras", ["saved_model.pb"], "a SavedModel of TensorFlow"),
    ("checkpoints", ["checkpoint", "ckpt-1.index"], "a checkpoint of TensorFlow"),
    ("m.mlpackage", ["Manifest.json"], "a model of Core ML"),
    ("js", ["model.json", "group1-shard1of1.bin"], "a model of TensorFlow.js"),
    ("unpacked.keras", ["config.json", "metadata.json", "model.weights.h5"], "an unpacked .keras file"),
    ("empty", [], "a folder"),
    ("m.keras", ["notes.txt"], "a folder"),
]


@each_reader
@pytest.mark.parametrize(("name", "files", "message"), FOLDERS, ids=[name for name, *_ in FOLDERS])
def test_folders(tmp_path, name, files, message, reader):
    (tmp_path / name).mkdir()
    for file in files:
        (tmp_path / name / file).write_bytes(BINARY)
    with pytest.raises(ValueError, match=f"this is {message}.*Received: filepath="):
        read(reader, tmp_path / name)


@each_reader
def test_a_checkpoint_by_its_path_without_ending(tmp_path, reader):
    (tmp_path / "w.ckpt.index").write_bytes(BINARY)
    with pytest.raises(ValueError, match="a checkpoint of TensorFlow"):
        read(reader, tmp_path / "w.ckpt")
    with pytest.raises(FileNotFoundError, match=r"There is no file .*other.ckpt"):
        read(reader, tmp_path / "other.ckpt")
