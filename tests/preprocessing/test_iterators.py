"""Endless batches of arrays and folders."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fastconv.preprocessing.image import ImageDataGenerator, img_to_array, load_img

X = np.arange(10, dtype="float32")[:, None, None, None] * np.ones((1, 2, 3, 3), "float32")
Y = np.arange(10) * 10
PLAIN = ImageDataGenerator()


def numbers(x):
    return x[:, 0, 0, 0].tolist()


def test_arrays_in_order():
    flow = PLAIN.flow(X, Y, batch_size=4, shuffle=False)
    assert len(flow) == 3
    found = list(itertools.islice(flow, 4))
    assert [numbers(x) for x, _ in found] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [0, 1, 2, 3]]
    assert all((y == 10 * x[:, 0, 0, 0]).all() for x, y in found)
    flow.reset()
    assert numbers(next(flow)[0]) == [0, 1, 2, 3]
    assert numbers(flow[2][0]) == [8, 9]
    with pytest.raises(ValueError, match="There are 3 batches"):
        flow[3]


def one_pass(flow):
    return [number for _ in range(len(flow)) for number in numbers(next(flow))]


def test_orders():
    flow = PLAIN.flow(X, batch_size=5, seed=1)
    passes = [one_pass(flow) for _ in range(3)]
    assert all(sorted(order) == list(range(10)) for order in passes)
    assert passes[0] != passes[1] != passes[2]
    again = PLAIN.flow(X, batch_size=5, seed=1)
    assert one_pass(again) == passes[0]
    order = again.index_array.tolist()
    again.on_epoch_end()
    assert sorted(again.index_array.tolist()) == sorted(order) != again.index_array.tolist()


def test_additional_arrays_and_weights():
    weights = np.linspace(0, 1, 10)
    *_, w = next(PLAIN.flow(X, Y, 3, shuffle=False, sample_weight=weights))
    np.testing.assert_array_equal(w, weights[:3])
    (_, more), _ = next(PLAIN.flow((X, Y + 1), Y, 3, shuffle=False))
    assert more.tolist() == [1, 11, 21]
    (_, first, second), _ = next(PLAIN.flow([X, [Y, Y + 1]], Y, 3, shuffle=False))
    assert (first + 1 == second).all()
    assert numbers(next(PLAIN.flow(X, batch_size=3, shuffle=False))) == [0, 1, 2]


def test_parts_of_arrays():
    halves = ImageDataGenerator(validation_split=0.3)
    y = np.arange(10) % 2
    assert halves.flow(X, y, subset="validation").n == 3
    assert halves.flow(X, y, subset="training").n == 7
    with pytest.raises(ValueError, match="must have the same classes"):
        halves.flow(X, Y, subset="training")
    assert halves.flow(X, Y, subset="training", ignore_class_split=True).n == 7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: PLAIN.flow(X[0], Y), "images must have 4 axes"),
        (lambda: PLAIN.flow(X, Y[:5]), "all arrays must have one length"),
        (lambda: PLAIN.flow(X, subset="test"), "subset must be"),
        (lambda: PLAIN.flow(X, subset="validation"), "there must be images"),
        (lambda: PLAIN.flow(X, batch_size=0), "batch_size must be an int of at least 1"),
        (lambda: PLAIN.flow_from_directory(".", color_mode="cmyk"), "color_mode must be one of"),
        (lambda: PLAIN.flow_from_directory(".", class_mode="raw"), "class_mode must be one of"),
    ],
)
def test_refused_arguments(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ---- folders ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Create a folder of four cats and three dogs, one in a subfolder, each filled with a single number; and a text
    file.
    """
    pillow = pytest.importorskip("PIL.Image")
    for number, name in enumerate(["cat", "cat", "cat", "cat", "dog", "dog", "dog/more"]):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
        pillow.fromarray(np.full((6, 8, 3), 10 * number, "uint8")).save(tmp_path / name / f"{number}.png")
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    return tmp_path


def flow_from(folder, generator=PLAIN, **how):
    return generator.flow_from_directory(folder, **{"target_size": (4, 5), "shuffle": False, "batch_size": 5, **how})


def test_a_folder(folder, capsys):
    flow = flow_from(folder)
    assert capsys.readouterr().out == "Found 7 images belonging to 2 classes.\n"
    assert flow.class_indices == {"cat": 0, "dog": 1}
    assert (flow.samples, flow.num_classes, flow.image_shape) == (7, 2, (4, 5, 3))
    assert flow.classes.tolist() == flow.labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
    x, y = next(flow)
    assert x.shape == (5, 4, 5, 3)
    assert numbers(x) == [0, 10, 20, 30, 40]
    assert y.tolist() == [[1, 0]] * 4 + [[0, 1]]


def test_labels(folder):
    assert flow_from(folder, class_mode="binary")[0][1].tolist() == [0, 0, 0, 0, 1]
    x, y = flow_from(folder, class_mode="input")[0]
    np.testing.assert_array_equal(x, y)
    assert flow_from(folder, class_mode=None)[1].shape == (2, 4, 5, 3)
    assert flow_from(folder, classes=["dog", "cat"], class_mode="sparse")[0][1].tolist() == [0, 0, 0, 1, 1]


def test_selected_and_missing_classes(folder):
    (folder / ".git").mkdir()
    assert flow_from(folder).class_indices == {"cat": 0, "dog": 1}
    dogs = flow_from(folder, classes=["dog"])
    assert (dogs.class_indices, dogs.samples) == ({"dog": 0}, 3)
    with pytest.raises(ValueError, match="distinct names of the folders"):
        flow_from(folder, classes=["bird"])


def test_modes_and_layouts(folder):
    assert flow_from(folder, color_mode="grayscale")[0][0].shape == (5, 4, 5, 1)
    first = ImageDataGenerator(data_format="channels_first")
    flow = flow_from(folder, first, color_mode="rgba")
    assert flow[0][0].shape == (5, *flow.image_shape) == (5, 4, 4, 5)


def test_parts_of_a_folder(folder):
    halves = ImageDataGenerator(validation_split=0.5)
    validation, training = (flow_from(folder, halves, subset=part) for part in ("validation", "training"))
    assert [validation.samples, training.samples] == [3, 4]
    assert not set(validation.filenames) & set(training.filenames)


def test_images_are_saved(folder, tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    next(flow_from(folder, save_to_dir=kept, save_prefix="a", batch_size=2))
    names = sorted(path.name for path in kept.iterdir())
    assert [name.rsplit("_", 1)[0] for name in names] == ["a_0", "a_1"]
    assert img_to_array(load_img(kept / names[0])).shape == (4, 5, 3)


def test_a_folder_without_images(tmp_path):
    with pytest.raises(ValueError, match=r"there must be images\. Received: 0 images"):
        flow_from(tmp_path)
