"""Train a net of convolutions only that doubles the size of photos.

Convolutions read the small photo. A transposed convolution adds their details to the photo with each pixel repeated.
The net learns only the difference (Kim, Lee and Lee 2016, "Accurate Image Super-Resolution Using Very Deep
Convolutional Networks").

pip install "fastconv[plot]" && python super_resolution.py [--quick] [--picture super_resolution.png]
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np

import fastconv as keras
from fastconv import datasets, layers


def halve(images):
    """Return the means of 2 x 2 pixels."""
    n, h, w, c = images.shape
    return images.reshape(n, h // 2, 2, w // 2, 2, c).mean((2, 4))


def enlarge(images):
    """Return the images with each pixel twice in both directions, the method to beat."""
    return images.repeat(2, axis=1).repeat(2, axis=2)


def data():
    """Return patches of 32 x 32 pixels of the left part of two photos, turned and mirrored, and the right part."""
    photos = (datasets.photos.load_data().mean(-1, keepdims=True) / 255).astype("float32")
    left, right = photos[:, :, :128], photos[:, :, 128:]
    places = [(row, column) for row in range(0, 97, 8) for column in range(0, 97, 8)]
    patches = np.stack([photo[row : row + 32, column : column + 32] for photo in left for row, column in places])
    turned = [np.rot90(x, turns, (1, 2)) for x in (patches, patches[:, :, ::-1]) for turns in range(4)]
    return np.concatenate(turned), right


def build():
    """Return a net that adds details to the enlarged photo, of any size."""
    x = inputs = layers.Input((None, None, 1))
    x = layers.Conv2D(32, 5, padding="same", activation="relu")(x)
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    details = layers.Conv2DTranspose(1, 4, strides=2, padding="same", kernel_initializer="zeros")(x)
    return keras.Model(inputs, layers.add([layers.UpSampling2D()(inputs), details]))


def decibels(images, truth):
    """Return the peak signal-to-noise ratio."""
    return float(-10 * np.log10(((images - truth) ** 2).mean()))


def picture(images):
    """Return a figure with the images of a dict and their names."""
    figure, axes = plt.subplots(1, len(images), figsize=(3 * len(images), 5))
    for (name, image), ax in zip(images.items(), axes):
        ax.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
        ax.set_title(name)
        ax.axis("off")
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="train for seconds")
    parser.add_argument("--picture", metavar="PATH", help="save the picture instead of showing it")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    patches, unseen = data()
    model = build()
    model.compile(keras.optimizers.Adam(0.001), "mse")
    model.fit(halve(patches), patches, batch_size=32, epochs=5 if options.quick else 40, verbose=0)
    enlarged, restored = enlarge(halve(unseen)), model.predict(halve(unseen), verbose=0)
    before, after = decibels(enlarged, unseen), decibels(restored, unseen)
    print(f"peak signal-to-noise ratio on unseen parts: {before:.2f} dB enlarged, {after:.2f} dB by the net")

    figure = picture({"enlarged": enlarged[0], "by the net": restored[0], "photo": unseen[0]})
    figure.savefig(options.picture) if options.picture else plt.show()
    return before, after


if __name__ == "__main__":
    main()
