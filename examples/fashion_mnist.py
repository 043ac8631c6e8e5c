"""Train a small CNN on the 60,000 images of Fashion-MNIST; draw its learning curves and the filters that it learned.

pip install ".[examples]" && python examples/fashion_mnist.py [--epochs 12] [--picture fashion_mnist.png]
"""

import argparse

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from fastconv import callbacks, datasets, layers, models, optimizers, utils


def build() -> models.Sequential:
    return models.Sequential(
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
        ],
        name="fashion",
    )


def draw(model: models.Sequential, history: dict[str, list[float]], path: str) -> None:
    """The accuracy of every epoch, and each 5x5 filter of the first layer as an image."""
    figure = plt.figure(figsize=(11, 4.5))
    left, right = figure.subfigures(1, 2, width_ratios=[1, 1.1])
    axes = left.subplots()
    epochs = range(1, len(history["accuracy"]) + 1)
    axes.plot(epochs, history["accuracy"], marker="o", label="training")
    axes.plot(epochs, history["val_accuracy"], marker="o", label="test")
    axes.set(xlabel="epoch", ylabel="accuracy", title="Learning curves")
    axes.legend()
    filters = model.get_layer("first").get_weights()[0][:, :, 0]  # KH KW CO
    limit = abs(filters).max()
    for i, axis in enumerate(right.subplots(4, 8).flat):
        axis.imshow(filters[:, :, i], cmap="RdBu", vmin=-limit, vmax=limit)
        axis.axis("off")
    right.suptitle("The 32 filters of the first layer")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--picture", default="fashion_mnist.png")
    options = parser.parse_args()

    utils.set_random_seed(1)
    (x_train, y_train), (x_test, y_test) = datasets.fashion_mnist.load_data()
    x_train, x_test = x_train[..., None] / 255.0, x_test[..., None] / 255.0
    model = build()
    model.summary()
    model.compile(optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(
        x_train,
        y_train,
        batch_size=128,
        epochs=options.epochs,
        validation_data=(x_test, y_test),
        callbacks=[callbacks.ModelCheckpoint("fashion_mnist.npz", monitor="val_accuracy", save_best_only=True)],
    )
    best = models.load_model("fashion_mnist.npz")
    loss, accuracy = best.evaluate(x_test, y_test, verbose=0)
    draw(best, history.history, options.picture)
    print(f"test accuracy: {accuracy:.4f}, loss {loss:.4f}; drawn in {options.picture}")


if __name__ == "__main__":
    main()
