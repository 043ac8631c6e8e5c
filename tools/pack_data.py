"""Write the files of fastconv/datasets/data from scikit-learn's digits and photos.

pip install scikit-learn pillow && python tools/pack_data.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images

FOLDER = Path(__file__).parents[1] / "fastconv" / "datasets" / "data"
WIDTH, HEIGHT = 192, 128  # 640x427 pixels scaled by 0.3


def digits() -> dict[str, np.ndarray]:
    """Return all images and labels in scikit-learn's order."""
    bunch = load_digits()
    return {"images": bunch.images.astype("uint8"), "labels": bunch.target.astype("uint8")}


def photos() -> dict[str, np.ndarray]:
    """Return the two photos, scaled."""
    scaled = [Image.fromarray(x).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS) for x in load_sample_images().images]
    return {"images": np.stack([np.asarray(x) for x in scaled])}


if __name__ == "__main__":
    for name, arrays in {"digits": digits(), "photos": photos()}.items():
        np.savez_compressed(FOLDER / f"{name}.npz", **arrays)
        print(name, (FOLDER / f"{name}.npz").stat().st_size, "bytes")
