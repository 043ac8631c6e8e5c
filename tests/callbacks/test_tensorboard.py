"""TensorBoard's event files, read back byte by byte."""

from __future__ import annotations

import errno
import os
import struct

import numpy as np
import pytest

from fastconv import Model, Sequential, callbacks, layers
from fastconv.callbacks.tensorboard import as_images

pytest.importorskip("tensorboardX")


def events(folder):
    """Return the events of the files in a folder: each is its length, a checksum, the message, another checksum."""
    from tensorboardX.proto.event_pb2 import Event

    for path in sorted(folder.glob("events.out.tfevents.*")):
        content = path.read_bytes()
        at = 0
        while at < len(content):
            (n,) = struct.unpack_from("<Q", content, at)
            yield Event.FromString(content[at + 12 : at + 12 + n])
            at += n + 16


def values(folder):
    """Return {(tag, step): value} of each summary."""
    return {(v.tag, event.step): v for event in events(folder) for v in event.summary.value}


def scalars(folder):
    return {key: v.simple_value for key, v in values(folder).items() if v.HasField("simple_value")}


def train(folder, epochs=2, **options):
    model = Sequential([layers.Input((4, 4, 1)), layers.Conv2D(2, 3, name="conv"), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = np.ones((10, 4, 4, 1), "float32"), np.zeros((10, 1), "float32")
    board = callbacks.TensorBoard(folder, **options)
    model.fit(x, y, 4, epochs, verbose=0, callbacks=[board], validation_split=0.2)
    return model


def test_summaries_of_epochs_have_keras_tags(tmp_path):
    history = train(tmp_path).history.history
    found = scalars(tmp_path / "train")
    assert set(found) == {(f"epoch_{name}", e) for name in ("loss", "mae", "learning_rate") for e in (0, 1)}
    assert found["epoch_mae", 1] == pytest.approx(history["mae"][1])
    found = scalars(tmp_path / "validation")
    assert set(found) == {(f"epoch_{name}", e) for name in ("loss", "mae") for e in (0, 1)} | {
        (f"evaluation_{name}_vs_iterations", n) for name in ("loss", "mae") for n in (2, 4)
    }
    assert found["epoch_loss", 0] == pytest.approx(history["val_loss"][0])


def test_batches_graph_histograms_and_images(tmp_path):
    train(tmp_path, update_freq=2, histogram_freq=2, write_images=True, write_steps_per_second=True)
    found = values(tmp_path / "train")
    assert {step for tag, step in found if tag == "batch_loss"} == {2, 4}
    assert {step for tag, step in found if tag == "epoch_steps_per_second"} == {0, 1}
    assert {step for tag, step in found if tag == "conv/kernel/histogram"} == {0}
    assert found["conv/kernel/histogram", 0].histo.num == 18
    assert found["conv/kernel/image", 0].image.encoded_image_string.startswith(b"\x89PNG")
    (graph,) = [event.graph_def for event in events(tmp_path / "train") if event.graph_def]
    from tensorboardX.proto.graph_pb2 import GraphDef

    nodes = {node.name: (node.op, list(node.input)) for node in GraphDef.FromString(graph).node}
    assert nodes["conv"][0] == "Conv2D"
    assert nodes[nodes["conv"][1][0]] == ("InputLayer", [])


def test_a_model_without_a_graph_and_evaluation_without_training(tmp_path):
    class Own(Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

    model = Own()
    model.compile("sgd", "mse")
    model.evaluate(np.ones((4, 2)), np.ones((4, 1)), verbose=0, callbacks=[callbacks.TensorBoard(tmp_path)])
    assert set(scalars(tmp_path / "validation")) == {("evaluation_loss_vs_iterations", 0)}


@pytest.mark.parametrize("stage", ["on_test_end", "on_epoch_end"])
def test_files_are_closed_after_each_call_even_if_it_fails(tmp_path, stage):
    def fail(*_):
        raise RuntimeError("stop")

    model = Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 2)), np.ones((4, 1))
    board = callbacks.TensorBoard(tmp_path)
    model.evaluate(x, y, verbose=0, callbacks=[board])
    assert not board._writers
    fails = callbacks.LambdaCallback(**{stage: fail})
    with pytest.raises(RuntimeError, match="stop"):
        model.fit(x, y, verbose=0, callbacks=[board, fails], validation_data=(x, y))
    assert not board._writers


@pytest.mark.parametrize(
    ("shape", "images"),
    [((5,), (1, 5, 1, 1)), ((3, 2), (1, 2, 3, 1)), ((3, 3, 1, 8), (3, 3, 3, 1)), ((3, 3, 3, 8), (3, 3, 3, 3)),
     ((3, 3, 2, 8), None), ((), None)],
)  # fmt: skip
def test_weights_as_images(shape, images):
    found = as_images(np.random.default_rng(0).normal(size=shape))
    assert (None if found is None else found.shape) == images
    assert found is None or (found.min() >= 0 and found.max() <= 1)


@pytest.mark.parametrize(
    "options",
    [{"update_freq": 0}, {"update_freq": True}, {"update_freq": "step"}, {"profile_batch": 2}, {"embeddings_freq": 1}],
)
def test_wrong_arguments(options):
    with pytest.raises(ValueError, match=r"^TensorBoard: .* Received: "):
        callbacks.TensorBoard("logs", **options)


class Full:
    """A file on a full disk."""

    def write(self, _):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    flush = close = lambda self: None


@pytest.mark.parametrize("options", [{}, {"histogram_freq": 1}, {"update_freq": 1}], ids=str)
def test_the_error_of_a_full_disk_names_the_folder(tmp_path, options):
    """The writer of tensorboardX loses the error in a thread, for which training would wait for ever."""
    board = callbacks.TensorBoard(tmp_path / "logs", **options)
    model = Sequential([layers.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")

    class Fill(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                records = board._writers["train"].file_writer.event_writer._events._py_recordio_writer
                records._writer.close()
                records._writer = Full()

    x, y = np.ones((4, 3), "float32"), np.ones((4, 1), "float32")
    with pytest.raises(OSError, match=r"No space left on device: .*logs.train") as error:
        model.fit(x, y, epochs=30, verbose=0, callbacks=[Fill(), board])
    assert error.value.errno == errno.ENOSPC
    model.fit(x, y, verbose=0, callbacks=[callbacks.TensorBoard(tmp_path / "again")])
