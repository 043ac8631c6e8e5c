"""A convolutional net on CIFAR-10 that sees every image turned, enlarged and mirrored."""

from offline import load_data

import fastconv as keras
from fastconv import layers

# A range of a single value keeps the example the same in every run; (-0.1, 0.1) is what one trains with.
data_augmentation = keras.Sequential(
    [
        layers.RandomFlip("horizontal"),
        layers.RandomRotation((0.05, 0.05)),
        layers.RandomZoom((-0.1, -0.1)),
        layers.RandomTranslation((0.1, 0.1), (-0.05, -0.05), fill_mode="constant"),
        layers.RandomBrightness((0.1, 0.1)),
    ],
    name="data_augmentation",
)


def make_model(input_shape, num_classes):
    inputs = keras.Input(shape=input_shape)
    x = data_augmentation(inputs)
    x = layers.Rescaling(1.0 / 127.5, offset=-1)(x)
    x = layers.Resizing(24, 24)(x)
    for size in (32, 64, 128):
        x = layers.SeparableConv2D(size, 3, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu")(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.25)(x)
    outputs = layers.Dense(num_classes, activation=None)(x)
    return keras.Model(inputs, outputs)


(x_train, y_train), (x_test, y_test) = load_data(keras.datasets.cifar10)
model = make_model(input_shape=(32, 32, 3), num_classes=10)
model.summary()
model.compile(
    optimizer=keras.optimizers.Adam(3e-4),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
)
model.fit(x_train, y_train, epochs=25, batch_size=64, validation_data=(x_test, y_test))
print(model.evaluate(x_test, y_test, verbose=0))
