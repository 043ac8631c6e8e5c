"""The scripts of the gallery run in seconds with --quick, learn, and draw a picture."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

GALLERY = Path(__file__).parents[2] / "examples" / "gallery"
PAGES = Path(__file__).parents[2] / "docs" / "gallery"

# The script, and whether the results of its quick run are good enough.
SCRIPTS = {
    "dcgan": lambda losses: losses["discriminator"] > 0.3 and losses["generator"] < 3,
    "denoising_autoencoder": lambda errors: errors[1] < errors[0] / 2,
    "detector": lambda found: found > 0.5,
    "faces": lambda accuracy: accuracy > 0.8,
    "fashion_mnist": lambda accuracy: accuracy > 0.7,
    "grad_cam": lambda share: share > 0.7,
    "keyword_spotting": lambda accuracy: accuracy > 0.9,
    "siamese": lambda accuracy: accuracy > 0.9,
    "super_resolution": lambda decibels: decibels[1] > decibels[0] + 0.5,
    "unet_shapes": lambda overlaps: min(overlaps) > 0.6,
    "variational_autoencoder": lambda losses: losses[1] < 0.8 * losses[0],
}


def run(name, *arguments):
    spec = importlib.util.spec_from_file_location(name, GALLERY / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main(arguments)


def test_each_script_has_a_page_and_a_test():
    assert {path.stem for path in GALLERY.glob("*.py")} == SCRIPTS.keys()
    assert {path.stem for path in PAGES.glob("*.md")} == {*SCRIPTS, "index"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_quick_run_learns_and_draws(name, tmp_path):
    if name == "faces":
        pytest.importorskip("skimage")
    picture = tmp_path / "picture.png"
    assert SCRIPTS[name](run(name, "--quick", "--picture", str(picture)))
    assert picture.read_bytes().startswith(b"\x89PNG")
