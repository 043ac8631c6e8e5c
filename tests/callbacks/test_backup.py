"""Trainings that are killed at any time and resumed end like trainings that are not killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import fastconv
from fastconv import Sequential, callbacks, layers, metrics
from fastconv.utils import random as random_numbers

SCRIPT = Path(__file__).with_name("resumed_training.py")
ROOT = Path(fastconv.__file__).parents[1]


def start(folder, mode, kill_at=0):
    arguments = [sys.executable, str(SCRIPT), str(folder), mode, str(kill_at)]
    path = {**os.environ, "PYTHONPATH": str(ROOT)}  # import the fastconv under test, not an installed one
    return subprocess.Popen(arguments, env=path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode in (0, -signal.SIGKILL), err
    return process.returncode, out


def result(folder):
    with np.load(folder / "result.npz") as file:
        return [file[name] for name in file.files]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return the results of each way to train without interruption; computed once for each."""
    found = {}

    def get(method):
        if method not in found:
            folder = tmp_path_factory.mktemp("undisturbed")
            assert finish(start(folder, f"epoch-{method}"))[0] == 0
            found[method] = result(folder)
        return found[method]

    return get


def assert_same(folder, wanted):
    for a, b in zip(result(folder), wanted, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)


@pytest.mark.parametrize("kill_at", [1, 2, 3, 4, 5, 7, 8, 13])
def test_killed_while_it_writes(tmp_path, undisturbed, kill_at):
    """The file is half written, fully written, not yet moved over the previous file, or just moved."""
    assert finish(start(tmp_path, "epoch-", kill_at))[0] == -signal.SIGKILL
    assert finish(start(tmp_path, "epoch-"))[0] == 0
    assert_same(tmp_path, undisturbed(""))


@pytest.mark.parametrize(
    "mode", ["2-", "1-eager", "2-generator", "epoch-generator", "2-steps", "epoch-steps", "2-double"]
)
def test_killed_again_and_again(tmp_path, undisturbed, mode):
    """The process is killed within epochs and between them, in every way to train."""
    for moment in (9, 14, 3, 5, 0):
        status, _ = finish(start(tmp_path, mode, moment))
        if status == 0:
            break
    assert status == 0
    assert_same(tmp_path, undisturbed(mode.partition("-")[2]))


def test_killed_at_random_moments(tmp_path, undisturbed):
    rng = random.Random()
    for _ in range(4):
        process = start(tmp_path, "1-")
        process.stdout.readline()  # an epoch has begun, or training has ended
        time.sleep(rng.uniform(0, 0.05))
        process.kill()
        finish(process)
    assert finish(start(tmp_path, "1-"))[0] == 0
    assert_same(tmp_path, undisturbed(""))


# ---- within one process ----------------------------------------------------------------------------------------------


class Interrupted(Exception):
    pass


def interrupting(epoch, logs):
    if epoch == 2:
        raise Interrupted


def train(folder, *more, **options):
    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("adam", "mse", metrics=[metrics.R2Score()])
    backup = callbacks.BackupAndRestore(folder / "deep" / "backup", **options)
    x = np.linspace(0, 1, 30, dtype="float32").reshape(10, 3)
    model.fit(x, x[:, :1], 4, 4, verbose=0, callbacks=[backup, *more])
    return model


def test_training_resumes_after_an_exception(tmp_path):
    epochs = []
    with pytest.raises(Interrupted):
        train(tmp_path, callbacks.LambdaCallback(on_epoch_begin=interrupting))
    model = train(tmp_path, callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch)))
    assert epochs == [2, 3]
    assert model.history.epoch == [0, 1, 2, 3]
    assert int(model.optimizer.iterations) == 12


def test_a_kept_backup_records_that_training_has_ended(tmp_path):
    first = train(tmp_path, delete_checkpoint=False)
    second = train(tmp_path, delete_checkpoint=False)
    assert second.history.history == first.history.history
    np.testing.assert_array_equal(second.get_weights()[0], first.get_weights()[0])
    assert [path.name for path in (tmp_path / "deep" / "backup").iterdir()] == ["latest.npz"]


def test_the_previous_backup_replaces_a_damaged_backup(tmp_path):
    with pytest.raises(Interrupted):
        train(tmp_path, callbacks.LambdaCallback(on_epoch_begin=interrupting), double_checkpoint=True)
    latest = tmp_path / "deep" / "backup" / "latest.npz"
    content = bytearray(latest.read_bytes())
    content[len(content) // 2] ^= 255
    latest.write_bytes(content)
    with pytest.raises(ValueError, match=r"latest\.npz: the file is damaged"):
        callbacks.training_state.TrainingState.read(latest)
    epochs = []
    train(tmp_path, callbacks.LambdaCallback(on_epoch_begin=lambda e, logs: epochs.append(e)), double_checkpoint=True)
    assert epochs == [1, 2, 3]
    latest.parent.mkdir()
    latest.write_bytes(content)
    with pytest.raises(ValueError, match=r"latest\.npz: the file is damaged"):
        train(tmp_path)


def test_a_backup_of_another_model_is_refused(tmp_path):
    train(tmp_path, delete_checkpoint=False)
    backup = callbacks.BackupAndRestore(tmp_path / "deep" / "backup")
    x = np.ones((4, 3), "float32")
    for layer, more in ((layers.Dense(2), []), (layers.Dense(1), [callbacks.TerminateOnNaN()])):
        model = Sequential([layers.Input((3,)), layer])
        model.compile("adam", "mse")
        with pytest.raises(ValueError, match=r"^BackupAndRestore: .* must .* Received: "):
            model.fit(x, x[:, :1], verbose=0, callbacks=[backup, *more])
    model = Sequential([layers.Dense(1)])
    model.compile("adam", "mse")
    with pytest.raises(ValueError, match="must have its weights before fit"):
        model.fit(iter([(x, x)]), verbose=0, callbacks=[backup])


@pytest.mark.parametrize(("folder", "save_freq"), [("", "epoch"), ("x", "batch"), ("x", 0)])
def test_wrong_arguments(folder, save_freq):
    with pytest.raises(ValueError, match=r"^BackupAndRestore: .* Received: "):
        callbacks.BackupAndRestore(folder, save_freq)


def test_random_numbers_continue():
    random_numbers.set_random_seed(1)
    state = random_numbers.get_state()
    draw = lambda: (random.random(), np.random.random(), random_numbers.next_seed())  # noqa: E731, NPY002
    first = draw()
    random_numbers.set_state(state)
    assert draw() == first
