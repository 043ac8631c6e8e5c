"""Train a generative adversarial net of convolutions (DCGAN) that makes digits from noise.

Radford, Metz and Chintala 2015, "Unsupervised Representation Learning with Deep Convolutional GANs".

pip install "fastconv[plot]" && python dcgan.py [--quick] [--picture dcgan.png]
"""

import argparse

import matplotlib.pyplot as plt

import fastconv as keras
from fastconv import datasets, layers, ops

NOISE = 16


def build_generator():
    return keras.Sequential(
        [
            layers.Input((NOISE,)),
            layers.Dense(2 * 2 * 64, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Reshape((2, 2, 64)),
            layers.Conv2DTranspose(32, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid"),
        ]
    )


def build_discriminator():
    return keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(32, 3, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Dropout(0.3),
            layers.Conv2D(64, 3, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Dropout(0.3),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )


class GAN(keras.Model):
    """Two nets that learn against each other: the discriminator tells real from made images."""

    def __init__(self, generator, discriminator):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.loss_function = keras.losses.BinaryCrossentropy(from_logits=True)

    def compile(self, generator_optimizer, discriminator_optimizer):
        super().compile()
        self.generator_optimizer, self.discriminator_optimizer = generator_optimizer, discriminator_optimizer

    def train_step(self, images):
        count = ops.shape(images)[0]
        with keras.GradientTape() as tape:
            made = self.generator(keras.random.normal((count, NOISE)), training=True)
            real_logits = self.discriminator(images, training=True)
            made_logits = self.discriminator(ops.stop_gradient(made), training=True)
            d_loss = self.loss_function(0.9 * ops.ones_like(real_logits), real_logits)
            d_loss += self.loss_function(ops.zeros_like(made_logits), made_logits)
        weights = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply_gradients(zip(tape.gradient(d_loss, weights), weights))

        with keras.GradientTape() as tape:
            made = self.generator(keras.random.normal((count, NOISE)), training=True)
            logits = self.discriminator(made, training=True)
            g_loss = self.loss_function(ops.ones_like(logits), logits)
        weights = self.generator.trainable_variables
        self.generator_optimizer.apply_gradients(zip(tape.gradient(g_loss, weights), weights))
        return {"discriminator": d_loss, "generator": g_loss}


def picture(images):
    """Return a figure of 4 x 8 images."""
    figure, axes = plt.subplots(4, 8, figsize=(8, 4))
    for image, ax in zip(images, axes.ravel()):
        ax.imshow(image[..., 0], cmap="gray_r", vmin=0, vmax=1)
        ax.axis("off")
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="train for seconds")
    parser.add_argument("--picture", metavar="PATH", help="save the picture instead of showing it")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    (x_train, _), _ = datasets.digits.load_data()
    gan = GAN(build_generator(), build_discriminator())
    gan.compile(keras.optimizers.Adam(0.001, beta_1=0.5), keras.optimizers.Adam(0.0005, beta_1=0.5))
    history = gan.fit(x_train[..., None] / 16, batch_size=32, epochs=30 if options.quick else 400, verbose=0)
    losses = {name: values[-1] for name, values in history.history.items()}
    print(", ".join(f"{name}: loss {value:.2f}" for name, value in losses.items()))

    figure = picture(gan.generator.predict(keras.random.normal((32, NOISE), seed=1), verbose=0))
    figure.savefig(options.picture) if options.picture else plt.show()
    return losses


if __name__ == "__main__":
    main()
