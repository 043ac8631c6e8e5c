"""Formats of boxes, intersection over union by counting pixels, and suppression by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fastconv.utils import check_gradient
from fastconv.utils.bounding_boxes import FORMATS, compute_iou, convert_format, non_max_suppression

RNG = np.random.default_rng(0)
CORNERS = np.sort(RNG.integers(0, 12, (7, 2, 2)), 1).reshape(7, 4)  # left, top, right, bottom


def pixels(box):
    left, top, right, bottom = box
    return set(itertools.product(range(left, right), range(top, bottom)))


def counted(a, b):
    either = pixels(a) | pixels(b)
    return len(pixels(a) & pixels(b)) / len(either) if either else 0.0


@pytest.mark.parametrize("form", [*FORMATS, "XYWH", "xyWH"])
def test_iou_is_the_share_of_pixels(form):
    boxes = np.asarray(convert_format(CORNERS, "xyxy", form, 20, 30))
    expected = [[counted(a, b) for b in CORNERS] for a in CORNERS]
    np.testing.assert_allclose(compute_iou(boxes, boxes, form), expected, atol=1e-5)


def test_iou_of_batches():
    a, b = np.stack([CORNERS[:4], CORNERS[3:]]), np.stack([CORNERS[:3], CORNERS[4:]])
    pairs = compute_iou(a, b, "xyxy")
    assert pairs.shape == (2, 4, 3)
    for x, y, iou in ((a, CORNERS, compute_iou(a, CORNERS, "xyxy")), (CORNERS, b, compute_iou(CORNERS, b, "xyxy"))):
        for n in range(2):
            alone = compute_iou(x[n] if x.ndim == 3 else x, y[n] if y.ndim == 3 else y, "xyxy")
            np.testing.assert_array_equal(iou[n], alone)
    np.testing.assert_array_equal(pairs[1], compute_iou(a[1], b[1], "xyxy"))


def test_boxes_of_negative_numbers_are_masked():
    boxes = np.array([[-1.0, -1, -1, -1], [0, 0, 2, 2]])
    np.testing.assert_array_equal(compute_iou(boxes, boxes, "xyxy", True, -5), [[-5, -5], [-5, 1]])


def test_the_gradient_of_iou():
    a, b = np.array([[0.0, 0.1, 2.3, 2.1]]), np.array([[1.0, 0.4, 3.1, 1.7]])
    assert check_gradient(lambda a, b: compute_iou(a, b, "xyxy")[0, 0], a, b) < 1e-8


def test_formats_by_hand():
    box = [[10.0, 20.0, 40.0, 80.0]]  # left, top, right, bottom, in an image of height 200 and width 100
    expected = {
        "xyxy": [10, 20, 40, 80], "yxyx": [20, 10, 80, 40], "xywh": [10, 20, 30, 60],
        "center_xywh": [25, 50, 30, 60], "center_yxhw": [50, 25, 60, 30], "rel_xyxy": [0.1, 0.1, 0.4, 0.4],
        "rel_yxyx": [0.1, 0.1, 0.4, 0.4], "rel_xywh": [0.1, 0.1, 0.3, 0.3], "rel_center_xywh": [0.25, 0.25, 0.3, 0.3],
    }  # fmt: skip
    for source, target in itertools.product(FORMATS, FORMATS):
        found = convert_format([expected[source]], source, target, 200, 100)
        np.testing.assert_allclose(found, [expected[target]], rtol=1e-6)
        assert found.dtype == np.float32
    assert convert_format(np.ones((2, 0, 4)), "xyxy", "yxyx").shape == (2, 0, 4)
    assert convert_format(box, "xyxy", "rel_xyxy", 200, 100, "float64").dtype == np.float64


def naive_suppression(boxes, scores, limit):
    kept = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(counted(boxes[i], boxes[k]) <= limit for k in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize("limit", [0, 0.2, 0.5, 1.0])
def test_suppression(limit):
    boxes = np.sort(RNG.integers(0, 12, (60, 2, 2)), 1).reshape(60, 4)
    scores = RNG.integers(0, 20, 60) / 20
    expected = naive_suppression(boxes, scores, limit)
    assert non_max_suppression(boxes, scores, "xyxy", iou_threshold=limit).tolist() == expected
    assert non_max_suppression(boxes, scores, "xyxy", 3, limit).tolist() == expected[:3]
    high = [i for i in expected if scores[i] > 0.5]
    assert non_max_suppression(boxes, scores, "xyxy", None, limit, 0.5).tolist() == high


def test_suppression_like_torchvision():
    torch = pytest.importorskip("torch")
    torchvision = pytest.importorskip("torchvision")
    corners = RNG.random((50, 2, 2)).astype("float32")
    boxes, scores = np.sort(corners, 1).reshape(50, 4), RNG.random(50).astype("float32")
    found = torchvision.ops.nms(torch.tensor(boxes), torch.tensor(scores), 0.3)
    assert non_max_suppression(boxes, scores, "xyxy", iou_threshold=0.3).tolist() == found.tolist()


def test_no_boxes():
    assert non_max_suppression(np.ones((0, 4)), np.ones(0), "xyxy").tolist() == []
    assert compute_iou(np.ones((0, 4)), np.ones((3, 4)), "xyxy").shape == (0, 3)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: compute_iou(CORNERS, CORNERS, "xy"), "compute_iou: a format must be one of xyxy, "),
    (lambda: compute_iou(CORNERS[:, :3], CORNERS, "xyxy"), "compute_iou: boxes1 must have four numbers each"),
    (lambda: compute_iou(CORNERS[0], CORNERS, "xyxy"), "compute_iou: boxes must be "),
    (lambda: compute_iou(np.ones((2, 3, 4)), np.ones((3, 3, 4)), "xyxy"), "compute_iou: boxes must be "),
    (lambda: convert_format(CORNERS, "xyxy", "rel_xyxy"), "convert_format: height must be a number above 0"),
    (lambda: convert_format(CORNERS, 1, "xyxy"), "convert_format: a format must be one of"),
    (lambda: non_max_suppression(CORNERS, np.ones(3), "xyxy"), r"non_max_suppression: boxes must be \(M, 4\)"),
    (lambda: non_max_suppression(CORNERS, np.ones(7), "xyxy", -1), "non_max_suppression: max_output_size must be"),
    (lambda: non_max_suppression(CORNERS, np.ones(7), "xyxy", 1, 2.0), "non_max_suppression: iou_threshold must be"),
    (lambda: non_max_suppression(np.ones((0, 4)), [], "xy"), "non_max_suppression: a format must be one of xyxy, "),
])  # fmt: skip
def test_errors(call, message):
    with pytest.raises(ValueError, match=rf"^{message}.*Received"):
        call()
