"""Learn the digits 0 to 4, freeze the convolutions, and learn 5 to 9 with new dense layers."""

from offline import load_data

import fastconv as keras
from fastconv import backend as K
from fastconv.datasets import mnist
from fastconv.layers import Activation, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from fastconv.models import Sequential

num_classes = 5
filters = 32
input_shape = (28, 28, 1) if K.image_data_format() == "channels_last" else (1, 28, 28)


def train_model(model, train, test):
    x_train = train[0].reshape((train[0].shape[0], *input_shape)).astype("float32") / 255
    x_test = test[0].reshape((test[0].shape[0], *input_shape)).astype("float32") / 255
    y_train = keras.utils.to_categorical(train[1], num_classes)
    y_test = keras.utils.to_categorical(test[1], num_classes)
    model.compile(loss="categorical_crossentropy", optimizer="adadelta", metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=128, epochs=5, verbose=1, validation_data=(x_test, y_test))
    score = model.evaluate(x_test, y_test, verbose=0)
    print("Test score:", score[0])
    print("Test accuracy:", score[1])


(x_train, y_train), (x_test, y_test) = load_data(mnist)
x_train_lt5, y_train_lt5 = x_train[y_train < 5], y_train[y_train < 5]
x_test_lt5, y_test_lt5 = x_test[y_test < 5], y_test[y_test < 5]
x_train_gte5, y_train_gte5 = x_train[y_train >= 5], y_train[y_train >= 5] - 5
x_test_gte5, y_test_gte5 = x_test[y_test >= 5], y_test[y_test >= 5] - 5

feature_layers = [
    Conv2D(filters, 3, padding="valid", input_shape=input_shape),
    Activation("relu"),
    Conv2D(filters, 3),
    Activation("relu"),
    MaxPooling2D(pool_size=2),
    Dropout(0.25),
    Flatten(),
]
classification_layers = [Dense(128), Activation("relu"), Dropout(0.5), Dense(num_classes), Activation("softmax")]
model = Sequential(feature_layers + classification_layers)
train_model(model, (x_train_lt5, y_train_lt5), (x_test_lt5, y_test_lt5))

for layer in feature_layers:
    layer.trainable = False
train_model(model, (x_train_gte5, y_train_gte5), (x_test_gte5, y_test_gte5))

# A new head on the frozen base, for all ten digits.
base = Sequential(feature_layers, name="base")
base.trainable = False
inputs = keras.Input(shape=input_shape)
outputs = Dense(10, activation="softmax", name="digits")(base(inputs, training=False))
whole = keras.Model(inputs, outputs)
whole.summary()
print(len(whole.trainable_weights), "of", len(whole.weights), "weights are trained")
whole.compile(keras.optimizers.Adam(learning_rate=1e-3), "sparse_categorical_crossentropy", metrics=["acc"])
whole.fit(x_train.reshape((-1, *input_shape)) / 255.0, y_train, batch_size=128, epochs=2, validation_split=0.1)
