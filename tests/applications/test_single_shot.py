"""The single-shot detector: anchors, targets, loss, decoding, and training on squares and discs."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import Input, applications, config, models, utils
from fastconv.applications import single_shot

RNG = np.random.default_rng(0)


def overlap(a, b):
    """Intersection over union of two boxes, as rectangles are drawn on paper."""
    width = max(0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0, min(a[3], b[3]) - max(a[1], b[1]))
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / union


def random_boxes(n):
    corner = RNG.uniform(0, 0.6, (n, 2))
    return np.concatenate([corner, corner + RNG.uniform(0.1, 0.4, (n, 2))], 1)


def small(**arguments):
    return applications.SingleShotDetector(2, (48, 48, 1), (8, 16, 32, 32), **arguments)


# ---- anchors ---------------------------------------------------------------------------------------------------------


def test_anchors_are_in_the_order_of_the_predictions():
    model = small()
    anchors = single_shot.anchors(model, 0.25, 0.55)
    assert anchors.shape == (4 * (12 * 12 + 6 * 6 + 3 * 3), 4) == (model.output_shape[1], 4)
    widths, heights = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    np.testing.assert_allclose(widths[:3] * heights[:3], 0.25**2, rtol=1e-5)
    np.testing.assert_allclose(widths[:3] / heights[:3], [1, 2, 0.5], rtol=1e-5)
    np.testing.assert_allclose(widths[3], (0.25 * 0.35) ** 0.5, rtol=1e-5)
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2
    np.testing.assert_allclose(centers[4 * 12 + 4], [1.5 / 12, 1.5 / 12], rtol=1e-5)  # second row, second column
    np.testing.assert_allclose(centers[-1], [2.5 / 3, 2.5 / 3], rtol=1e-5)


def test_a_prediction_sees_the_place_of_its_anchor():
    model = small()
    anchors = single_shot.anchors(model)
    x = np.zeros((2, 48, 48, 1), "float32")
    x[1, 40, 6] = 1
    changed = np.abs(np.diff(model.predict(x, verbose=0), axis=0))[0].sum(-1)[: 4 * 144]
    left, top = ((anchors[:576, :2] + anchors[:576, 2:]) / 2)[changed > 0].mean(0) * 48
    assert abs(left - 6) < 8
    assert abs(top - 40) < 8


def test_channels_first_predicts_for_the_same_anchors():
    last = single_shot.anchors(small())
    config.set_image_data_format("channels_first")
    model = applications.SingleShotDetector(2, (1, 48, 48), (8, 16, 32, 32))
    assert model.output_shape == (None, 756, 7)
    np.testing.assert_array_equal(single_shot.anchors(model), last)


# ---- targets ---------------------------------------------------------------------------------------------------------


def test_targets_follow_the_overlaps():
    anchors, boxes, labels = random_boxes(60), random_boxes(3), np.array([1, 0, 4])
    (targets,) = single_shot.encode([boxes], [labels], anchors, threshold=0.3)
    table = np.array([[overlap(anchor, box) for box in boxes] for anchor in anchors])
    expected = np.where(table.max(1) >= 0.3, 1 + labels[table.argmax(1)], 0)
    expected[table.argmax(0)] = 1 + labels
    np.testing.assert_array_equal(targets[:, 4], expected)
    assert not targets[expected == 0].any()


def test_each_object_has_an_anchor():
    (targets,) = single_shot.encode([[[0.9, 0.9, 0.91, 0.91]]], [[0]], random_boxes(20))
    assert (targets[:, 4] > 0).sum() == 1


def test_images_without_objects_are_background():
    targets = single_shot.encode([[], [[0.1, 0.1, 0.4, 0.4]]], [[], [0]], random_boxes(20))
    assert targets.shape == (2, 20, 5)
    assert not targets[0].any()


@pytest.mark.parametrize(
    ("boxes", "labels"),
    [([[[0.5, 0, 0.4, 1]]], [[0]]), ([[[0, 0, 1, 1]]], [[0, 1]]), ([[]], []), ([[[0, 0, 1, 1]]], [[-1]])],
)
def test_boxes_that_are_not_boxes(boxes, labels):
    with pytest.raises(ValueError, match=r"^encode: .* Received: "):
        single_shot.encode(boxes, labels, random_boxes(3))


# ---- decoding --------------------------------------------------------------------------------------------------------


def predictions_of(targets, classes):
    """Return predictions that are sure of the targets."""
    logits = 20.0 * np.eye(1 + classes)[targets[..., 4].astype(int)]
    return np.concatenate([targets[..., :4], logits], -1)


def test_decoding_inverts_encoding():
    anchors = single_shot.anchors(small())
    boxes = [[[0.1, 0.2, 0.35, 0.4], [0.5, 0.5, 0.9, 0.95]], [[0.3, 0.3, 0.6, 0.5]]]
    labels = [[1, 0], [2]]
    predictions = predictions_of(single_shot.encode(boxes, labels, anchors), 3)
    for found, corners, classes in zip(single_shot.decode(predictions, anchors), boxes, labels):
        order = np.argsort(found[0][:, 0])
        np.testing.assert_allclose(found[0][order], corners, atol=1e-5)
        np.testing.assert_array_equal(found[1][order], classes)
        assert (found[2] > 0.99).all()


def test_the_best_of_overlapping_boxes_is_kept():
    anchors = np.array([[0, 0, 0.4, 0.4], [0.02, 0, 0.42, 0.4], [0.5, 0.5, 0.9, 0.9], [0, 0, 0.4, 0.42]])
    predictions = np.zeros((1, 4, 4 + 3))
    predictions[0, :, 5] = [2, 4, 3, -9]  # logits of the first class
    predictions[0, 3, 6] = 5  # the last anchor is of the other class
    [(boxes, labels, scores)] = single_shot.decode(predictions, anchors)
    np.testing.assert_allclose(boxes, anchors[[3, 1, 2]])
    assert labels.tolist() == [1, 0, 0]
    np.testing.assert_allclose(scores[1], np.exp(4) / (np.exp(4) + 2), rtol=1e-5)
    assert len(single_shot.decode(predictions, anchors, iou=0.99)[0][0]) == 4
    assert len(single_shot.decode(predictions, anchors, most=2)[0][0]) == 2
    assert len(single_shot.decode(predictions, anchors, score=1)[0][0]) == 0


def test_large_offsets_stay_finite():
    anchors = random_boxes(5)
    predictions = RNG.normal(0, 1e4, (2, 5, 7))
    for boxes, _, _ in single_shot.decode(predictions, anchors):
        assert np.isfinite(boxes).all()


def test_predictions_of_other_anchors_are_refused():
    with pytest.raises(ValueError, match=r"^decode: predictions must be \(N, 3, 4 \+ 1 \+ classes\).*Received: "):
        single_shot.decode(np.zeros((1, 4, 7)), random_boxes(3))


# ---- loss and training -----------------------------------------------------------------------------------------------


def loss_by_hand(targets, predictions):
    """Return the loss of an image, in loops."""
    logits = predictions[:, 4:]
    crossentropies = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(logits)), targets[:, 4].astype(int)]
    objects = targets[:, 4] > 0
    total = crossentropies[objects].sum()
    total += np.sort(crossentropies[~objects])[::-1][: 3 * max(1, objects.sum())].sum()
    for d in np.abs(targets[objects, :4] - predictions[objects, :4]).ravel():
        total += d * d / 2 if d < 1 else d - 0.5
    return total / max(1, objects.sum())


def test_the_loss_trains_objects_and_the_hardest_background():
    targets = single_shot.encode([random_boxes(2), []], [[0, 1], []], random_boxes(30), 0.3)
    predictions = RNG.normal(0, 2, (2, 30, 7)).astype("float32")
    found = np.asarray(single_shot.loss(targets, predictions))
    np.testing.assert_allclose(found, [loss_by_hand(*pair) for pair in zip(targets, predictions)], rtol=1e-4)


def scenes(n, seed):
    """Return images of a square or disc in each half, with their boxes and classes."""
    rng, side = np.random.RandomState(seed), 48
    x, boxes, labels = np.zeros((n, side, side, 1), "float32"), [], rng.randint(0, 2, (n, 2))
    for image, pair in zip(x, labels):
        found = []
        for left, label in zip((0, side // 2), pair):
            size = rng.randint(10, 20)
            column, row = left + rng.randint(0, side // 2 - size), rng.randint(0, side - size)
            v, u = np.mgrid[:size, :size] - (size - 1) / 2
            image[row : row + size, column : column + size, 0] = (np.hypot(u, v) <= size / 2) | (label == 0)
            found.append([column / side, row / side, (column + size) / side, (row + size) / side])
        boxes.append(found)
    return x, boxes, labels


def test_a_detector_finds_squares_and_discs(tmp_path, pytestconfig):
    if pytestconfig.getoption("--device") == "fake-gpu":
        pytest.skip("the fake GPU takes minutes")
    utils.set_random_seed(0)
    model = small()
    anchors = single_shot.anchors(model, 0.25, 0.6)
    x, boxes, labels = scenes(256, 0)
    model.compile("adam", single_shot.loss)
    model.fit(x, single_shot.encode(boxes, labels, anchors), batch_size=16, epochs=10, verbose=0)
    model.save(tmp_path / "detector.npz")
    x, boxes, labels = scenes(40, 1)
    found = single_shot.decode(models.load_model(tmp_path / "detector.npz").predict(x, verbose=0), anchors)
    hits = sum(
        any(overlap(box, other) > 0.5 and label == kind for other, kind in zip(image[0], image[1]))
        for image, corners, classes in zip(found, boxes, labels)
        for box, label in zip(corners, classes)
    )
    assert hits >= 0.9 * 80
    assert sum(len(image[0]) for image in found) <= 1.2 * 80


def test_arguments_of_the_detector():
    with pytest.raises(ValueError, match=r"^SingleShotDetector: filters must have a number for each of at least 3"):
        applications.SingleShotDetector(filters=(8, 16))
    with pytest.raises(ValueError, match="sides from 32 on"):
        applications.SingleShotDetector(input_shape=(31, 64, 3))
    with pytest.raises(ValueError, match="Keras publishes no ImageNet weights"):
        applications.SingleShotDetector(weights="imagenet")
    with pytest.raises(ValueError, match=r"^anchors: largest must be"):
        single_shot.anchors(small(), 0.5, 0.4)
    model = applications.SingleShotDetector(input_tensor=Input((None, None, 1)))
    with pytest.raises(ValueError, match=r"^anchors: the sides of the images must be known\. Received"):
        single_shot.anchors(model)
