"""Train a U-Net that finds the pixels of discs and squares in noisy images and tells the two apart.

Ronneberger, Fischer and Brox 2015, "U-Net: Convolutional Networks for Biomedical Image Segmentation".

pip install "fastconv[plot]" && python unet_shapes.py [--quick] [--picture unet.png]
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np

import fastconv as keras
from fastconv import layers

SIZE = 32
BACKGROUND, DISC, SQUARE = range(3)


def data(count, seed):
    """Return noisy images (N, 32, 32, 1) and the class of each pixel (N, 32, 32)."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    classes = np.zeros((count, SIZE, SIZE), "int64")
    for labels in classes:
        for shape in random.permutation([DISC, SQUARE]):
            row, column = random.integers(5, SIZE - 5, 2)
            radius = random.integers(3, 7)
            dy, dx = abs(rows - row), abs(columns - column)
            inside = dy**2 + dx**2 <= radius**2 if shape == DISC else np.maximum(dy, dx) < radius
            labels[inside] = shape
    images = (classes > 0) + 0.3 * random.standard_normal(classes.shape)
    return images[..., None].astype("float32"), classes


def block(x, filters):
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    return x


def build():
    """Return a U-Net with two levels of pooling."""
    x = inputs = layers.Input((SIZE, SIZE, 1))
    fine = block(x, 8)
    middle = block(layers.MaxPooling2D()(fine), 16)
    x = block(layers.MaxPooling2D()(middle), 32)
    for skipped, filters in ((middle, 16), (fine, 8)):
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = block(layers.concatenate([skipped, x]), filters)
    return keras.Model(inputs, layers.Conv2D(3, 1, activation="softmax")(x))


def overlaps(predicted, truth):
    """Return the intersection over union of discs and of squares."""
    pairs = [(predicted == shape, truth == shape) for shape in (DISC, SQUARE)]
    return [float((a & b).sum() / (a | b).sum()) for a, b in pairs]


def picture(images, predicted, truth):
    """Return a figure with a column for each image: the image, the prediction and the truth."""
    figure, axes = plt.subplots(3, 6, figsize=(9, 4.5))
    for row, pictures, limit in zip(axes, (images[..., 0], predicted, truth), (None, 2, 2)):
        for ax, image in zip(row, pictures):
            ax.imshow(image, cmap="gray" if limit is None else "viridis", vmax=limit)
            ax.axis("off")
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="train for seconds")
    parser.add_argument("--picture", metavar="PATH", help="save the picture instead of showing it")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    images, classes = data(800 if options.quick else 4000, seed=0)
    test_images, test_classes = data(100, seed=1)
    model = build()
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    model.fit(images, classes, batch_size=16, epochs=8 if options.quick else 20, verbose=0)
    predicted = model.predict(test_images, verbose=0).argmax(-1)
    disc, square = overlaps(predicted, test_classes)
    print(f"intersection over union: {disc:.2f} of discs, {square:.2f} of squares")

    figure = picture(test_images, predicted, test_classes)
    figure.savefig(options.picture) if options.picture else plt.show()
    return disc, square


if __name__ == "__main__":
    main()
