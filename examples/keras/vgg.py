"""A VGG with weight decay and dropout on CIFAR-10; Simonyan and Zisserman 2014."""

from offline import load_data

import fastconv as keras
from fastconv import optimizers, regularizers
from fastconv.callbacks import LearningRateScheduler
from fastconv.datasets import cifar10
from fastconv.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from fastconv.models import Sequential

WEIGHT_DECAY = 0.0005
BLOCKS = [(64,), (128,), (256, 256), (512, 512)]


def build():
    model = Sequential(name="vgg")
    model.add(keras.Input(shape=(32, 32, 3)))
    for block in BLOCKS:
        for filters in block:
            model.add(
                Conv2D(
                    filters,
                    (3, 3),
                    padding="same",
                    activation="relu",
                    kernel_initializer="he_normal",
                    kernel_regularizer=regularizers.l2(WEIGHT_DECAY),
                )
            )
        model.add(MaxPooling2D(pool_size=(2, 2), strides=(2, 2)))
        model.add(Dropout(0.3))
    model.add(Flatten())
    model.add(Dense(512, kernel_regularizer=regularizers.l2(WEIGHT_DECAY)))
    model.add(Activation("relu"))
    model.add(Dropout(0.5))
    model.add(Dense(10))
    model.add(Activation("softmax"))
    return model


(x_train, y_train), (x_test, y_test) = load_data(cifar10)
mean, std = x_train.mean(axis=(0, 1, 2, 3)), x_train.std(axis=(0, 1, 2, 3))
x_train = (x_train - mean) / (std + 1e-7)
x_test = (x_test - mean) / (std + 1e-7)
y_train = keras.utils.to_categorical(y_train, 10)
y_test = keras.utils.to_categorical(y_test, 10)

model = build()
model.compile(
    loss="categorical_crossentropy",
    optimizer=optimizers.SGD(learning_rate=0.001, momentum=0.9, nesterov=True),
    metrics=["accuracy"],
)
model.fit(
    x_train,
    y_train,
    batch_size=128,
    epochs=250,
    validation_data=(x_test, y_test),
    callbacks=[LearningRateScheduler(lambda epoch: 0.001 * 0.5 ** (epoch // 20))],
    verbose=2,
)
predicted = model.predict(x_test, batch_size=128)
wrong = predicted.argmax(1) != y_test.argmax(1)
print("error:", wrong.mean())
