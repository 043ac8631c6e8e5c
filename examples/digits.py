"""Train LeNet-5 on the 1,797 scanned digits that are part of fastconv, enlarged from 8x8 to the 32x32 pixels it takes.

pip install . && python examples/digits.py
"""

import numpy as np

from fastconv import datasets, layers, models, optimizers, utils


def enlarge(images: np.ndarray) -> np.ndarray:
    """(N, 8, 8) of 0..16 to (N, 32, 32, 1) of 0..1, every pixel a block of 4x4."""
    return np.kron(images, np.ones((1, 4, 4)))[..., np.newaxis].astype("float32") / 16


def lenet5() -> models.Sequential:
    """LeCun et al. 1998, figure 2: 61,706 weights."""
    return models.Sequential(
        [
            layers.Input((32, 32, 1)),
            layers.Conv2D(6, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(16, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(120, activation="relu"),
            layers.Dense(84, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="lenet5",
    )


def main() -> None:
    utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = datasets.digits.load_data()
    x_train, x_test = enlarge(x_train), enlarge(x_test)
    model = lenet5()
    model.summary()
    model.compile(optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=64, epochs=10, validation_data=(x_test, y_test))
    _, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"test accuracy: {accuracy:.4f} on {len(x_test)} digits that were not trained on")


if __name__ == "__main__":
    main()
