"""Two blocks of GoogLeNet on CIFAR-10, with auxiliary pooling branches; Szegedy et al. 2014, figure 2b."""

from offline import load_data

import fastconv as keras
from fastconv import layers


def conv(x, filters, kernel_size, **kwargs):
    x = layers.Conv2D(filters, kernel_size, padding="same", use_bias=False, **kwargs)(x)
    return layers.LeakyReLU(negative_slope=0.1)(layers.BatchNormalization(axis=-1, scale=False)(x))


def inception(x, ones, threes, fives, pooled):
    branches = [
        conv(x, ones, 1),
        conv(conv(x, threes // 2, (1, 1)), threes, (3, 3)),
        conv(conv(x, fives // 2, (1, 1)), fives, (5, 5)),
        conv(layers.MaxPooling2D((3, 3), strides=(1, 1), padding="same")(x), pooled, 1),
    ]
    return layers.concatenate(branches, axis=3)


inputs = keras.Input((32, 32, 3), name="image")
x = layers.Rescaling(1.0 / 255)(inputs)
x = conv(x, 32, 3, strides=(2, 2), kernel_initializer="he_uniform")
x = inception(x, 16, 32, 8, 8)
x = inception(x, 32, 48, 24, 16)
x = layers.AveragePooling2D((2, 2), strides=(2, 2), padding="same")(x)
x = layers.SpatialDropout2D(0.2)(x)
x = layers.GlobalAveragePooling2D()(x)
outputs = layers.Dense(10, name="logits")(x)
model = keras.Model(inputs, outputs, name="inception")
model.summary()

(x_train, y_train), (x_test, y_test) = load_data(keras.datasets.cifar10)
model.compile(
    optimizer=keras.optimizers.RMSprop(learning_rate=1e-3),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=[keras.metrics.SparseCategoricalAccuracy(name="acc")],
)
callbacks = [
    keras.callbacks.EarlyStopping(monitor="val_loss", patience=3, restore_best_weights=True),
    keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=2),
]
model.fit(x_train, y_train, batch_size=64, epochs=30, validation_data=(x_test, y_test), callbacks=callbacks)
results = model.evaluate(x_test, y_test, return_dict=True)
print(results)
