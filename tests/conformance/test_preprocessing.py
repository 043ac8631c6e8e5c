"""ImageDataGenerator compared with that of Keras: given equal transforms, and given equal seeds."""

from __future__ import annotations

import numpy as np
import pytest

from fastconv.preprocessing import image

# Keras imports a function from a deprecated module of SciPy.
pytestmark = pytest.mark.filterwarnings("ignore:Please import `affine_transform`:DeprecationWarning")

X = np.random.default_rng(0).uniform(0, 255, (7, 9, 13, 3)).astype("float32")
TRANSFORMS = {
    "theta": {"theta": 33.0},
    "shift": {"tx": 2.3, "ty": -4.6},
    "shear": {"shear": 21.0},
    "zoom": {"zx": 1.4, "zy": 0.7},
    "flips": {"flip_horizontal": True, "flip_vertical": True},
    "horizontal": {"flip_horizontal": True},
    "channels": {"channel_shift_intensity": 60.0},
    "bright": {"brightness": 1.7},
    "dark": {"brightness": 0.35},
    "all": {
        "theta": -71.0,
        "tx": 1.7,
        "ty": 3.2,
        "shear": -14.0,
        "zx": 0.8,
        "zy": 1.3,
        "flip_horizontal": True,
        "channel_shift_intensity": -20.0,
        "brightness": 1.2,
    },
}


def theirs(**arguments):
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    return ImageDataGenerator(**arguments)


def near(y, expected):
    np.testing.assert_allclose(y, np.asarray(expected), atol=1e-4 * 255)


@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap"])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_given_transforms(name, fill_mode, reference):
    arguments = {"fill_mode": fill_mode, "cval": 77.0}
    y = image.ImageDataGenerator(**arguments).apply_transform(X[0], TRANSFORMS[name])
    expected = np.asarray(reference(lambda: theirs(**arguments).apply_transform(X[0].copy(), TRANSFORMS[name])))
    if "brightness" in TRANSFORMS[name]:  # bytes: a value near an integer may round up or down
        step = np.abs(y - expected)
        assert step.max() <= 2
        assert (step > 0.03).mean() < 0.02
    else:
        near(y, expected)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("order", [0, 1])
def test_layouts_and_orders(order, data_format, reference):
    x = X[0] if data_format == "channels_last" else X[0].transpose(2, 0, 1)
    arguments = {"interpolation_order": order, "data_format": data_format, "fill_mode": "wrap"}
    numbers = {k: v for k, v in TRANSFORMS["all"].items() if k != "brightness"}
    y = image.ImageDataGenerator(**arguments).apply_transform(x, numbers)
    near(y, reference(lambda: theirs(**arguments).apply_transform(x.copy(), numbers)))


RANGES = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 3,
    "shear_range": 10.0,
    "zoom_range": (0.7, 1.2),
    "channel_shift_range": 30.0,
    "horizontal_flip": True,
    "vertical_flip": True,
    "brightness_range": (0.5, 1.5),
}


@pytest.mark.parametrize(
    "ranges",
    [RANGES, {"width_shift_range": [-2, 1, 3], "height_shift_range": [0.1, 0.3]}, {"width_shift_range": 2.5}, {}],
    ids=["all", "lists", "pixels", "none"],
)
def test_numbers_drawn_from_a_seed(ranges, reference):
    def drawn(generator):
        numbers = [generator.get_random_transform((9, 13, 3), seed=seed) for seed in range(5)]
        return [{k: None if v is None else float(v) for k, v in row.items()} for row in numbers]

    for ours, expected in zip(drawn(image.ImageDataGenerator(**ranges)), reference(lambda: drawn(theirs(**ranges)))):
        assert ours == {k: v if v is None else pytest.approx(v, rel=1e-5) for k, v in expected.items()}


SCALES = {
    "rescale": {"rescale": 1 / 255},
    "samplewise": {"samplewise_center": True, "samplewise_std_normalization": True, "rescale": 1 / 255},
    "featurewise": {"featurewise_center": True, "featurewise_std_normalization": True},
    "zca": {"featurewise_center": True, "zca_whitening": True, "zca_epsilon": 1e-2, "rescale": 1 / 255},
    "function": {"preprocessing_function": lambda x: x[..., ::-1] + 1, "rescale": 2.0},
}


@pytest.mark.parametrize("name", SCALES)
def test_scales(name, reference):
    def scaled(generator):
        generator.fit(X[:, :5, :6])
        return np.stack([generator.standardize(x.copy()) for x in X[:2, :5, :6]])

    y, expected = scaled(image.ImageDataGenerator(**SCALES[name])), reference(lambda: scaled(theirs(**SCALES[name])))
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-3 * np.ptp(expected))


def test_batches_from_a_seed(reference):
    ranges = {k: v for k, v in RANGES.items() if k != "brightness_range"}

    def batches(generator):
        flow = generator.flow(X[..., :1], np.arange(7), batch_size=3, seed=11)
        found = [next(flow) for _ in range(4)]
        return [[x.tolist(), y.tolist()] for x, y in [*found, flow[1]]]

    expected = reference(lambda: batches(theirs(**ranges)))
    for (x, y), (x_expected, y_expected) in zip(batches(image.ImageDataGenerator(**ranges)), expected, strict=True):
        assert y == y_expected
        near(x, x_expected)


def test_parts(reference):
    def parts(generator):
        y = np.array([0, 1, 0, 1, 0, 1, 1])
        flows = [generator.flow(X, y, shuffle=False, subset=part) for part in ("training", "validation")]
        return [[next(flow)[0][:, 0, 0, 0].tolist(), len(flow), flow.n] for flow in flows]

    expected = reference(lambda: parts(theirs(validation_split=0.3)))
    for ours, theirs_ in zip(parts(image.ImageDataGenerator(validation_split=0.3)), expected):
        assert ours == [pytest.approx(theirs_[0], rel=1e-5), *theirs_[1:]]


@pytest.mark.parametrize("name", ["random_rotation", "random_shift", "random_shear", "random_zoom"])
def test_functions_with_numbers_of_their_own(name, reference):
    size = {"random_rotation": (30,), "random_shift": (0.3, 0.2), "random_shear": (20,), "random_zoom": ((0.6, 1.1),)}
    arguments = {"row_axis": 0, "col_axis": 1, "channel_axis": 2, "fill_mode": "reflect"}

    def changed(module):
        np.random.seed(5)  # noqa: NPY002 - as scripts do
        return getattr(module, name)(X[0], *size[name], **arguments)

    def compute():
        from keras.src.legacy.preprocessing import image

        return changed(image)

    near(changed(image), reference(compute))


@pytest.mark.parametrize("subset", ["training", "validation", None])
def test_folders(tmp_path, subset, reference):
    pillow = pytest.importorskip("PIL.Image")
    for number in range(9):
        folder = tmp_path / "cba"[number % 3] / ("more" if number == 7 else "")
        folder.mkdir(parents=True, exist_ok=True)
        pillow.fromarray(np.full((6, 8, 3), 20 * number, "uint8")).save(folder / f"{number}.png")

    def batches(generator):
        flow = generator.flow_from_directory(tmp_path, (4, 4), batch_size=4, seed=3, subset=subset)
        found = [next(flow) for _ in range(2 * len(flow))]
        about = [flow.class_indices, flow.filenames, flow.classes.tolist(), list(flow.image_shape), flow.samples]
        return [about, [[x.tolist(), y.tolist()] for x, y in found]]

    arguments = {"validation_split": 0.4, "rotation_range": 30, "rescale": 0.1}
    about, found = batches(image.ImageDataGenerator(**arguments))
    expected_about, expected = reference(lambda: batches(theirs(**arguments)))
    assert about == expected_about
    for (x, y), (x_expected, y_expected) in zip(found, expected, strict=True):
        assert y == y_expected
        near(x, x_expected)
