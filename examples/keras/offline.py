"""The data of the scripts in this folder: MNIST or CIFAR-10, or the digits that are part of fastconv in their shape."""

import argparse

import numpy as np

IMAGES = {"mnist": (28, 28), "cifar10": (32, 32, 3)}


def load_data(dataset):
    """Return `dataset.load_data()`, or digits if the script is called with `--data digits` or the download fails.

    `dataset` is the module `mnist` or `cifar10`.
    """
    name = dataset.__name__.rpartition(".")[2]
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", choices=[name, "digits"], default=name, help="digits need no download")
    if parser.parse_args().data == "digits":
        return digits(IMAGES[name])
    try:
        return dataset.load_data()
    except (ImportError, OSError) as error:
        print(f"{name} cannot be downloaded, so the script learns the digits of fastconv instead. The reason: {error}")
        return digits(IMAGES[name])


def digits(shape):
    """Return fastconv's 1,797 digits as images of `shape` from 0 to 255, with labels of the same form as the data's."""
    from fastconv.datasets import digits

    return tuple((enlarge(x, shape), y if len(shape) == 2 else y[:, np.newaxis]) for x, y in digits.load_data())


def enlarge(images, shape):
    """Make each pixel of images (N, 8, 8), from 0 to 16, a square block, and pad with zeros to `shape`."""
    block = shape[0] // 8
    border = (shape[0] - 8 * block) // 2
    blocks = np.kron(images * (255 / 16), np.ones((1, block, block))).astype("uint8")
    padded = np.pad(blocks, ((0, 0), (border, border), (border, border)))
    return padded if len(shape) == 2 else np.repeat(padded[..., np.newaxis], shape[2], axis=-1)
