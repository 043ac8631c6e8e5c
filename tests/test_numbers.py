"""Numeric arguments of public constructors: NumPy scalars count as Python numbers, other objects are refused."""

from __future__ import annotations

import inspect
import json
import math
import typing

import numpy as np
import pytest

import fastconv
from fastconv import arguments

MODULES = ("callbacks", "constraints", "initializers", "losses", "metrics", "optimizers", "optimizers.schedules",
           "regularizers")  # fmt: skip
NEEDED = {
    "backup_dir": "backup",
    "boundaries": [2, 4],
    "decay_rate": 0.9,
    "decay_steps": 10,
    "filename": "log.csv",
    "filepath": "model.npz",
    "first_decay_steps": 5,
    "fn": lambda y_true, y_pred: y_true - y_pred,
    "initial_learning_rate": 0.1,
    "num_classes": 3,
    "precision": 0.5,
    "recall": 0.5,
    "schedule": lambda epoch: 0.1,
    "sensitivity": 0.5,
    "specificity": 0.5,
    "target_class_ids": [0, 1],
    "values": [0.1, 0.2, 0.3],
}
# Values for arguments whose default is None.
SAMPLES = {"gradient_accumulation_steps": 2, "ignore_class": 1, "num_labels": None, "seed": 3, "top_k": 2}
NOT_NUMBERS = {
    "text": "3",
    "nan": math.nan,
    "true": True,
    "true of NumPy": np.bool_(True),
    "texts": ["a", 1],
    "dict": {},
    "set": {1},
    "complex": 1j,
    "huge": 10**400,
    "texts of NumPy": np.full((2, 2), "a"),
    "nothing": [],
    "object": object(),
}
BEYOND = {"value": ("nan", "true", "true of NumPy", "nothing"), "target_class_ids": ("set",)}
BEYOND |= dict.fromkeys(("axis", "label_weights"), ("nothing",))


def classes():
    """Return the public classes that take arguments, each once."""
    found = {}
    for path in MODULES:
        module = fastconv
        for part in path.split("."):
            module = getattr(module, part)
        for name in sorted(vars(module)):
            cls = vars(module)[name]
            is_ours = isinstance(cls, type) and cls.__module__.startswith(f"fastconv.{path.partition('.')[0]}")
            if is_ours and not name.startswith("_"):
                found.setdefault(cls, f"{path}.{cls.__name__}")
    return found


def needed(cls):
    """Return values of the arguments without default; None if the class is abstract."""
    parameters = inspect.signature(cls).parameters.values()
    names = [p.name for p in parameters if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    given = {name: NEEDED[name] for name in names if name in NEEDED}
    return given if len(given) == len(names) else None


def numbers_of(cls):
    """Return the arguments that are numbers or lists of numbers, each with a value, or None without a value to try."""
    found = {}
    for parameter in inspect.signature(cls).parameters.values():
        kinds = {part.strip() for part in str(parameter.annotation).split("|")}
        if kinds & {"int", "float", "Sequence[int]", "Sequence[float]"} or parameter.name in ("learning_rate", "value"):
            default = NEEDED.get(parameter.name, parameter.default)
            value = SAMPLES.get(parameter.name, 0.5 if "float" in kinds else 1) if default is None else default
            found[parameter.name] = [value] if kinds & {"Sequence[int]"} and default is None else value
    return found


CASES = [
    pytest.param(cls, name, value, id=f"{path}-{name}")
    for cls, path in classes().items()
    if needed(cls) is not None
    for name, value in numbers_of(cls).items()
]


def test_there_are_cases():
    assert len(CASES) > 200


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def made(cls, **given):
    if cls is fastconv.callbacks.TensorBoard:
        pytest.importorskip("tensorboardX")
    return cls(**{**needed(cls), **given})


def config_of(thing):
    """Return the configuration as text, or the attributes of an object without configuration."""
    if hasattr(thing, "get_config"):
        return json.dumps(thing.get_config(), default=lambda leaf: leaf.__name__)
    return repr(sorted((k, v) for k, v in vars(thing).items() if isinstance(v, (int, float, str, np.generic))))


def of_numpy(value, floating, integer):
    if isinstance(value, (list, tuple)):
        return [of_numpy(item, floating, integer) for item in value]
    if isinstance(value, (str, bool)) or value is None:
        return value
    return floating(value) if isinstance(value, float) else integer(value)


@pytest.mark.parametrize(("cls", "name", "value"), CASES)
def test_numpy_scalars_count_as_python_numbers(cls, name, value):
    wanted = config_of(made(cls, **{name: value}))
    for floating, integer in ((np.float64, np.int64), (np.float64, np.uint8), (np.array, np.array)):
        if integer is np.uint8 and isinstance(value, int) and value < 0:
            continue
        assert config_of(made(cls, **{name: of_numpy(value, floating, integer)})) == wanted
    if isinstance(value, list):
        assert config_of(made(cls, **{name: np.array(value)})) == wanted
    if isinstance(value, float):  # a float32, whose digits a Python float holds exactly
        config_of(made(cls, **{name: np.float32(value)}))


@pytest.mark.parametrize(("cls", "name", "value"), CASES)
def test_objects_that_are_not_numbers_are_refused(cls, name, value):
    for kind, wrong in NOT_NUMBERS.items():
        takes_flags = name == "verbose" and kind.startswith("true")
        takes_none = isinstance(value, (list, tuple)) and kind == "nothing"
        if takes_flags or takes_none or kind in BEYOND.get(name, ()):
            continue
        with pytest.raises(ValueError, match="Received") as error:
            made(cls, **{name: wrong})
        assert name in str(error.value), f"{kind}: {error.value}"


@pytest.mark.parametrize(("cls", "name", "value"), CASES)
def test_none_is_a_number_only_if_it_is_the_default(cls, name, value):
    parameter = inspect.signature(cls).parameters[name]
    if "None" not in str(parameter.annotation) and parameter.default is not None:
        with pytest.raises(ValueError, match=f"{name}.*Received"):
            made(cls, **{name: None})


@pytest.mark.parametrize(
    ("cls", "name", "wrong"),
    [
        ("optimizers.Adam", "learning_rate", -1e-3),
        ("optimizers.Adam", "learning_rate", math.inf),
        ("optimizers.Adam", "beta_1", 1.0),
        ("optimizers.Adam", "epsilon", -1e-7),
        ("optimizers.AdamW", "weight_decay", -0.1),
        ("optimizers.SGD", "momentum", 1.5),
        ("optimizers.SGD", "clipnorm", 0),
        ("optimizers.SGD", "clipvalue", math.inf),
        ("optimizers.SGD", "ema_momentum", 1.1),
        ("optimizers.SGD", "ema_overwrite_frequency", 0),
        ("optimizers.SGD", "gradient_accumulation_steps", 1),
        ("optimizers.SGD", "loss_scale_factor", -1),
        ("optimizers.Ftrl", "learning_rate_power", 0.5),
        ("optimizers.Ftrl", "l1_regularization_strength", -1),
        ("optimizers.schedules.CosineDecay", "decay_steps", 0),
        ("optimizers.schedules.CosineDecay", "warmup_steps", -1),
        ("optimizers.schedules.ExponentialDecay", "decay_rate", 0),
        ("losses.BinaryCrossentropy", "label_smoothing", 1.5),
        ("losses.Huber", "delta", -1),
        ("losses.CategoricalFocalCrossentropy", "gamma", -1),
        ("metrics.AUC", "num_thresholds", 1),
        ("metrics.AUC", "num_thresholds", 2**40),
        ("metrics.AUC", "thresholds", [0.5, 1.5]),
        ("metrics.BinaryAccuracy", "threshold", 1.0),
        ("metrics.IoU", "target_class_ids", [3]),
        ("metrics.MeanIoU", "num_classes", 0),
        ("metrics.Precision", "top_k", 0),
        ("metrics.Precision", "thresholds", []),
        ("metrics.R2Score", "num_regressors", -1),
        ("metrics.TopKCategoricalAccuracy", "k", 0),
        ("metrics.FBetaScore", "beta", 0),
        ("callbacks.EarlyStopping", "patience", -1),
        ("callbacks.ReduceLROnPlateau", "factor", 1),
        ("callbacks.TensorBoard", "profile_batch", 2),
    ],
)
def test_numbers_outside_of_their_range_are_refused(cls, name, wrong):
    found = next(c for c, path in classes().items() if path == cls)
    with pytest.raises(ValueError, match=f"{name}.*Received"):
        made(found, **{name: wrong})


def test_annotations_are_text():
    """`numbers_of` reads them as text; an evaluated annotation would hide its argument."""
    assert isinstance(inspect.signature(fastconv.optimizers.SGD).parameters["momentum"].annotation, str)
    assert typing.get_type_hints(arguments.as_integer)["least"] is int


class Tensor:
    """A tensor of another library, with the methods of a number."""

    shape = ()

    def __init__(self, value):
        self.value = value

    def item(self):
        return self.value


def test_tensors_of_other_libraries():
    assert arguments.as_integer("x", "n", Tensor(3)) == 3
    assert arguments.as_number("x", "n", Tensor(0.5)) == 0.5
    with pytest.raises(ValueError, match="x: n must be an int"):
        arguments.as_integer("x", "n", Tensor(True))
    torch = pytest.importorskip("torch")
    assert arguments.as_integer("x", "n", torch.tensor(3)) == 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: arguments.as_integer("f", "n", 0, 1), "f: n must be an int of at least 1. Received: n=0"),
        (
            lambda: arguments.as_integer("f", "n", 9, 1, 8),
            "f: n must be an int of at least 1 and at most 8. Received: n=9",
        ),
        (lambda: arguments.as_integer("f", "n", 2**63), f"f: n must be an int, below 2**63. Received: n={2**63}"),
        (
            lambda: arguments.as_number("f", "n", 2, 0, 1),
            "f: n must be a number at least 0 and at most 1. Received: n=2",
        ),
        (lambda: arguments.as_number("f", "n", 0, above=0), "f: n must be a number above 0. Received: n=0"),
        (
            lambda: arguments.as_number("f", "n", math.inf, 0, below=math.inf),
            "f: n must be a finite number at least 0. Received: n=inf",
        ),
        (lambda: arguments.as_verbosity("f", 3), "f: verbose must be 0, 1, 2 or 'auto'. Received: verbose=3"),
        (lambda: arguments.as_axes("f", "axis", {1}), "f: axis must be an int, or ints in a tuple. Received: axis={1}"),
    ],
)
def test_errors_name_the_rule_and_the_value(call, message):
    with pytest.raises(ValueError, match="Received") as error:
        call()
    assert str(error.value) == message
