"""Callback that writes curves, histograms and graphs for TensorBoard."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Any

import numpy as np

from fastconv.arguments import as_integer
from fastconv.callbacks.callback import Callback, Logs, as_frequency
from fastconv.callbacks.events import summary_writer
from fastconv.typing import AnyModel
from fastconv.utils.model_graph import vertices

MOST_IMAGES = 3  # of each weight


class TensorBoard(Callback):
    """Write event files for TensorBoard, to be shown by ``tensorboard --logdir logs``.

    Names follow Keras. The folder "train" holds epoch_loss, epoch_learning_rate and the other quantities of an epoch,
    and, if `update_freq` is not "epoch", batch_loss. The folder "validation" holds epoch_loss, without the prefix
    "val_" of logs, and evaluation_loss_vs_iterations.

    Args:
        log_dir: str or path. The folder of this run. Default: "logs".
        histogram_freq: int. The number of epochs between histograms of the weights; 0 for none. Default: 0.
        write_graph: bool. Whether to write the graph of a functional model. Default: True.
        write_images: bool. Whether to write weights as images, together with histograms. Default: False.
        write_steps_per_second: bool. Whether to write the number of steps per second. Default: False.
        update_freq: "epoch" (default), "batch", or an int: the number of batches between writes of the training
            metrics.
        profile_batch, embeddings_freq: must be 0, since there is no profiler and no view of embeddings. Default: 0.
        embeddings_metadata: must be None. Default: None.

    Raises:
        ImportError: tensorboardX is not installed.
        ValueError: `update_freq` or `histogram_freq` is invalid, or profiles or embeddings are requested.
        OSError: the folder cannot be written to when training begins, or the disk is full later.

    Example:
        >>> board = callbacks.TensorBoard("logs", histogram_freq=1)  # doctest: +SKIP
        >>> model.fit(x, y, epochs=10, validation_split=0.2, callbacks=[board])  # doctest: +SKIP
    """

    looks_at_once = True

    STATE = ("_train_batch",)

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: int = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: object = None,
    ) -> None:
        super().__init__()
        frequency = as_frequency(self, "update_freq", update_freq, "epoch", "batch")
        as_integer(self, "profile_batch", profile_batch, 0, 0)
        as_integer(self, "embeddings_freq", embeddings_freq, 0, 0)
        if embeddings_metadata:
            raise ValueError(
                f"TensorBoard: embeddings_metadata must be None. Received: embeddings_metadata={embeddings_metadata!r}"
            )
        self.histogram_freq = as_integer(self, "histogram_freq", histogram_freq, 0)
        _tensorboardx()
        self.log_dir = os.fspath(log_dir)
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if frequency == "batch" else frequency
        self._writers: dict[str, Any] = {}
        self._in_fit = False
        self._train_batch = 0
        self._epoch_began = (0.0, 0)  # time, and number of steps
        self._batch_began = 0.0

    def on_train_begin(self, logs: Logs = None) -> None:
        self._train_batch = 0
        self._in_fit = True
        writer = self._writer("train")  # raises errors now instead of after the first epoch
        if self.write_graph and self.model.nodes:
            writer.file_writer.add_event(_graph(self.model))

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch_began = time.monotonic(), self._train_batch

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        self._batch_began = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._train_batch += 1
        if self.update_freq == "epoch" or self._train_batch % int(self.update_freq):
            return
        values = dict(logs or {})
        if self.write_steps_per_second:
            values["steps_per_second"] = 1 / (time.monotonic() - self._batch_began)
        self._write("train", "batch_{}", values, self._train_batch)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        values = dict(logs or {})
        validation = {name[4:]: values.pop(name) for name in list(values) if name.startswith("val_")}
        values["learning_rate"] = float(self.model.optimizer.learning_rate)
        if self.write_steps_per_second:
            began, steps = self._epoch_began
            values["steps_per_second"] = (self._train_batch - steps) / (time.monotonic() - began)
        self._write("train", "epoch_{}", values, epoch)
        self._write("validation", "epoch_{}", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)

    def on_test_end(self, logs: Logs = None) -> None:
        optimizer = self.model.optimizer
        step = 0 if optimizer is None else int(optimizer.iterations)
        self._write("validation", "evaluation_{}_vs_iterations", logs, step)
        if not self._in_fit:
            self._close()

    def on_train_end(self, logs: Logs = None) -> None:
        self._close()

    def on_exception(self) -> None:
        with suppress(OSError):  # the exception that ended the training matters more
            self._close()

    def _close(self) -> None:
        writers, self._writers = self._writers, {}
        self._in_fit = False
        for writer in writers.values():
            writer.close()

    def _writer(self, part: str) -> Any:
        if part not in self._writers:
            self._writers[part] = summary_writer(os.path.join(self.log_dir, part))
        return self._writers[part]

    def _write(self, part: str, tag: str, values: Logs, step: int) -> None:
        for name, value in (values or {}).items():
            for place, number in np.ndenumerate(value):
                self._writer(part).add_scalar("/".join([tag.format(name), *map(str, place)]), number, step)
        if values:
            self._writer(part).flush()

    def _write_weights(self, epoch: int) -> None:
        writer = self._writer("train")
        for weight in self.model.weights:
            writer.add_histogram(f"{weight.path}/histogram", weight.numpy(), epoch)
            images = as_images(weight.numpy()) if self.write_images else None
            if images is not None:
                writer.add_images(f"{weight.path}/image", images, epoch, dataformats="NHWC")
        writer.flush()


def as_images(weight: np.ndarray) -> np.ndarray | None:
    """Return a weight as images (N, H, W, C) with values from 0 to 1 and C from 1 to 4; None if that is impossible.

    A kernel of a 2D convolution gives an image per filter if it has 3 or 4 input channels. At most three images are
    kept.
    """
    squeezed = weight.squeeze()
    if squeezed.ndim == 1:
        images = squeezed[None, :, None, None]
    elif squeezed.ndim == 2:
        images = (squeezed.T if squeezed.shape[0] > squeezed.shape[1] else squeezed)[None, :, :, None]
    elif squeezed.ndim == 3:
        images = squeezed.transpose(2, 0, 1)[..., None]
    elif squeezed.ndim == 4 and squeezed.shape[2] in (3, 4):
        images = squeezed.transpose(3, 0, 1, 2)
    else:
        return None
    low, high = images.min(), images.max()
    return (images[:MOST_IMAGES] - low) / (high - low if high > low else 1)


def _graph(model: AnyModel) -> Any:
    """Return an event with the model's operations as a TensorBoard graph."""
    proto = _tensorboardx().proto
    nodes = [proto.node_def_pb2.NodeDef(name=v.name, op=v.kind, input=v.sources) for v in vertices(model)]
    return proto.event_pb2.Event(graph_def=proto.graph_pb2.GraphDef(node=nodes).SerializeToString())


def _tensorboardx() -> Any:
    try:
        import tensorboardX
        from tensorboardX.proto import event_pb2, graph_pb2, node_def_pb2  # noqa: F401 - loads them
    except ImportError as error:
        raise ImportError("TensorBoard needs tensorboardX: pip install fastconv[tensorboard]") from error
    return tensorboardX
