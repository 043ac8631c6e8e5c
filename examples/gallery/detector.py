"""Train a single-shot detector that finds digits on a canvas: their number, their boxes and their classes.

Liu et al. 2016, "SSD: Single Shot MultiBox Detector".

pip install "fastconv[plot]" && python detector.py [--quick] [--picture detector.png]
"""

import argparse

import matplotlib.pyplot as plt
import numpy as np

import fastconv as keras
from fastconv import applications, datasets
from fastconv.applications import single_shot

SIZE = 64  # pixels of a canvas


def compose(digits, labels, count, seed):
    """Return canvases (N, 64, 64, 1) with one to three digits each, their boxes in fractions, and their classes."""
    random = np.random.default_rng(seed)
    canvases, boxes, classes = np.zeros((count, SIZE, SIZE, 1), "float32"), [], []
    for canvas in canvases:
        corners = free_corners(random, random.integers(1, 4))
        chosen = random.integers(0, len(digits), len(corners))
        for (row, column), digit in zip(corners, digits[chosen]):
            canvas[row : row + 24, column : column + 24, 0] = np.kron(digit / 16, np.ones((3, 3)))
        boxes.append(np.array([(column, row, column + 24, row + 24) for row, column in corners]) / SIZE)
        classes.append(labels[chosen])
    canvases += 0.1 * random.standard_normal(canvases.shape).astype("float32")
    return canvases, boxes, classes


def free_corners(random, count):
    """Return the corners of up to `count` squares of 24 pixels that do not overlap."""
    corners = []
    for corner in random.integers(0, SIZE - 23, (20, 2)):
        if len(corners) < count and all(abs(corner - other).max() >= 24 for other in corners):
            corners.append(corner)
    return corners


def train(canvases, boxes, classes, epochs):
    """Return a detector that has learned, and its anchors: the boxes that it moves and scales."""
    model = applications.SingleShotDetector(classes=10, input_shape=(SIZE, SIZE, 1), filters=(8, 16, 32, 32))
    anchors = single_shot.anchors(model, smallest=0.35)
    model.compile(keras.optimizers.Adam(0.003), single_shot.loss)
    model.fit(canvases, single_shot.encode(boxes, classes, anchors), batch_size=16, epochs=epochs, verbose=0)
    return model, anchors


def found_digits(found, boxes, classes):
    """Return the number of digits that have a detection of their class at their place."""
    count = 0
    for box, label in zip(boxes, classes):
        near = np.abs(found[0] - box).max(-1) < 0.08
        count += bool((near & (found[1] == label)).any())
    return count


def picture(canvases, detections):
    """Return a figure of eight canvases with the detected boxes and classes."""
    figure, axes = plt.subplots(2, 4, figsize=(10, 5))
    for canvas, (boxes, labels, scores), ax in zip(canvases, detections, axes.ravel()):
        ax.imshow(canvas[..., 0], cmap="gray")
        ax.axis("off")
        for (left, top, right, bottom), label, score in zip(boxes * SIZE, labels, scores):
            ax.add_patch(plt.Rectangle((left, top), right - left, bottom - top, fill=False, color="tab:orange"))
            ax.text(left, top - 1, f"{label}: {100 * score:.0f} %", color="tab:orange", fontsize=8)
    return figure


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="train for seconds")
    parser.add_argument("--picture", metavar="PATH", help="save the picture instead of showing it")
    options = parser.parse_args(arguments)

    keras.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = datasets.digits.load_data()
    canvases, boxes, classes = compose(x_train, y_train, 600 if options.quick else 4000, seed=0)
    test_canvases, test_boxes, test_classes = compose(x_test, y_test, 100, seed=1)

    model, anchors = train(canvases, boxes, classes, epochs=14 if options.quick else 30)
    detections = single_shot.decode(model.predict(test_canvases, verbose=0), anchors, score=0.65)
    found = sum(map(found_digits, detections, test_boxes, test_classes))
    wanted, given = sum(map(len, test_classes)), sum(len(labels) for _, labels, _ in detections)
    recall, precision = found / wanted, found / given
    print(f"{found} of {wanted} digits were found by {given} boxes: recall {recall:.2f}, precision {precision:.2f}")

    figure = picture(test_canvases, detections)
    figure.savefig(options.picture) if options.picture else plt.show()
    return recall


if __name__ == "__main__":
    main()
