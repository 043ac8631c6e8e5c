"""A U-Net that tells discs and squares from their background; Ronneberger et al. 2015."""

import numpy as np

import fastconv as keras
from fastconv import layers

img_size = (64, 64)
num_classes = 3


def draw(count, seed):
    """Noisy images, and the class of each pixel: 0 background, 1 disc, 2 square."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: img_size[0], : img_size[1]]
    masks = np.zeros((count, *img_size), "uint8")
    for mask in masks:
        y, x, r = rng.integers(12, 52, 3) * [1, 1, 0.25]
        mask[(rows - y) ** 2 + (columns - x) ** 2 < r**2] = 1
        y, x, r = rng.integers(12, 52, 3) * [1, 1, 0.2]
        mask[(abs(rows - y) < r) & (abs(columns - x) < r)] = 2
    colours = np.array([[0.5, 0.5, 0.5], [0.9, 0.3, 0.3], [0.3, 0.3, 0.9]])
    images = colours[masks] + rng.normal(0, 0.2, (count, *img_size, 3))
    return images.astype("float32"), masks[..., np.newaxis]


def double_conv(x, n_filters):
    x = layers.Conv2D(n_filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    return layers.Conv2D(n_filters, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)


def downsample(x, n_filters):
    f = double_conv(x, n_filters)
    p = layers.MaxPooling2D(2)(f)
    return f, layers.Dropout(0.3)(p)


def upsample(x, conv_features, n_filters):
    x = layers.Conv2DTranspose(n_filters, 3, 2, padding="same")(x)
    x = layers.concatenate([x, conv_features])
    x = layers.Dropout(0.3)(x)
    return double_conv(x, n_filters)


def build_unet():
    inputs = layers.Input(shape=(*img_size, 3))
    f1, p1 = downsample(inputs, 16)
    f2, p2 = downsample(p1, 32)
    f3, p3 = downsample(p2, 64)
    bottleneck = double_conv(p3, 128)
    u1 = upsample(bottleneck, f3, 64)
    u2 = upsample(u1, f2, 32)
    u3 = upsample(u2, f1, 16)
    outputs = layers.Conv2D(num_classes, 1, padding="same", activation="softmax")(u3)
    return keras.Model(inputs, outputs, name="U-Net")


x_train, y_train = draw(800, seed=1)
x_val, y_val = draw(100, seed=2)

model = build_unet()
model.summary(line_length=100)
model.compile(optimizer=keras.optimizers.Adam(1e-4), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, epochs=5, batch_size=16, validation_data=(x_val, y_val), verbose=2)

masks = np.argmax(model.predict(x_val, verbose=0), axis=-1)
overlap = keras.metrics.MeanIoU(num_classes=num_classes)
overlap.update_state(y_val[..., 0], masks)
print("mean intersection over union:", float(overlap.result()))
