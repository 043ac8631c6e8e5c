"""Write the files of a net for all sides: ``python -m benchmarks.nets.prepare resnet50 224 folder [--onnx]``."""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.nets.catalogue import NETS
from benchmarks.nets.modules import Twin
from benchmarks.nets.twin import twin_of
from fastconv import layers, utils

IMAGES = 32  # the largest batch
SETTLING = 8  # images whose statistics the normalizations get


def prepare(name: str, size: int, folder: Path, onnx: bool) -> None:
    """Write the model, its twin, images and classes, and facts about them."""
    utils.set_random_seed(0)
    model = NETS[name].build(size)
    *pixels, classes = model.output_shape[1:]
    rng = np.random.default_rng(0)
    x = rng.random((IMAGES, *model.input_shape[1:]), np.float32)
    settle(model, x[:SETTLING])
    model.save(folder / "model.npz")
    twin = twin_of(model)
    torch.save(twin, folder / "twin.pt")
    np.save(folder / "x.npy", x)
    np.save(folder / "classes.npy", rng.integers(0, classes, (IMAGES, *pixels)))
    image = torch.from_numpy(x[:1]).movedim(-1, 1).contiguous()
    (folder / "facts.json").write_text(json.dumps({"classes": classes, "flops": flops(twin, image)}))
    if onnx:
        export(twin, image, folder / "net.onnx")


def settle(model: Any, x: np.ndarray) -> None:
    """Give each normalization the statistics of x, so that random weights yield values of a usual size."""
    normalizations = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)]
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0
    model(x, training=True)
    for layer, momentum in zip(normalizations, momenta):
        layer.momentum = momentum


def flops(twin: Twin, image: torch.Tensor) -> int:
    """Return the additions and multiplications of an image in convolutions and dense layers."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        twin.eval()(image)
    return counter.get_total_flops()


def export(twin: Twin, image: torch.Tensor, path: Path) -> None:
    """Write the twin as ONNX, with any number of images."""
    names: dict[str, Any] = {"input_names": ["x"], "output_names": ["y"], "dynamic_axes": {"x": {0: "batch"}}}
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.onnx.export(twin.eval(), (image,), str(path), dynamo=False, **names)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=NETS)
    parser.add_argument("size", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--onnx", action="store_true")
    prepare(**vars(parser.parse_args()))
