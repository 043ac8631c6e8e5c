"""A model as a class, with layers, a metric and a step of training of its own.

TensorFlow has the tape of this step; with Keras on another backend, leave `train_step` away: its own does the same.
"""

import numpy as np
from offline import load_data

import fastconv as keras
from fastconv import layers, ops


class Scale(layers.Layer):
    """Multiplies each channel by a number that is learned."""

    def __init__(self, initial=1.0, **kwargs):
        super().__init__(**kwargs)
        self.initial = initial

    def build(self, input_shape):
        self.scale = self.add_weight(
            shape=(input_shape[-1],),
            initializer=keras.initializers.Constant(self.initial),
            trainable=True,
            name="scale",
        )

    def call(self, inputs):
        return inputs * self.scale

    def get_config(self):
        return {**super().get_config(), "initial": self.initial}


class Block(layers.Layer):
    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(filters, 3, padding="same")
        self.norm = layers.BatchNormalization(momentum=0.9)
        self.scale = Scale(0.5)
        self.pool = layers.MaxPooling2D()

    def call(self, x, training=None):
        x = self.norm(self.conv(x), training=training)
        return self.pool(ops.relu(self.scale(x)))


class Net(keras.Model):
    def __init__(self, num_classes):
        super().__init__()
        self.blocks = [Block(16), Block(32)]
        self.dropout = layers.Dropout(0.3)
        self.head = layers.Dense(num_classes)
        self.loss_tracker = keras.metrics.Mean(name="mean_loss")

    def call(self, x, training=False):
        for block in self.blocks:
            x = block(x, training=training)
        x = ops.mean(x, axis=(1, 2))
        return self.head(self.dropout(x, training=training))

    def train_step(self, data):
        x, y = data
        with keras.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


(x_train, y_train), (x_test, y_test) = load_data(keras.datasets.mnist)
x_train = x_train[..., np.newaxis].astype("float32") / 255
x_test = x_test[..., np.newaxis].astype("float32") / 255

model = Net(10)
model.compile(
    optimizer=keras.optimizers.RMSprop(learning_rate=1e-3, rho=0.95),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
)
model.fit(x_train, y_train, batch_size=64, epochs=3)
probabilities = ops.convert_to_numpy(ops.softmax(model(x_test[:5]), axis=1))
print(probabilities.argmax(axis=1), y_test[:5])
