"""Train a net to name a digit among distracting strokes, and show by Grad-CAM that it looks at the digit.

Selvaraju et al. 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization".

pip install "fastconv[plot]" && python grad_cam.py [--quick] [--picture grad_cam.png]
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np

import fastconv as keras
from fastconv import datasets, layers, visualize

SIZE, DIGIT = 32, 16  # pixels of an image and of the digit in it


def place(digits, seed):
    """Return images (N, 32, 32, 1) of an enlarged digit and four strokes each, and the corners of the digits."""
    random = np.random.default_rng(seed)
    corners = random.integers(0, SIZE - DIGIT + 1, (len(digits), 2))
    images = np.zeros((len(digits), SIZE, SIZE, 1), "float32")
    for image, digit, (row, column) in zip(images, np.kron(digits, np.ones((1, 2, 2))) / 16, corners):
        for _ in range(4):
            (y, x), (dy, dx) = random.uniform(4, SIZE - 4, 2), random.uniform(-0.5, 0.5, 2)
            steps = np.arange(8)
            image[(y + steps * dy).astype(int), (x + steps * dx).astype(int)] = 1
        window = image[row : row + DIGIT, column : column + DIGIT, 0]
        window[:] = np.maximum(window, digit)
    return images, corners


def build():
    return keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Conv2D(64, 3, padding="same", activation="relu", name="last"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def looks_at_digit(model, image, corner):
    """Return whether the largest value of the Grad-CAM of the last maps lies on the digit."""
    heatmap = visualize.grad_cam(model, image)["heatmap"]
    plt.close()
    peak = np.array(np.unravel_index(heatmap.argmax(), heatmap.shape)) * (SIZE // len(heatmap)) + 2
    return bool(((peak >= corner) & (peak < corner + DIGIT)).all())


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="train for seconds")
    parser.add_argument("--picture", metavar="PATH", help="save the picture instead of showing it")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = datasets.digits.load_data()
    (images, _), (test_images, corners) = place(x_train, seed=0), place(x_test, seed=1)
    model = build()
    model.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(images, y_train, batch_size=32, epochs=12 if options.quick else 60, verbose=0)
    accuracy = model.evaluate(test_images, y_test, verbose=0)[1]
    looks = [looks_at_digit(model, image, corner) for image, corner in zip(test_images[:50], corners)]
    print(f"accuracy: {accuracy:.3f}; the net looks at the digit in {np.mean(looks):.0%} of 50 images")

    figure, axes = plt.subplots(2, 2, figsize=(10, 5.5))
    for image, ax in zip(test_images, axes.ravel()):
        visualize.grad_cam(model, image, ax=ax)
    figure.savefig(options.picture) if options.picture else plt.show()
    return float(np.mean(looks))


if __name__ == "__main__":
    main()
