"""Images in files and folders."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv import utils
from fastconv.preprocessing.image import ImageDataGenerator

Image = pytest.importorskip("PIL.Image")

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), "uint8")


@pytest.fixture
def path(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "image.png")
    return tmp_path / "image.png"


@pytest.fixture
def folder(tmp_path):
    """Create a folder of five cats and three dogs, each filled with a number; one in a subfolder, and a text file."""
    for number, (name, place) in enumerate(
        [("cat", "")] * 4 + [("cat", "more")] + [("dog", "")] * 3,
    ):
        (tmp_path / name / place).mkdir(parents=True, exist_ok=True)
        pixels = np.full((4 + number, 8, 3), 10 * number, "uint8")
        Image.fromarray(pixels).save(tmp_path / name / place / f"{number}.png")
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    return tmp_path


def images_of(folder, image_size=(4, 6), **how):
    return utils.image_dataset_from_directory(folder, image_size=image_size, verbose=False, **how)


def test_an_image_as_an_array(path):
    image = utils.load_img(path)
    np.testing.assert_array_equal(utils.img_to_array(image), PIXELS.astype("float32"))
    first = utils.img_to_array(image, "channels_first", "uint8")
    np.testing.assert_array_equal(first, PIXELS.transpose(2, 0, 1))
    assert utils.img_to_array(utils.load_img(path, "grayscale")).shape == (6, 8, 1)
    assert utils.img_to_array(utils.load_img(path, "rgba")).shape == (6, 8, 4)


def test_an_image_of_another_size(path):
    assert utils.img_to_array(utils.load_img(path, target_size=(3, 5))).shape == (3, 5, 3)
    middle = utils.load_img(path, target_size=(6, 6), keep_aspect_ratio=True)
    np.testing.assert_array_equal(utils.img_to_array(middle), PIXELS[:, 1:7])


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_arrays_become_images_and_files(tmp_path, channels, data_format):
    x = np.random.default_rng(1).integers(0, 256, (5, 7, channels)).astype("float32")
    given = x if data_format == "channels_last" else x.transpose(2, 0, 1)
    utils.save_img(tmp_path / "x.png", given, data_format, scale=False)
    mode = {1: "grayscale", 3: "rgb", 4: "rgba"}[channels]
    np.testing.assert_array_equal(utils.img_to_array(utils.load_img(tmp_path / "x.png", mode)), x)
    utils.save_img(tmp_path / "x.jpg", given, data_format)


def test_numbers_are_scaled_to_the_range_of_images():
    image = utils.array_to_img(np.array([[[-1.0], [1.0], [0.0]]]))
    assert np.asarray(image).tolist() == [[0, 255, 127]]


def test_a_folder_for_each_class(folder):
    dataset = images_of(folder, shuffle=False, batch_size=3)
    assert dataset.class_names == ["cat", "dog"]
    assert len(dataset) == 3
    batches = list(dataset)
    images, labels = (np.concatenate(parts) for parts in zip(*batches))
    assert images.shape == (8, 4, 6, 3)
    assert images.dtype == np.float32
    assert labels.tolist() == [0] * 5 + [1] * 3
    np.testing.assert_allclose(images[:, 0, 0, 0], [0, 10, 20, 30, 40, 50, 60, 70], rtol=1e-5)
    assert [name.endswith(f"{i}.png") for i, name in enumerate(dataset.file_paths)] == [True] * 8


def test_selected_and_missing_classes(folder):
    (folder / ".ipynb_checkpoints").mkdir()
    Image.fromarray(PIXELS).save(folder / ".ipynb_checkpoints" / "copy.png")
    assert images_of(folder).class_names == ["cat", "dog"]
    dogs = images_of(folder, class_names=["dog"], shuffle=False)
    assert dogs.class_names == ["dog"]
    ((images, labels),) = dogs
    assert labels.tolist() == [0, 0, 0]
    np.testing.assert_allclose(images[:, 0, 0, 0], [50, 60, 70], rtol=1e-5)


@pytest.mark.parametrize("content", [b"", b"no image", "half"], ids=["empty", "text", "truncated"])
def test_a_damaged_image_is_named(folder, content):
    path = folder / "dog" / "6.png"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content == "half" else content)
    with pytest.raises(ValueError, match=r"dog.6\.png: a file must hold an image"):
        utils.load_img(path)
    with pytest.raises(ValueError, match=r"dog.6\.png: a file must hold an image"):
        list(images_of(folder))
    flow = ImageDataGenerator().flow_from_directory(folder, target_size=(4, 6), shuffle=False)
    with pytest.raises(ValueError, match=r"dog.6\.png: a file must hold an image"):
        flow[0]


def test_a_missing_file_stays_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.png"):
        utils.load_img(tmp_path / "nothing.png")


SHORT = (np.arange(20 * 30).reshape(20, 30) * 100).astype("uint16")
DEEP = {  # arrays of more than 8 bits, and the file format that holds them
    "16 bits": (SHORT, "png"),
    "16 bits, big-endian": (SHORT.astype(">u2"), "tiff"),
    "32 bits": (SHORT.astype("int32") * 1000 - 500, "tiff"),
    "float": ((SHORT / 60000).astype("float32"), "tiff"),
    "float beyond bytes": ((SHORT - 1000.5).astype("float32"), "tiff"),
}


@pytest.fixture(params=DEEP.values(), ids=DEEP)
def deep(request, tmp_path):
    array, kind = request.param
    path = tmp_path / "class" / f"image.{kind}"
    path.parent.mkdir()
    Image.fromarray(array).save(path)
    return array, path


def test_grayscale_images_of_more_than_8_bits_keep_their_values(deep):
    array, path = deep
    expected = array.astype("float32")[:, :, None]
    np.testing.assert_array_equal(utils.img_to_array(utils.load_img(path, "grayscale")), expected)
    half = utils.img_to_array(utils.load_img(path, "grayscale", (10, 15), "box"))
    np.testing.assert_allclose(half, expected.reshape(10, 2, 15, 2, 1).mean((1, 3)), rtol=1e-5, atol=1)
    how = {"color_mode": "grayscale", "shuffle": False}
    folder = path.parent.parent
    (images,) = utils.image_dataset_from_directory(folder, image_size=(20, 30), label_mode=None, verbose=False, **how)
    np.testing.assert_allclose(images[0], expected, rtol=1e-6)
    flow = ImageDataGenerator().flow_from_directory(folder, target_size=(20, 30), class_mode=None, **how)
    np.testing.assert_array_equal(flow[0][0], expected)


@pytest.mark.parametrize("mode", ["rgb", "rgba"])
def test_color_modes_warn_if_they_clip_values(deep, mode):
    array, path = deep
    with pytest.warns(UserWarning, match=f"color_mode='{mode}' cuts .* off .* color_mode='grayscale' keeps them"):
        image = utils.img_to_array(utils.load_img(path, mode))
    np.testing.assert_array_equal(image[:, :, 0], np.trunc(np.clip(array.astype("float32"), 0, 255)))


def test_color_modes_do_not_warn_for_deep_images_of_small_integers(tmp_path):
    Image.fromarray(PIXELS[:, :, 0].astype("uint16")).save(tmp_path / "x.png")
    image = utils.img_to_array(utils.load_img(tmp_path / "x.png", "rgb"))
    np.testing.assert_array_equal(image, PIXELS[:, :, :1].repeat(3, 2))


def test_files_of_more_than_8_bits_are_written_and_read(tmp_path):
    x = np.array([[[0.0], [300.0]], [[65535.0], [256.0]]], "float32")
    utils.save_img(tmp_path / "x.png", x, scale=False)
    np.testing.assert_array_equal(utils.img_to_array(utils.load_img(tmp_path / "x.png", "grayscale")), x)


def test_labels_in_other_forms(folder):
    def labels(**how):
        return np.concatenate([y for _, y in images_of(folder, shuffle=False, **how)])

    assert labels(label_mode="categorical").tolist() == [[1, 0]] * 5 + [[0, 1]] * 3
    assert labels(label_mode="binary").tolist() == [[0.0]] * 5 + [[1.0]] * 3
    assert labels(class_names=["dog", "cat"]).tolist() == [0] * 3 + [1] * 5
    assert labels(labels=[3, 1, 4, 1, 5, 9, 2, 6]).tolist() == [3, 1, 4, 1, 5, 9, 2, 6]
    assert next(iter(images_of(folder, labels=None))).shape == (8, 4, 6, 3)
    assert next(iter(images_of(folder, label_mode=None, batch_size=None))).shape == (4, 6, 3)


def test_parts_for_training_and_validation(folder):
    how = {"validation_split": 0.25, "seed": 1}
    training, validation = images_of(folder, subset="both", **how)
    assert (len(training.file_paths), len(validation.file_paths)) == (6, 2)
    assert not set(training.file_paths) & set(validation.file_paths)
    assert images_of(folder, subset="training", **how).file_paths == training.file_paths
    assert images_of(folder, subset="validation", **how).file_paths == validation.file_paths


def test_orders_are_random_and_repeat_with_their_seed(folder):
    def order(dataset):
        return [round(float(x[0, 0, 0])) for x, _ in dataset]

    dataset = images_of(folder, seed=5, batch_size=None)
    orders = [order(dataset) for _ in range(3)]
    assert len(set(map(tuple, orders))) > 1
    again = images_of(folder, seed=5, batch_size=None)
    assert [order(again) for _ in range(3)] == orders


def test_center_crops_and_layouts(folder):
    (x,) = images_of(
        folder, labels=None, crop_to_aspect_ratio=True, data_format="channels_first", color_mode="grayscale"
    )
    assert x.shape == (8, 1, 4, 6)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"label_mode": "words"}, "label_mode must be"),
        ({"color_mode": "cmyk"}, "color_mode must be"),
        ({"subset": "training"}, "together with subset"),
        ({"subset": "training", "validation_split": 0.5}, "needs a seed"),
        ({"class_names": ["cat", "bird"]}, "distinct names of the folders .*'cat', 'dog'"),
        ({"class_names": ["cat", "cat"]}, "distinct names"),
        ({"class_names": "cat"}, "distinct names"),
        ({"class_names": ["cat"], "labels": None}, "needs labels='inferred'"),
        ({"labels": [1, 2]}, "a label for each of 8"),
        ({"labels": "none"}, "labels must be"),
    ],
)
def test_refused_arguments(folder, how, message):
    with pytest.raises(ValueError, match=message):
        images_of(folder, **how)


def test_folders_without_images(tmp_path):
    with pytest.raises(ValueError, match="must be a folder"):
        images_of(tmp_path / "nothing")
    with pytest.raises(ValueError, match="must contain images"):
        images_of(tmp_path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda path: utils.load_img(path, "cmyk"), "color_mode"),
        (lambda path: utils.load_img(path, target_size=(2, 2), interpolation="area"), "interpolation"),
        (lambda path: utils.array_to_img(np.zeros((2, 2))), "3 axes"),
        (lambda path: utils.array_to_img(np.zeros((2, 2, 2))), "channels"),
        (lambda path: utils.img_to_array(np.zeros(3)), "2 or 3 axes"),
    ],
)
def test_refused_arguments_of_single_images(path, call, message):
    with pytest.raises(ValueError, match=message):
        call(path)


@pytest.mark.parametrize(
    ("sides", "size", "inner"),
    [
        ((4, 8), (8, 8), (slice(2, 6), slice(0, 8))),
        ((8, 4), (4, 8), (slice(0, 4), slice(3, 5))),
        ((6, 6), (3, 3), (slice(0, 3), slice(0, 3))),
        ((1, 40), (6, 6), (slice(2, 3), slice(0, 6))),  # a side that would vanish keeps a pixel
    ],
)
def test_images_that_keep_their_aspect_ratio_are_padded_with_zeros(tmp_path, sides, size, inner):
    utils.save_img(tmp_path / "a.png", np.full((*sides, 3), 200.0), scale=False)
    for data_format in ("channels_last", "channels_first"):
        (x,) = images_of(
            tmp_path, labels=None, image_size=size, pad_to_aspect_ratio=True, data_format=data_format, batch_size=None
        )
        x = x if data_format == "channels_last" else x.transpose(1, 2, 0)
        wanted = np.zeros((*size, 3))
        wanted[inner] = 200
        np.testing.assert_allclose(x, wanted, atol=1e-3)


def test_arguments_of_folders_that_contradict_each_other(folder):
    with pytest.raises(ValueError, match="cannot both be True"):
        images_of(folder, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)
    with pytest.raises(ValueError, match="format must be 'tf'"):
        images_of(folder, format="grain")
    assert len(images_of(folder, format="tf")) == len(images_of(folder))
