"""ResNet-20 v1 on CIFAR-10; He et al. 2015, section 4.2."""

import numpy as np
from offline import load_data

import fastconv as keras
from fastconv.callbacks import LearningRateScheduler, ReduceLROnPlateau
from fastconv.datasets import cifar10
from fastconv.layers import Activation, AveragePooling2D, BatchNormalization, Conv2D, Dense, Flatten, Input
from fastconv.models import Model
from fastconv.optimizers import Adam
from fastconv.regularizers import l2


def resnet_layer(inputs, num_filters=16, kernel_size=3, strides=1, activation="relu"):
    x = Conv2D(
        num_filters,
        kernel_size=kernel_size,
        strides=strides,
        padding="same",
        kernel_initializer="he_normal",
        kernel_regularizer=l2(1e-4),
    )(inputs)
    x = BatchNormalization()(x)
    return Activation(activation)(x) if activation is not None else x


def resnet_v1(input_shape, depth, num_classes=10):
    num_filters = 16
    inputs = Input(shape=input_shape)
    x = resnet_layer(inputs)
    for stack in range(3):
        for block in range((depth - 2) // 6):
            strides = 2 if stack > 0 and block == 0 else 1
            y = resnet_layer(x, num_filters, strides=strides)
            y = resnet_layer(y, num_filters, activation=None)
            if strides == 2:
                x = resnet_layer(x, num_filters, kernel_size=1, strides=strides, activation=None)
            x = keras.layers.add([x, y])
            x = Activation("relu")(x)
        num_filters *= 2
    x = AveragePooling2D(pool_size=8)(x)
    y = Flatten()(x)
    outputs = Dense(num_classes, activation="softmax", kernel_initializer="he_normal")(y)
    return Model(inputs=inputs, outputs=outputs)


def lr_schedule(epoch):
    if epoch < 1:  # gently at first
        return 1e-4
    return 1e-3 * (1e-3 if epoch > 160 else 1e-2 if epoch > 120 else 1e-1 if epoch > 80 else 1)


(x_train, y_train), (x_test, y_test) = load_data(cifar10)
x_train = x_train.astype("float32") / 255
x_test = x_test.astype("float32") / 255
x_train_mean = np.mean(x_train, axis=0)
x_train -= x_train_mean
x_test -= x_train_mean
y_train = keras.utils.to_categorical(y_train, 10)
y_test = keras.utils.to_categorical(y_test, 10)

model = resnet_v1(input_shape=x_train.shape[1:], depth=20)
model.compile(loss="categorical_crossentropy", optimizer=Adam(learning_rate=lr_schedule(0)), metrics=["accuracy"])
model.summary()
model.fit(
    x_train,
    y_train,
    batch_size=32,
    epochs=200,
    validation_data=(x_test, y_test),
    shuffle=True,
    callbacks=[
        ReduceLROnPlateau(factor=np.sqrt(0.1), cooldown=0, patience=5, min_lr=0.5e-6),
        LearningRateScheduler(lr_schedule),
    ],
)
scores = model.evaluate(x_test, y_test, verbose=1)
print("Test loss:", scores[0])
print("Test accuracy:", scores[1])
