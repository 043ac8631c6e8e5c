"""Train a net of one-dimensional convolutions that tells generated sounds apart in noise.

Four "words" are made of tones: a rising tone, a falling tone, two beeps, and a warble. Each begins at a random time
and has a random pitch. The net sees the raw waveform.

pip install "fastconv[plot]" && python keyword_spotting.py [--quick] [--picture keywords.png]
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np

import fastconv as keras
from fastconv import layers

RATE, LENGTH = 4000, 2000  # samples a second, samples of a clip of half a second
WORDS = ("rise", "fall", "beeps", "warble")


def sound(word, random):
    """Return a clip (2000,) with the word at a random place and pitch."""
    t = np.arange(1200) / RATE
    pitch = random.uniform(300, 600)
    bend = {"rise": 800 * t, "fall": -800 * t + 240, "beeps": 0 * t, "warble": 120 * np.sin(2 * np.pi * 12 * t)}[word]
    wave = np.sin(2 * np.pi * np.cumsum(pitch + bend) / RATE)
    if word == "beeps":
        wave *= (t < 0.1) | (t > 0.2)
    clip, start = random.normal(0, 0.3, LENGTH), random.integers(0, LENGTH - len(t))
    clip[start : start + len(t)] += wave * np.hanning(len(t)) ** 0.25
    return clip


def data(count, seed):
    """Return clips (N, 2000, 1) and the numbers of their words."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, len(WORDS), count)
    clips = [sound(WORDS[label], random) for label in labels]
    return np.stack(clips)[..., None].astype("float32"), labels


def build():
    """Return a net that shortens the waveform by strides: 2,000, 500, 125 and 32 places."""
    convolutions = [
        layer
        for filters, size in ((16, 32), (32, 9), (64, 9))
        for layer in (
            layers.Conv1D(filters, size, strides=4, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
        )
    ]
    pooled = [layers.GlobalMaxPooling1D(), layers.Dense(len(WORDS), activation="softmax")]
    return keras.Sequential([layers.Input((LENGTH, 1)), *convolutions, *pooled])


def picture(model, clips, labels):
    """Return a figure of four clips, with the words that the net hears, and of its first filters."""
    heard = model.predict(clips[:4], verbose=0).argmax(-1)
    figure, axes = plt.subplots(5, 1, figsize=(8, 7))
    for ax, clip, label, word in zip(axes, clips, labels, heard):
        ax.plot(np.arange(LENGTH) / RATE, clip[:, 0], linewidth=0.5)
        ax.set_title(f"{WORDS[label]}, heard as {WORDS[word]}", fontsize=9)
    filters = model.layers[0].get_weights()[0][:, 0, :6]
    axes[4].plot(filters / (2 * abs(filters).max(0)) + np.arange(6))
    axes[4].set_title("six filters of the first layer", fontsize=9)
    figure.tight_layout()
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="train for seconds")
    parser.add_argument("--picture", metavar="PATH", help="save the picture instead of showing it")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    clips, labels = data(1000 if options.quick else 4000, seed=0)
    test_clips, test_labels = data(300, seed=1)
    model = build()
    model.compile(keras.optimizers.Adam(0.002), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(clips, labels, batch_size=16, epochs=10 if options.quick else 20, verbose=0)
    accuracy = model.evaluate(test_clips, test_labels, verbose=0)[1]
    print(f"accuracy on new clips: {accuracy:.3f}")

    figure = picture(model, test_clips, test_labels)
    figure.savefig(options.picture) if options.picture else plt.show()
    return accuracy


if __name__ == "__main__":
    main()
