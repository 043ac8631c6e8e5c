"""LeNet-5 on MNIST, with average pooling and tanh as in LeCun et al. 1998."""

from offline import load_data

from fastconv.datasets import mnist
from fastconv.layers import Activation, AveragePooling2D, Conv2D, Dense, Flatten
from fastconv.models import Sequential
from fastconv.optimizers import SGD

(x_train, y_train), (x_test, y_test) = load_data(mnist)
x_train = x_train.reshape(-1, 28, 28, 1).astype("float32") / 255
x_test = x_test.reshape(-1, 28, 28, 1).astype("float32") / 255

model = Sequential()
model.add(Conv2D(6, kernel_size=(5, 5), padding="same", activation="tanh", input_shape=(28, 28, 1)))
model.add(AveragePooling2D(pool_size=(2, 2)))
model.add(Conv2D(16, kernel_size=(5, 5), activation="tanh"))
model.add(AveragePooling2D(pool_size=(2, 2)))
model.add(Flatten())
model.add(Dense(120, activation="tanh"))
model.add(Dense(84, activation="tanh"))
model.add(Dense(10))
model.add(Activation("softmax"))
model.summary()

model.compile(
    loss="sparse_categorical_crossentropy", optimizer=SGD(learning_rate=0.05, momentum=0.9), metrics=["accuracy"]
)
history = model.fit(x_train, y_train, batch_size=128, epochs=5, verbose=1, validation_split=0.1)
print("validation:", history.history["val_accuracy"])
score = model.evaluate(x_test, y_test, verbose=0)
print("test loss:", score[0], "test accuracy:", score[1])
