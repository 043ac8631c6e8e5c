"""Train a siamese net: two copies of a net place digits in the plane, so that equal digits lie close together.

Pairs of the same class attract each other, pairs of different classes repel each other up to a distance of 1 (Hadsell,
Chopra and LeCun 2006, "Dimensionality Reduction by Learning an Invariant Mapping").

pip install "fastconv[plot]" && python siamese.py [--quick] [--picture siamese.png]
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np

import fastconv as keras
from fastconv import datasets, layers, ops


def pairs(x, y, count, random):
    """Return two batches of images, and 1 for each pair of the same digit: half of the pairs."""
    same = np.arange(count) % 2
    first = random.integers(0, len(x), count)
    candidates = {digit: (np.flatnonzero(y == digit), np.flatnonzero(y != digit)) for digit in range(10)}
    second = [random.choice(candidates[y[i]][0 if equal else 1]) for i, equal in zip(first, same)]
    return (x[first], x[second]), same.astype("float32")[:, None]


def build():
    """Return the net that places an image in the plane, and the model of two copies with shared weights."""
    place = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(2),
        ]
    )
    first, second = layers.Input((8, 8, 1)), layers.Input((8, 8, 1))
    difference = layers.subtract([place(first), place(second)])
    distance = layers.Lambda(lambda d: ops.sqrt(ops.sum(ops.square(d), axis=1, keepdims=True) + 1e-6))(difference)
    return place, keras.Model([first, second], distance)


def contrastive(same, distance):
    return same * ops.square(distance) + (1 - same) * ops.square(ops.relu(1 - distance))


def nearest(points, labels, queries):
    """Return the label of the nearest point for each query."""
    squares = ((queries[:, None] - points[None]) ** 2).sum(-1)
    return labels[squares.argmin(1)]


def picture(points, labels):
    """Return a figure of the plane with the digits in ten colours."""
    figure, ax = plt.subplots(figsize=(5, 5))
    for digit in range(10):
        chosen = points[labels == digit]
        ax.scatter(*chosen.T, s=8, color=plt.cm.tab10(digit), label=str(digit))
    ax.legend(fontsize=8)
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="train for seconds")
    parser.add_argument("--picture", metavar="PATH", help="save the picture instead of showing it")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = datasets.digits.load_data()
    x_train, x_test = x_train[..., None] / 16, x_test[..., None] / 16
    images, same = pairs(x_train, y_train, 4000, np.random.default_rng(0))
    place, model = build()
    model.compile(keras.optimizers.Adam(0.001), contrastive)
    model.fit(images, same, batch_size=32, epochs=10 if options.quick else 60, verbose=0)
    points, queries = place.predict(x_train, verbose=0), place.predict(x_test, verbose=0)
    accuracy = float((nearest(points, y_train, queries) == y_test).mean())
    print(f"test digits whose nearest training digit in the plane is the same digit: {accuracy:.3f}")

    figure = picture(queries, y_test)
    figure.savefig(options.picture) if options.picture else plt.show()
    return accuracy


if __name__ == "__main__":
    main()
