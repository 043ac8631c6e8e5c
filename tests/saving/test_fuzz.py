"""Randomly changed configurations and files give a model or a ValueError, quickly and in little memory."""

import contextlib
import copy
import io
import json
import resource
import sys
import zipfile

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fastconv import (
    Input,
    Model,
    Sequential,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    regularizers,
    saving,
)
from fastconv.layers.base import Layer
from fastconv.serialization import Configurable, deserialize, serialize
from tests.layers.cases import CASES, RANDOM_CASES

from .samples import data_for, named, nested, sequence, shared

pytest.importorskip("h5py")
pytest.importorskip("safetensors")
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in cast")  # a number of 1e300 in a configuration

fuzz = settings(
    deadline=None,
    derandomize=True,
    max_examples=40,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
MOST_MEMORY = 8 << 30  # bytes of address space that a test may use in addition to those in use


@pytest.fixture(autouse=True)
def little_memory():
    """Limit memory: a large allocation raises MemoryError, which fails the test unless it becomes a ValueError."""
    with open("/proc/self/statm") as file:
        now = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + MOST_MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def trained(make):
    model = make()
    model.compile("adam", "mse")
    x = data_for(model)
    y = model.predict(x, verbose=0)
    model.fit(x, y, verbose=0)
    return model


# ---- configurations --------------------------------------------------------------------------------------------------


def nests(depth):
    """Return nested sequential models."""
    data = {}
    for _ in range(depth):
        data = {"class_name": "Sequential", "config": {"name": "s", "trainable": True, "layers": [data]}}
    return data


ODD = [
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    10**30,
    -(2**63),
    1.5,
    float("nan"),
    float("inf"),
    -1e300,
    "",
    "Dense",
    "relu",
    "nothing",
    "\0",
    [],
    [[]],
    [None],
    [1, 2, 3],
    {},
    {"class_name": "Dense"},
    {"class_name": "Dense", "config": {}},
    {"class_name": 3, "config": None},
    {"class_name": "Sequential", "config": {"layers": 3}},
    {"tensor": [0, 0]},
    {"tensor": [-1, 99]},
    {"value": None},
    nests(5),
    nests(60),
]


def places(tree, path=()):
    """Return the paths of all nodes in a JSON tree."""
    yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def changed(data, config):
    """Return a copy of `config` with one or more changes."""
    config = copy.deepcopy(config)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([*places(config)]))
        value = copy.deepcopy(data.draw(st.sampled_from(ODD)))
        if not path:
            config = value
            continue
        holder = config
        for key in path[:-1]:
            holder = holder[key]
        if isinstance(holder, dict) and data.draw(st.booleans()):
            del holder[path[-1]]
        else:
            holder[path[-1]] = value
    return config


def assert_error_or(expected, read):
    """Check that `read` returns the expected type or raises a ValueError with a message."""
    limit = sys.getrecursionlimit()
    try:
        with contextlib.suppress(ValueError):
            found = read()
            assert found is None or isinstance(found, expected)
    finally:  # deeply nested models raise it, which Hypothesis warns of
        sys.setrecursionlimit(limit)


SINGLE = [
    *((cls, kwargs) for cls, kwargs, *_ in [*CASES, *RANDOM_CASES][::3]),
    (layers.TimeDistributed, {"layer": layers.Dense(3)}),
    (layers.Pipeline, {"layers": [layers.Rescaling(2.0)]}),
]


@fuzz
@given(st.data())
def test_layers(data):
    cls, kwargs = data.draw(st.sampled_from(SINGLE))
    config = changed(data, cls(**kwargs).get_config())
    assert_error_or(Layer, lambda: cls.from_config(config))
    assert_error_or(object, lambda: layers.deserialize({"class_name": cls.__name__, "config": config}))


OBJECTS = {
    "optimizer": [optimizers.Adam(0.1), optimizers.SGD(optimizers.schedules.ExponentialDecay(0.1, 3, 0.5))],
    "schedule": [
        optimizers.schedules.CosineDecay(0.1, 10),
        optimizers.schedules.PiecewiseConstantDecay([1], [1.0, 2.0]),
    ],
    "loss": [losses.Huber(0.5), losses.CategoricalCrossentropy(label_smoothing=0.1)],
    "metric": [metrics.AUC(), metrics.Precision(thresholds=[0.2, 0.5]), metrics.MeanIoU(3)],
    "initializer": [initializers.HeNormal(), initializers.Constant(3.0)],
    "regularizer": [regularizers.L1L2(0.1, 0.2), regularizers.OrthogonalRegularizer()],
    "constraint": [constraints.MaxNorm(2.0), constraints.MinMaxNorm()],
}


@fuzz
@pytest.mark.parametrize("kind", OBJECTS)
@given(data=st.data())
def test_objects(kind, data):
    thing = data.draw(st.sampled_from(OBJECTS[kind]))
    config = changed(data, thing.get_config())
    assert_error_or(object, lambda: type(thing).from_config(config))
    assert_error_or(object, lambda: deserialize(kind, changed(data, serialize(thing))))
    assert_error_or(
        object, lambda: saving.deserialize_keras_object(changed(data, saving.serialize_keras_object(thing)))
    )


MODELS = [sequence, shared, nested, named]


@fuzz
@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
@given(data=st.data())
def test_models(make, data):
    model = make()
    config = changed(data, model.get_config())
    assert_error_or(Model, lambda: type(model).from_config(config))
    text = json.dumps(changed(data, json.loads(model.to_json())))
    assert_error_or(Model, lambda: models.model_from_json(text))


@pytest.mark.parametrize(
    "text",
    ["null", "3", '"Dense"', '"Flatten"', "[]", "{}", "", "{", "[" * 100_000, "NaN", '{"class_name": "Dense"}', None, 3]
    + [json.dumps({"class_name": name, "config": {}}) for name in ("Sequential", "Functional", "Model", "Flatten")],
)
def test_text_that_is_not_a_model(text):
    with pytest.raises(ValueError, match=r"Received|layers"):
        models.model_from_json(text)


def test_errors_name_the_path():
    model = Sequential([Input((4,)), layers.Dense(3, name="first"), layers.Conv1D(2, 2, name="second")][:2])
    config = json.loads(model.to_json())
    config["config"]["layers"][1]["config"]["units"] = "three"
    with pytest.raises(ValueError, match=r"Dense 'first': .*units"):
        models.model_from_json(json.dumps(config))
    with pytest.raises(ValueError, match=r"Conv2D 'c': .*Received: TypeError: .*filters"):
        layers.Conv2D.from_config({"name": "c"})
    with pytest.raises(ValueError, match=r"Adam: .*unknown"):
        optimizers.Adam.from_config({"unknown": 1})


def test_weights_must_fit_the_memory():
    with pytest.raises(MemoryError, match="must fit in memory"):
        layers.Dense(2**40).build((None, 2**10))


# ---- files -----------------------------------------------------------------------------------------------------------

ZIPPED = [".npz", ".keras"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return the bytes of a trained model's file by ending."""
    folder = tmp_path_factory.mktemp("files")
    model = trained(sequence)
    found = {}
    for suffix in (".npz", ".keras", ".h5", ".safetensors"):
        model.save(folder / f"m{suffix}")
        found[suffix] = (folder / f"m{suffix}").read_bytes()
    return found


def rewritten(content, change):
    """Return a zip archive with `change(name, content)` applied to each member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()


@fuzz
@pytest.mark.parametrize("suffix", ZIPPED)
@given(data=st.data())
def test_configurations_in_files(tmp_path, files, suffix, data):
    def change(name, content):
        return json.dumps(changed(data, json.loads(content))) if name == "config.json" else content

    path = tmp_path / f"m{suffix}"
    path.write_bytes(rewritten(files[suffix], change))
    assert_error_or(Model, lambda: models.load_model(path))


def flip(data, content):
    """Return `content` with bytes changed, cut, doubled or inserted."""
    content = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "drop", "insert", "huge"]))
        if kind == "flip":
            content[at] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del content[at + 1 :]
        elif kind == "drop":
            del content[at : at + data.draw(st.integers(1, 50))]
            content += b"\0" * (not content)
        elif kind == "insert":
            content[at:at] = data.draw(st.binary(max_size=20))
        else:
            content[at : at + 8] = b"\xff" * 8
    return bytes(content)


@fuzz
@pytest.mark.parametrize("suffix", [".npz", ".keras", ".h5", ".safetensors"])
@given(data=st.data())
def test_bytes_of_files(tmp_path, files, suffix, data):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(flip(data, files[suffix]))
    assert_error_or(Model, lambda: models.load_model(path))
    model = sequence()
    assert_error_or(Model, lambda: model.load_weights(path))


@fuzz
@pytest.mark.parametrize("suffix", ZIPPED)
@given(data=st.data())
def test_bytes_of_members(tmp_path, files, suffix, data):
    """Checksums of archives are valid, so that the content must be checked."""
    with zipfile.ZipFile(io.BytesIO(files[suffix])) as archive:
        chosen = data.draw(st.sampled_from(archive.namelist()))
    path = tmp_path / f"m{suffix}"
    path.write_bytes(rewritten(files[suffix], lambda name, part: flip(data, part) if name == chosen else part))
    assert_error_or(Model, lambda: models.load_model(path))


HEADS = [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (3,",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': 3}",
    "{'descr': 'O', 'fortran_order': False, 'shape': (3,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}",
    "('''",
    '"""',
    "(" * 300,
    "[" * 9000,
    "1 + 1",
    "\0",
    "f'{x}'",
    "   x\n  y\n z",
]


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head[:12])
def test_heads_of_arrays(tmp_path, files, head):
    def change(name, content):
        if not name.startswith("weights/000000"):
            return content
        return b"\x93NUMPY\1\0" + len(head).to_bytes(2, "little") + head.encode() + bytes(12)

    path = tmp_path / "m.npz"
    path.write_bytes(rewritten(files[".npz"], change))
    with pytest.raises(ValueError, match=r"m.npz: weights/000000\S*: an array must .* Received"):
        models.load_model(path)
    with pytest.raises(ValueError, match=r"m.npz: weights/000000"):
        sequence().load_weights(path)


def test_a_configuration_may_not_ask_for_more_than_its_file_holds(tmp_path, files):
    def change(name, content):
        return content.replace(b'"units": 2,', b'"units": 100000000,') if name == "config.json" else content

    path = tmp_path / "m.npz"
    path.write_bytes(rewritten(files[".npz"], change))
    with pytest.raises(ValueError, match=r"m.npz: .*MemoryError: .*kernel: a weight must fit in its file"):
        models.load_model(path)


def test_graphs_of_operations_are_validated():
    i = Input((4,))
    config = Model(i, ops.relu(i)).get_config()
    for key in config:
        for odd in ODD:
            assert_error_or(Model, lambda key=key, odd=odd: Model.from_config({**config, key: odd}))


def test_errors_of_every_class_name_the_path():
    """The test also finds new classes with a `from_config` of their own."""
    for base in (Layer, Configurable):
        waiting = [base]
        while waiting:
            cls = waiting.pop()
            waiting += cls.__subclasses__()
            if "from_config" in vars(cls) and cls.__module__.startswith("fastconv."):
                assert vars(cls)["from_config"].__func__.__name__ == "from_config"
                assert hasattr(vars(cls)["from_config"].__func__, "__wrapped__"), cls
