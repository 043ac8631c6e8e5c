"""A convolutional net on CIFAR-10 with the augmentation of Keras 2, by an ImageDataGenerator."""

from offline import load_data

from fastconv.datasets import cifar10
from fastconv.layers import Activation, Conv2D, Dense, Dropout, Flatten, Input, MaxPooling2D
from fastconv.models import Sequential
from fastconv.optimizers import RMSprop
from fastconv.preprocessing.image import ImageDataGenerator
from fastconv.utils import to_categorical

batch_size = 32
num_classes = 10

(x_train, y_train), (x_test, y_test) = load_data(cifar10)
y_train = to_categorical(y_train, num_classes)
y_test = to_categorical(y_test, num_classes)
x_train = x_train.astype("float32") / 255
x_test = x_test.astype("float32") / 255

model = Sequential()
model.add(Input(shape=x_train.shape[1:]))
model.add(Conv2D(32, (3, 3), padding="same"))
model.add(Activation("relu"))
model.add(Conv2D(32, (3, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Conv2D(64, (3, 3), padding="same"))
model.add(Activation("relu"))
model.add(Conv2D(64, (3, 3)))
model.add(Activation("relu"))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(512))
model.add(Activation("relu"))
model.add(Dropout(0.5))
model.add(Dense(num_classes))
model.add(Activation("softmax"))
model.compile(loss="categorical_crossentropy", optimizer=RMSprop(learning_rate=0.0001), metrics=["accuracy"])

datagen = ImageDataGenerator(
    featurewise_center=False,
    samplewise_center=False,
    featurewise_std_normalization=False,
    samplewise_std_normalization=False,
    zca_whitening=False,
    rotation_range=10,
    width_shift_range=0.1,
    height_shift_range=0.1,
    zoom_range=0.1,
    fill_mode="nearest",
    horizontal_flip=True,
    vertical_flip=False,
    validation_split=0.0,
)
datagen.fit(x_train)
model.fit(
    datagen.flow(x_train, y_train, batch_size=batch_size, seed=1),
    epochs=100,
    validation_data=(x_test, y_test),
)
scores = model.evaluate(x_test, y_test, verbose=1)
print("Test loss:", scores[0])
print("Test accuracy:", scores[1])
