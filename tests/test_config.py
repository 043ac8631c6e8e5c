"""Settings of the process: accepted values, and the environment variables that a new Python process reads."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import fastconv
from fastconv import config


@pytest.mark.parametrize(
    ("get", "set_", "default", "other"),
    [
        (config.floatx, config.set_floatx, "float32", "float64"),
        (config.epsilon, config.set_epsilon, 1e-7, 1e-5),
        (config.image_data_format, config.set_image_data_format, "channels_last", "channels_first"),
        (config.strict_windows, config.set_strict_windows, False, True),
    ],
)
def test_settings(get, set_, default, other):
    assert get() == default
    set_(other)
    assert get() == other


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: config.set_floatx("float16"), "floatx must be 'float32' or 'float64'. Received: 'float16'"),
        (
            lambda: config.set_image_data_format("NHWC"),
            "data_format must be 'channels_last' or 'channels_first'. Received: 'NHWC'",
        ),
        (
            lambda: config.set_num_threads(0),
            "set_num_threads: n must be an int of at least 1 and at most 256. Received: n=0",
        ),
        (
            lambda: config.set_num_threads(257),
            "set_num_threads: n must be an int of at least 1 and at most 256. Received: n=257",
        ),
        (
            lambda: config.set_num_threads(True),
            "set_num_threads: n must be an int of at least 1 and at most 256. Received: n=True",
        ),
        (
            lambda: config.set_num_threads(2.0),
            "set_num_threads: n must be an int of at least 1 and at most 256. Received: n=2.0",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert str(caught.value) == message


def test_data_format_of_none_is_the_default():
    assert config.standardize_data_format(None) == "channels_last"
    config.set_image_data_format("channels_first")
    assert config.standardize_data_format(None) == "channels_first"
    assert config.standardize_data_format("channels_last") == "channels_last"


def test_threads(threads):
    assert config.get_num_threads() >= 1
    assert 1 <= config.default_threads() <= (os.cpu_count() or 1)
    config.set_num_threads(3)
    assert config.get_num_threads() == 3


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", None), ("150000 100000", 2), ("50000 100000", 1), ("400000 100000", 4)]
)
def test_quota_of_the_control_group(quota, expected, tmp_path, monkeypatch):
    (tmp_path / "cpu.max").write_text(quota + "\n")
    really_open = open
    monkeypatch.setattr(
        "builtins.open", lambda path, *a: really_open(str(path).replace("/sys/fs/cgroup", str(tmp_path)), *a)
    )
    assert config._cgroup_quota() == expected


def test_no_control_group_no_quota(monkeypatch):
    def refuse(*_):
        raise FileNotFoundError

    monkeypatch.setattr("builtins.open", refuse)
    assert config._cgroup_quota() is None
    assert config._physical_cores() is None


def in_a_process_with(code="from fastconv import config; print(config.get_num_threads())", **environment):
    """Return (exit status, last line) of a Python process; by default it prints its number of threads."""
    clean = {k: v for k, v in os.environ.items() if k not in ("FASTCONV_NUM_THREADS", "OMP_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=clean | environment,
        cwd=Path(fastconv.__file__).parents[1],
        capture_output=True,
        text=True,
    )
    return done.returncode, (done.stdout or done.stderr).strip().splitlines()[-1]


def test_threads_from_the_environment():
    assert in_a_process_with(FASTCONV_NUM_THREADS="5") == (0, "5")
    assert in_a_process_with(FASTCONV_NUM_THREADS="") == in_a_process_with()
    status, line = in_a_process_with(FASTCONV_NUM_THREADS="none")
    assert status == 1
    assert line == "ValueError: FASTCONV_NUM_THREADS must be an integer from 1 to 256. Received: 'none'"


@pytest.mark.parametrize("wanted", ["300", "0", "-1", "2.5", "\u00b2", "1_0"])
def test_invalid_numbers_of_threads_in_the_environment(wanted):
    status, line = in_a_process_with(FASTCONV_NUM_THREADS=wanted)
    assert status == 1
    assert line == f"ValueError: FASTCONV_NUM_THREADS must be an integer from 1 to 256. Received: {wanted!r}"


@pytest.mark.parametrize("wanted", [str(2**31), str(2**32 - 1), str(2**63), "100000", "-1", "none", ""])
def test_any_number_of_threads_in_the_variable_of_openmp(wanted):
    status, threads = in_a_process_with(OMP_NUM_THREADS=wanted)
    assert status == 0
    assert 1 <= int(threads) <= 256


LITTLE_MEMORY = """
import resource
import numpy as np
from fastconv import config, ops
size = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + (200 << 20)
resource.setrlimit(resource.RLIMIT_AS, (size, size))
before = config.get_num_threads()
try:
    config.set_num_threads(256)
except RuntimeError as error:
    assert "256 threads must fit into the memory" in str(error), error
    assert config.get_num_threads() == before
    config.set_num_threads(3)
    ops.conv(np.ones((4, 32, 32, 32), "float32"), np.ones((3, 3, 32, 32), "float32"))
    print("refused")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and limits the memory of a process")
def test_threads_that_do_not_fit_into_memory_are_refused():
    assert in_a_process_with(LITTLE_MEMORY) == (0, "refused")


@pytest.mark.skipif(sys.platform != "linux", reason="limits are those of Linux")
@pytest.mark.parametrize("size", ["1000000000G", " 1000000000000000 k", "99999999999999999999"])
def test_stacks_that_do_not_fit_into_memory_are_refused(size):
    status, line = in_a_process_with(OMP_STACKSIZE=size, FASTCONV_NUM_THREADS="2")
    assert status == 1
    assert "RuntimeError: 2 threads must fit into the memory" in line
    assert "(OMP_STACKSIZE); 1 did." in line
    assert in_a_process_with(OMP_STACKSIZE=size, FASTCONV_NUM_THREADS="1") == (0, "1")
    if config.default_threads() > 1:
        assert in_a_process_with(OMP_STACKSIZE=size)[0] == 1  # the default number of threads is checked too


@pytest.mark.parametrize("size", ["5B", "16M", "20000", " 1 m ", "", "much"])
def test_sizes_of_stacks(size):
    code = "import threading; from fastconv import config; print(config.get_num_threads(), threading.stack_size())"
    assert in_a_process_with(code, OMP_STACKSIZE=size, FASTCONV_NUM_THREADS="3") == (0, "3 0")


def test_threads_are_set_in_many_threads_at_once(threads):
    def work():
        for n in (1, 2, 3):
            config.set_num_threads(n)
            assert 1 <= config.get_num_threads() <= 3

    before = threading.stack_size()
    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work) for _ in range(8)]:
            done.result()
    assert threading.stack_size() == before


def test_numbers_of_threads_as_numpy_scalars(threads):
    config.set_num_threads(np.int64(2))
    assert config.get_num_threads() == 2


def test_the_error_of_a_source_tree_that_is_not_built(tmp_path):
    only_python = lambda folder, names: [  # noqa: E731
        name for name in names if not name.endswith(".py") and not (Path(folder) / name).is_dir()
    ]
    shutil.copytree(Path(fastconv.__file__).parent, tmp_path / "fastconv", ignore=only_python)
    for module in ("fastconv", "fastconv.ops", "fastconv.backends.cpu.backend"):
        code = (
            "import sys; sys.meta_path[:] = [finder for finder in sys.meta_path if 'Editable' not in repr(finder)];"
            f"sys.path.insert(0, {str(tmp_path)!r}); import {module}"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.strip().splitlines()[-1] == (
            f"ImportError: fastconv is not built in this folder ({tmp_path}): run `pip install -e .`, "
            "or start Python elsewhere to use the installed package"
        )
