"""Train a small net on Fashion-MNIST; draw its learning curves and the filters that it learned.

pip install "fastconv[plot]" && python fashion_mnist.py [--quick] [--picture fashion_mnist.png]
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np

import fastconv as keras
from fastconv import datasets, layers


def data():
    """Return Fashion-MNIST, or digits in its shape if it is not on this machine and cannot be downloaded."""
    try:
        return datasets.fashion_mnist.load_data()
    except (ImportError, OSError) as error:
        print(f"Fashion-MNIST cannot be downloaded, so the script learns digits instead. The reason: {error}")
        enlarge = np.ones((1, 3, 3))
        return [(np.pad(np.kron(x, enlarge), ((0, 0), (2, 2), (2, 2))) * (255 / 16), y)
                for x, y in datasets.digits.load_data()]  # fmt: skip


def build():
    return keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 5, padding="same", activation="relu", name="first"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.4),
            layers.Dense(10, activation="softmax"),
        ]
    )


def picture(model, history):
    """Return a figure of the accuracy of every epoch, and of each 5 x 5 filter of the first layer."""
    figure = plt.figure(figsize=(11, 4.5))
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.1])
    axes = left.subplots()
    epochs = range(1, len(history["accuracy"]) + 1)
    axes.plot(epochs, history["accuracy"], marker="o", label="training")
    axes.plot(epochs, history["val_accuracy"], marker="o", label="test")
    axes.set(xlabel="epoch", ylabel="accuracy", title="Learning curves", xticks=epochs)
    axes.legend()
    filters = model.get_layer("first").get_weights()[0][:, :, 0]  # KH KW CO
    limit = abs(filters).max()
    for i, axis in enumerate(right.subplots(4, 8).flat):
        axis.imshow(filters[:, :, i], cmap="RdBu", vmin=-limit, vmax=limit)
        axis.axis("off")
    right.suptitle("The 32 filters of the first layer")
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="train for seconds, on some of the images")
    parser.add_argument("--picture", metavar="PATH", help="save the picture instead of showing it")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = data()
    count, epochs = (3000, 3) if options.quick else (len(x_train), 12)
    x_train, y_train, x_test = x_train[:count, ..., None] / 255, y_train[:count], x_test[..., None] / 255
    model = build()
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x_train, y_train, batch_size=32 if options.quick else 128, epochs=epochs,
                        validation_data=(x_test, y_test), verbose=0)  # fmt: skip
    accuracy = history.history["val_accuracy"][-1]
    print(f"test accuracy: {accuracy:.4f}, after {epochs} epochs of {len(x_train)} images")

    figure = picture(model, history.history)
    figure.savefig(options.picture) if options.picture else plt.show()
    return accuracy


if __name__ == "__main__":
    main()
