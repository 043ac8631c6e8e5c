"""Train a denoising autoencoder: digits with noise go in, digits without noise come out.

pip install "fastconv[plot]" && python denoising_autoencoder.py [--quick] [--picture denoising.png]
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np

import fastconv as keras
from fastconv import datasets, layers


def data():
    """Return digits to train on, and test digits with and without noise: (N, 8, 8, 1), from 0 to 1."""
    (x_train, _), (x_test, _) = datasets.digits.load_data()
    clean, test_clean = (x[..., None].astype("float32") / 16 for x in (x_train, x_test))
    noise = 0.3 * np.random.default_rng(0).standard_normal(test_clean.shape).astype("float32")
    return clean, np.clip(test_clean + noise, 0, 1), test_clean


def build():
    """Return a net with strided convolutions down and transposed convolutions up; training adds new noise."""
    return keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.GaussianNoise(0.3),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(64, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(64, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ]
    )


def picture(rows):
    """Return a figure with a row for each batch of images."""
    figure, axes = plt.subplots(len(rows), 8, figsize=(8, len(rows)))
    for images, row in zip(rows, axes):
        for image, ax in zip(images, row):
            ax.imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=1)
            ax.axis("off")
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="train for seconds")
    parser.add_argument("--picture", metavar="PATH", help="save the picture instead of showing it")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    clean, test_noisy, test_clean = data()
    model = build()
    model.compile(keras.optimizers.Adam(0.002), "mse")
    model.fit(clean, clean, batch_size=32, epochs=20 if options.quick else 100, verbose=0)
    restored = model.predict(test_noisy, verbose=0)
    before, after = (float(((x - test_clean) ** 2).mean()) for x in (test_noisy, restored))
    print(f"mean squared error: {before:.4f} with noise, {after:.4f} restored")

    figure = picture([test_noisy, restored, test_clean])
    figure.savefig(options.picture) if options.picture else plt.show()
    return before, after


if __name__ == "__main__":
    main()
