"""Two inputs, an image and some numbers about it; three outputs, each with a loss and metrics of its own."""

import numpy as np

import fastconv as keras
from fastconv import layers

num_samples = 1280
rng = np.random.default_rng(0)
image_data = rng.random((num_samples, 32, 32, 3), dtype="float32")
brightness = image_data.mean(axis=(1, 2, 3))
about_data = rng.normal(size=(num_samples, 5)).astype("float32")
category = rng.integers(0, 4, (num_samples, 1))
quality = (100 * (brightness[:, np.newaxis] - 0.5) + about_data[:, :1]).astype("float32")
flags = (about_data[:, :3] > 0).astype("float32")

image_input = keras.Input(shape=(32, 32, 3), name="image")
about_input = keras.Input(shape=(5,), name="about")

x = layers.ZeroPadding2D(padding=(1, 1))(image_input)
x = layers.Conv2D(16, 3, strides=2, activation="relu")(x)
x = layers.DepthwiseConv2D(3, padding="same")(x)
x = layers.SeparableConv2D(32, 3, padding="same", activation="elu")(x)
gate = layers.GlobalAveragePooling2D()(x)
gate = layers.Dense(32, activation="sigmoid")(gate)
x = layers.multiply([x, layers.Reshape((1, 1, 32))(gate)])
x = layers.GlobalMaxPooling2D()(x)
y = layers.LayerNormalization()(layers.Dense(32, activation="gelu")(about_input))
features = layers.concatenate([x, y], name="features")
features = layers.Dense(64, activation="relu")(features)

category_output = layers.Dense(4, name="category", activation="softmax")(features)
quality_output = layers.Dense(1, name="quality")(features)
flags_output = layers.Dense(3, name="flags", activation="sigmoid")(layers.subtract([x, y]))
model = keras.Model(
    inputs=[image_input, about_input], outputs=[category_output, quality_output, flags_output], name="of_all_kinds"
)
model.summary()

model.compile(
    optimizer="adam",
    loss={"category": "sparse_categorical_crossentropy", "quality": "mse", "flags": keras.losses.BinaryCrossentropy()},
    loss_weights={"category": 1.0, "quality": 0.1, "flags": 0.5},
    metrics={"category": ["accuracy"], "quality": ["mae", "mse"], "flags": keras.metrics.BinaryAccuracy(name="right")},
)
model.fit(
    {"image": image_data, "about": about_data},
    {"category": category, "quality": quality, "flags": flags},
    epochs=2,
    batch_size=32,
    validation_split=0.2,
)
first, second, third = model.predict({"image": image_data[:10], "about": about_data[:10]})
print(first.shape, second.shape, third.shape)
scores = model.evaluate([image_data, about_data], [category, quality, flags], verbose=0, return_dict=True)
print(sorted(scores))
