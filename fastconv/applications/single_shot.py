"""A small single-shot detector, after Liu et al. 2016, "SSD: Single shot multibox detector".

Boxes are (left, top, right, bottom) in fractions of the image's width and height, from 0 to 1. An anchor is a box at a
fixed place. The detector returns, for each anchor, the offsets of a box from the anchor and the scores of the classes.

    boxes, labels  --encode-->  targets  --training with `loss`-->  predictions  --decode-->  boxes, labels, scores
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

import fastconv.layers as layers
import fastconv.losses as losses
import fastconv.ops as ops
from fastconv.applications.architecture import channels_are_last, normalize
from fastconv.applications.textbook import TextbookNet
from fastconv.arguments import as_integer, as_integers, as_number
from fastconv.engine import KerasTensor
from fastconv.models import Model
from fastconv.serialization import register_keras_serializable
from fastconv.typing import Array, ArrayLike, ShapeLike
from fastconv.utils.bounding_boxes import compute_iou, non_max_suppression

__all__ = ["SingleShotDetector", "anchors", "decode", "encode", "loss"]

RATIOS = (1.0, 2.0, 0.5)  # of width to height; a larger square is the fourth anchor of a place
PER_PLACE = len(RATIOS) + 1
FORMAT = "rel_xyxy"
OFFSET = 4  # numbers of a box
DEVIATIONS = np.array([0.1, 0.1, 0.2, 0.2], "float32")  # by which offsets are divided, as in the authors' program
MOST_MOVE = 5.0  # exp(5) times the side of an anchor is larger than any image
NEGATIVES = 3  # anchors without object that are trained, for each anchor with an object; section 2.2


class Detector(TextbookNet):
    """Blocks of convolutions and pooling; the last three have predictions of their own.

    Args:
        filters: the number of filters of each block.
    """

    channels = 3
    size = 96
    heads = 3

    def __init__(self, filters: Sequence[int]) -> None:
        super().__init__("single_shot_detector")
        self.filters = filters
        self.least = 2 ** len(filters)
        self.maps: list[KerasTensor] = []

    def features(self, x: KerasTensor, weights: Any) -> KerasTensor:
        for i, filters in enumerate(self.filters, 1):
            for k in (1, 2):
                name = f"block{i}_conv{k}"
                x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
                x = layers.Activation("relu", name=f"{name}_relu")(normalize(x, f"{name}_bn", momentum=0.9))
            x = layers.MaxPooling2D(name=f"block{i}_pool")(x)
            self.maps.append(x)
        return x

    def classify(self, x: KerasTensor, classes: int, activation: Any) -> KerasTensor:
        numbers = OFFSET + 1 + classes
        found = []
        for k, x in enumerate(self.maps[-self.heads :], 1):
            x = layers.Conv2D(PER_PLACE * numbers, 3, padding="same", name=f"head{k}")(x)
            if not channels_are_last():
                x = layers.Permute((2, 3, 1), name=f"head{k}_permute")(x)
            found.append(layers.Reshape((-1, numbers), name=f"head{k}_anchors")(x))
        return layers.Concatenate(1, name="predictions")(found)


def SingleShotDetector(
    classes: int = 1,
    input_shape: ShapeLike | None = None,
    filters: Sequence[int] = (16, 32, 64, 64, 64),
    weights: str | os.PathLike[str] | None = None,
    input_tensor: KerasTensor | None = None,
    name: str | None = None,
) -> Model:
    """Create a small detector of objects (after Liu et al. 2016, "SSD: Single shot multibox detector").

    Each block has two 3x3 convolutions and halves the sides. After each of the last three, a 3x3 convolution predicts
    the four anchors of each place. Train it with `single_shot.encode` and `single_shot.loss`.

    Args:
        classes: int. The number of classes, without the background. Default: 1.
        input_shape: the shape of an image. None means (96, 96, 3). Default: None.
        filters: sequence of at least three ints. The number of filters of each block.
        weights: the path of a file of weights, or None for random weights. Default: None.
        input_tensor: the symbolic tensor to apply the layers to, or None for a new `Input`. Default: None.
        name: str or None. The model's name. Default: None.

    Returns:
        A `Model`. Its output is (N, A, 4 + 1 + classes) for A anchors: offsets, and logits, first of the background.

    Raises:
        ValueError: there are less than three blocks, the images are too small for the blocks, or weights="imagenet".

    Example:
        >>> model = applications.SingleShotDetector(classes=10, input_shape=(64, 64, 1))
        >>> model.output_shape  # 4 anchors for each of 8x8, 4x4 and 2x2 places
        (None, 336, 15)
    """
    filters = as_integers("SingleShotDetector", "filters", filters, 1)
    if len(filters) < Detector.heads:
        raise ValueError(
            f"SingleShotDetector: filters must have a number for each of at least {Detector.heads} blocks. "
            f"Received: {filters=}"
        )
    return Detector(filters)(True, weights, input_tensor, input_shape, None, classes, None, name)


def anchors(model: Model, smallest: float = 0.2, largest: float = 0.9) -> np.ndarray:
    """Return the anchors of a detector, in the order of its predictions (section 2.2 of the paper).

    Args:
        model: a model of `SingleShotDetector`.
        smallest: float. The side of the squares of the first map, as a fraction of the image. Default: 0.2.
        largest: float. The side of the squares of the last map. Default: 0.9.

    Returns:
        float32 array (A, 4). Anchors at the border may reach beyond the image.

    Raises:
        ValueError: the sizes are not 0 < smallest <= largest, or the model takes images of any size.

    Example:
        >>> model = applications.SingleShotDetector(input_shape=(64, 64, 1))
        >>> applications.single_shot.anchors(model).shape
        (336, 4)
    """
    smallest = as_number("anchors", "smallest", smallest, above=0)
    largest = as_number("anchors", "largest", largest, smallest)
    scales = np.linspace(smallest, largest, Detector.heads + 1)
    found = []
    for k in range(Detector.heads):
        shape = model.get_layer(f"head{k + 1}").output.shape
        height, width = shape[1:3] if channels_are_last() else shape[2:]
        if height is None or width is None:
            raise ValueError(
                f"anchors: the sides of the images must be known. Received: input_shape={model.input_shape}"
            )
        found.append(anchors_of_map(height, width, scales[k], scales[k + 1]))
    return np.concatenate(found).astype("float32")


def anchors_of_map(height: int, width: int, scale: float, next_scale: float) -> np.ndarray:
    """Return the anchors of a map, (height * width * PER_PLACE, 4)."""
    y, x = np.mgrid[:height, :width]
    centers = np.stack([(x + 0.5) / width, (y + 0.5) / height], -1)[:, :, None]  # (H, W, 1, 2)
    sides = [(scale * ratio**0.5, scale / ratio**0.5) for ratio in RATIOS]
    sides.append(((scale * next_scale) ** 0.5,) * 2)
    halves = np.array(sides) / 2
    return np.concatenate([centers - halves, centers + halves], -1).reshape(-1, OFFSET)


def encode(
    boxes: Sequence[ArrayLike], labels: Sequence[ArrayLike], anchors: np.ndarray, threshold: float = 0.5
) -> np.ndarray:
    """Return the targets of training: for each anchor the offsets of its object, and its class.

    An object belongs to the anchors whose intersection over union with its box is at least `threshold`, and always to
    the anchor with the largest; if this is the same anchor for several objects, to the last of them. The offsets of the
    center are divided by the anchor's sides; those of the sides are logarithms of ratios (section 2.2).

    Args:
        boxes: for each image, the boxes of its objects, (objects, 4).
        labels: for each image, the classes of its objects, (objects,), from 0 on.
        anchors: array (A, 4), the result of `anchors`.
        threshold: float. Default: 0.5.

    Returns:
        float32 array (N, A, 5): four offsets, and 1 + the class, or 0 for background.

    Raises:
        ValueError: boxes and labels differ in their numbers, a label is negative, or a box is not (left, top, right,
            bottom).

    Example:
        >>> anchors = np.array([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
        >>> applications.single_shot.encode([[[0.0, 0.0, 0.5, 0.5]]], [[2]], anchors)
        array([[[0., 0., 0., 0., 3.],
                [0., 0., 0., 0., 0.]]], dtype=float32)
    """
    if len(boxes) != len(labels):
        raise ValueError(
            f"encode: boxes and labels must be for the same images. Received: {len(boxes)} and {len(labels)} images"
        )
    threshold = as_number("encode", "threshold", threshold, 0, 1)
    pairs = [objects_of(*pair) for pair in zip(boxes, labels)]
    return np.stack([targets_of(*pair, np.asarray(anchors), threshold) for pair in pairs]).astype("float32")


def objects_of(boxes: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return the boxes (objects, 4) and labels (objects,) of an image. Raises ValueError if they do not fit."""
    corners, classes = np.asarray(boxes, float).reshape(-1, OFFSET), np.asarray(labels).reshape(-1)
    valid = len(corners) == len(classes) and bool((corners[:, :2] < corners[:, 2:]).all() and (classes >= 0).all())
    if not valid:
        raise ValueError(
            "encode: an object needs a label from 0, and a box (left, top, right, bottom), left < right, top < bottom. "
            f"Received: boxes={corners.tolist()}, labels={classes.tolist()}"
        )
    return corners, classes


def targets_of(boxes: np.ndarray, labels: np.ndarray, anchors: np.ndarray, threshold: float) -> np.ndarray:
    """Return the targets (A, 5) of an image."""
    targets = np.zeros((len(anchors), OFFSET + 1))
    if not len(boxes):
        return targets
    overlaps = np.asarray(compute_iou(anchors, boxes, FORMAT))  # (A, objects)
    chosen = overlaps.argmax(1)
    is_object = overlaps.max(1) >= threshold
    best = overlaps.argmax(0)
    chosen[best], is_object[best] = np.arange(len(boxes)), True
    targets[:, :OFFSET] = np.where(is_object[:, None], offsets(boxes[chosen], anchors), 0)
    targets[:, OFFSET] = (1 + labels[chosen]) * is_object
    return targets


def offsets(boxes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Return the offsets (A, 4) of boxes from anchors."""
    center, side = center_and_side(boxes)
    from_center, from_side = center_and_side(anchors)
    return np.concatenate([(center - from_center) / from_side, np.log(side / from_side)], -1) / DEVIATIONS


def boxes_at(given: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Return the boxes (..., A, 4) at these offsets from anchors."""
    moves = np.minimum(given * DEVIATIONS, MOST_MOVE)
    from_center, from_side = center_and_side(anchors)
    center, half = from_center + moves[..., :2] * from_side, np.exp(moves[..., 2:]) * from_side / 2
    return np.concatenate([center - half, center + half], -1)


def center_and_side(boxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the centers (x, y) and the sides (width, height) of boxes."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]


@register_keras_serializable("fastconv", "single_shot_loss")
def loss(y_true: Array, y_pred: Array) -> Array:
    """Return the loss of each image: crossentropy of classes plus Huber loss of offsets (section 2.2, equation 1).

    Both are summed over anchors with an object, and divided by the number of these anchors. Of the other anchors, only
    those with the largest crossentropies are added, three for each anchor with an object.

    Args:
        y_true: targets (N, A, 5), the result of `encode`.
        y_pred: predictions (N, A, 4 + 1 + classes).

    Returns:
        Array (N,).

    Example:
        >>> model = applications.SingleShotDetector(input_shape=(32, 32, 1))
        >>> model.compile("adam", applications.single_shot.loss)
    """
    labels = y_true[..., OFFSET]
    is_object = ops.cast(labels > 0, y_pred.dtype)
    count = ops.maximum(ops.sum(is_object, 1, keepdims=True), 1)  # (N, 1)
    surprise = losses.sparse_categorical_crossentropy(labels, y_pred[..., OFFSET:], from_logits=True)
    others = ops.stop_gradient(surprise * (1 - is_object) - is_object)  # objects come last
    rank = ops.argsort(ops.argsort(-others, 1), 1)
    is_trained = is_object + ops.cast(rank < NEGATIVES * count, y_pred.dtype) * (1 - is_object)
    distance = losses.huber(y_true[..., :OFFSET], y_pred[..., :OFFSET]) * OFFSET
    return ops.sum((surprise * is_trained + distance * is_object) / count, 1)


def decode(
    predictions: ArrayLike, anchors: np.ndarray, score: float = 0.5, iou: float = 0.5, most: int = 100
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return the objects found in each image: boxes at the predicted offsets, without those that overlap better ones.

    Args:
        predictions: array (N, A, 4 + 1 + classes), the output of a detector.
        anchors: array (A, 4), the result of `anchors`.
        score: float. The least probability of a class. Default: 0.5.
        iou: float. If two boxes of a class have a larger intersection over union, the less probable is dropped.
            Default: 0.5.
        most: int. The largest number of objects in an image. Default: 100.

    Returns:
        For each image, (boxes, labels, scores), the most probable first: arrays (objects, 4), (objects,), (objects,).

    Raises:
        ValueError: predictions have another shape.

    Example:
        >>> model = applications.SingleShotDetector(input_shape=(32, 32, 1))
        >>> anchors = applications.single_shot.anchors(model)
        >>> predictions = model.predict(np.zeros((1, 32, 32, 1)), verbose=0)
        >>> [(boxes, labels, scores)] = applications.single_shot.decode(predictions, anchors, score=0.99)
        >>> boxes.shape
        (0, 4)
    """
    y = np.asarray(predictions, float)
    if y.ndim != 3 or y.shape[1] != len(anchors) or y.shape[2] < OFFSET + 2:
        raise ValueError(
            f"decode: predictions must be (N, {len(anchors)}, 4 + 1 + classes), for {len(anchors)} anchors. "
            f"Received: predictions.shape={y.shape}"
        )
    score, iou = (as_number("decode", name, value, 0, 1) for name, value in (("score", score), ("iou", iou)))
    most = as_integer("decode", "most", most, 1)
    logits = y[..., OFFSET:] - y[..., OFFSET:].max(-1, keepdims=True)
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    boxes = boxes_at(y[..., :OFFSET], anchors)
    return [objects_in(*image, score, iou, most) for image in zip(boxes, probabilities[..., 1:])]


def objects_in(
    boxes: np.ndarray, probabilities: np.ndarray, score: float, iou: float, most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the objects of an image, given the box (A, 4) and the probabilities (A, classes) of each anchor."""
    places, labels = np.nonzero(probabilities >= score)
    scores = probabilities[places, labels]
    moved = boxes[places] + (np.ptp(boxes) + 1) * labels[:, None]  # boxes of different classes do not overlap
    kept = non_max_suppression(moved, scores, FORMAT, most, iou)
    return boxes[places[kept]], labels[kept], scores[kept]
