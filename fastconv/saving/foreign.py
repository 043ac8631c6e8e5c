"""Recognition of other programs' files, with advice on how to convert them."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable
from pathlib import Path

IN_KERAS = "Where Keras is installed, make the model there, read the file and save it: model.save('model.keras')"
TF_KERAS = "Convert it where Keras 2 or tf_keras is installed: tf_keras.models.load_model(folder).save('model.h5')"
IN_TORCH = (
    "Make the same model here, and give each layer its arrays by layer.set_weights: kernels of PyTorch are (out, in, "
    "height, width), here they are (height, width, in, out)"
)
CHECKPOINT = (
    "a checkpoint of TensorFlow, which holds weights and no layers. Where TensorFlow is installed, make the model with "
    "Keras 2 or tf_keras and convert it: model.load_weights(path); model.save('model.h5')"
)
SAVED_MODEL = f"a SavedModel of TensorFlow, which holds a program and no layers. {TF_KERAS}"
TORCH = f"a file of PyTorch, which is a pickle. {IN_TORCH}"
PICKLE = (
    "a pickle, which runs code when it is read. If it is of a model of yours, unpickle it yourself and save the model: "
    "pickle.load(file).save('model.keras')"
)
GRAPH = f"a graph of TensorFlow, which holds a program and no layers. {TF_KERAS}"
LITE = f"a model of TensorFlow Lite, which holds a program and no layers. Save the model it was made of. {IN_KERAS}"
ONNX = "a model of ONNX, which holds a graph of operations and no layers. Save the model it was exported from as .keras"
CORE_ML = "a model of Core ML, which holds a program and no layers. Save the model it was converted from as .keras"
JS = "a model of TensorFlow.js. Convert it by: tensorflowjs_converter --input_format=tfjs_layers_model model.json m.h5"
JSON = "a text of JSON, which may be a configuration: read it by models.model_from_json(text), then load_weights"
TEXT = "a text"
EMPTY = "an empty file"
ARRAYS = "a file of arrays as numpy.savez writes it: make the model, read them by numpy.load, and call set_weights"
ZIP = "a zip archive of something else"
GZIP = "a file compressed by gzip: decompress it first"

BY_SUFFIX = {
    ".ckpt": CHECKPOINT,
    ".index": CHECKPOINT,
    ".joblib": PICKLE,
    ".mlmodel": CORE_ML,
    ".mlpackage": CORE_ML,
    ".onnx": ONNX,
    ".meta": CHECKPOINT,
    ".pb": GRAPH,
    ".pickle": PICKLE,
    ".pkl": PICKLE,
    ".pt": TORCH,
    ".pth": TORCH,
    ".tflite": LITE,
}
HEAD = 4096  # bytes that are read to recognize a file
ONNX_MAKERS = (b"onnx", b"pytorch", b"fastconv")


def about(name: str) -> str:
    """Return a description of the format of a file or folder and how to convert it; "" if it is unknown."""
    if not os.path.exists(name):
        return CHECKPOINT if os.path.exists(f"{name}.index") else ""  # TensorFlow adds endings to the path
    return _about_folder(Path(name)) if os.path.isdir(name) else _about_file(name)


def _about_folder(folder: Path) -> str:
    names = set(os.listdir(folder))
    if "saved_model.pb" in names or "saved_model.pbtxt" in names:
        return SAVED_MODEL
    if "checkpoint" in names or any(name.endswith(".index") for name in names):
        return CHECKPOINT
    if folder.suffix == ".mlpackage":
        return CORE_ML
    if "model.json" in names:
        return JS
    if "config.json" in names and ("model.weights.h5" in names or "metadata.json" in names):
        return "an unpacked .keras file. Pack what is in it, without folders, as a zip archive, or save it once more"
    return "a folder"


def _about_file(name: str) -> str:
    with open(name, "rb") as file:
        head = file.read(HEAD)
    if not head:
        return EMPTY
    if head.startswith(b"PK"):
        return _about_archive(name)
    if head.startswith(b"\x1f\x8b"):
        return GZIP
    if head[4:8] == b"TFL3":
        return LITE
    if ".data-" in Path(name).name:
        return CHECKPOINT
    return BY_SUFFIX.get(Path(name).suffix.lower()) or _about_content(head)


def _about_content(head: bytes) -> str:
    """Return the format of a file without a known ending, by its first bytes."""
    if head[:1] == b"\x80" and head[1:2] <= b"\x05":
        return PICKLE
    if head[:1] == b"\x08" and any(maker in head[:64] for maker in ONNX_MAKERS):
        return ONNX
    if head.lstrip().startswith((b"{", b"[")):
        return JS if b'"modelTopology"' in head else JSON
    return "" if _is_binary(head) else TEXT


def _is_binary(head: bytes) -> bool:
    return any(byte < 32 and byte not in b"\t\n\r\f\v" for byte in head)


def _about_archive(name: str) -> str:
    """Return the kind of a zip archive; PyTorch's archives contain a pickle."""
    try:
        with zipfile.ZipFile(name) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile:
        return BY_SUFFIX.get(Path(name).suffix.lower(), "")
    if _any_ends(names, "data.pkl") or _any_ends(names, "constants.pkl"):
        return TORCH
    if "config.json" in names or "model.weights.h5" in names:
        if Path(name).suffix.lower() in (".keras", ".npz"):
            return ""
        return f"a file of the ending {'.keras' if 'model.weights.h5' in names else '.npz'}: give it that ending"
    return ARRAYS if _any_ends(names, ".npy") else ZIP


def _any_ends(names: Iterable[str], ending: str) -> bool:
    return any(name.endswith(ending) for name in names)
