"""Train a small net to tell faces from other pictures, and look at the filters and the places that it uses.

The 200 pictures of 25 x 25 pixels come with scikit-image: 100 faces of "Labeled Faces in the Wild" and 100 others.

pip install "fastconv[plot]" scikit-image && python faces.py [--quick] [--picture faces.png]
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np

import fastconv as keras
from fastconv import layers


def data():
    """Return 160 pictures for training and 40 for tests: (N, 25, 25, 1), with 1 for faces."""
    try:
        from skimage.data import lfw_subset
    except ImportError as error:
        raise ImportError("The faces come with scikit-image: pip install scikit-image") from error
    x, y = lfw_subset().astype("float32")[..., None], np.repeat([1, 0], 100)
    order = np.random.default_rng(0).permutation(200)
    return (x[order[:160]], y[order[:160]]), (x[order[160:]], y[order[160:]])


def build():
    return keras.Sequential(
        [
            layers.Input((25, 25, 1)),
            layers.RandomFlip("horizontal"),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


def picture(model, x, y):
    """Return a figure of 16 pictures with the probability of a face."""
    probabilities = model.predict(x[:16], verbose=0)[:, 0]
    figure, axes = plt.subplots(2, 8, figsize=(10, 3))
    for ax, image, label, p in zip(axes.ravel(), x, y, probabilities):
        ax.imshow(image[..., 0], cmap="gray")
        ax.set_title(f"{100 * p:.0f} %", color="black" if (p > 0.5) == label else "tab:red", fontsize=9)
        ax.axis("off")
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="train for seconds")
    parser.add_argument("--picture", metavar="PATH", help="save the picture instead of showing it")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = data()
    model = build()
    model.compile(keras.optimizers.Adam(0.001), "binary_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=16, epochs=30 if options.quick else 100, verbose=0)
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
    print(f"accuracy on 40 pictures that were not trained on: {accuracy:.3f}")

    figure = picture(model, x_test, y_test)
    figure.savefig(options.picture) if options.picture else plt.show()
    return accuracy


if __name__ == "__main__":
    main()
