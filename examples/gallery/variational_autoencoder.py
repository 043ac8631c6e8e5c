"""Train a variational autoencoder on digits and draw new digits from its two-dimensional latent space.

Kingma and Welling 2013, "Auto-Encoding Variational Bayes".

pip install "fastconv[plot]" && python variational_autoencoder.py [--quick] [--picture vae.png]
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np

import fastconv as keras
from fastconv import datasets, layers, ops


class Sampling(layers.Layer):
    """Draw z from the normal distribution with the given mean and logarithm of the variance.

    The layer adds the Kullback-Leibler divergence from the standard normal distribution to the loss.
    """

    def call(self, inputs):
        mean, log_var = inputs
        divergence = -0.5 * ops.sum(1 + log_var - ops.square(mean) - ops.exp(log_var), axis=1)
        self.add_loss(ops.mean(divergence))
        return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean))


def build():
    """Return the encoder, the decoder, and the model that trains both."""
    x = inputs = layers.Input((8, 8, 1))
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(64, activation="relu")(layers.Flatten()(x))
    mean, log_var = layers.Dense(2)(x), layers.Dense(2)(x)
    encoder = keras.Model(inputs, [mean, log_var])
    decoder = keras.Sequential(
        [
            layers.Input((2,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(4 * 4 * 32, activation="relu"),
            layers.Reshape((4, 4, 32)),
            layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(1, 3, padding="same", activation="sigmoid"),
        ]
    )
    return encoder, decoder, keras.Model(inputs, decoder(Sampling()([mean, log_var])))


def reconstruction(y_true, y_pred):
    """Return the binary cross-entropy, summed over the pixels of each image."""
    return 64 * ops.mean(keras.losses.binary_crossentropy(y_true, y_pred), axis=(1, 2))


def picture(decoder, size=12):
    """Return a figure of the digits that the decoder makes on a grid over the latent space."""
    steps = np.linspace(-2, 2, size, dtype="float32")
    points = np.stack(np.meshgrid(steps, -steps), axis=-1).reshape(-1, 2)
    images = decoder.predict(points, verbose=0).reshape(size, size, 8, 8)
    images = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    figure, ax = plt.subplots(figsize=(5, 5))
    ax.imshow(images.transpose(0, 2, 1, 3).reshape(10 * size, 10 * size), cmap="gray_r", extent=(-2, 2, -2, 2))
    ax.set(xlabel="first latent variable", ylabel="second latent variable")
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="train for seconds")
    parser.add_argument("--picture", metavar="PATH", help="save the picture instead of showing it")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    (x_train, _), (x_test, _) = datasets.digits.load_data()
    x_train, x_test = x_train[..., None] / 16, x_test[..., None] / 16
    _, decoder, model = build()
    model.compile(keras.optimizers.Adam(0.002), reconstruction)
    history = model.fit(x_train, x_train, batch_size=32, epochs=60 if options.quick else 200, verbose=0)
    first, last = history.history["loss"][0], history.history["loss"][-1]
    print(f"loss per image: {first:.1f} after the first epoch, {last:.1f} after the last, "
          f"{model.evaluate(x_test, x_test, verbose=0):.1f} on test images")  # fmt: skip

    figure = picture(decoder)
    figure.savefig(options.picture) if options.picture else plt.show()
    return first, last


if __name__ == "__main__":
    main()
