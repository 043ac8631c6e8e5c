"""A step of a plan with its time, work and tasks."""

from __future__ import annotations

from typing import NamedTuple

from fastconv.window import Shape


class ProfiledStep(NamedTuple):
    """A step of a plan, as `Model.profile` measured it.

    Attributes:
        layers: tuple of str, the layers that the step computes; several if steps were fused. Steps of the gradient
            carry the name of the layer forward, such as "conv1 gradient of kernel".
        operation: str, the name of the operation, such as "conv".
        kind: str, the operation with the sizes that matter for its speed, such as "conv 3x3 at 14x14".
        kernel: str, the algorithm or the kernel.
        input_shapes, output_shapes: tuples of shapes.
        seconds: float, the shortest time.
        share: float, the part of the time of all steps.
        flops: int, the additions and multiplications of a convolution or matrix product, computed as a plain sum of
            products; 0 for other operations.
        bytes: int, the size of the inputs and outputs.
        peak_share: float, FLOP/s divided by the peak of the threads in use; 0 on a GPU.
        tasks: tuple of int, the number of tasks in each phase of the kernel; empty if it has no tasks.
        threads: int, the most threads that run it.
        balance: dict from a number of threads to the predicted balance on them: the work of all tasks, divided by the
            number of threads times the work of the busiest thread. The number of threads is at most what the work is
            worth. Tasks of a phase count as equal.

    Example:
        >>> model = Sequential([Input((8, 8, 3)), layers.Conv2D(4, 3, activation="relu", name="first")])
        >>> step = model.profile(np.zeros((1, 8, 8, 3)), passes=1, verbose=0).rows[0]
        >>> step.layers, step.operation, step.flops
        (('first',), 'conv', 7776)
    """

    layers: tuple[str, ...]
    operation: str
    kind: str
    kernel: str
    input_shapes: tuple[Shape, ...]
    output_shapes: tuple[Shape, ...]
    seconds: float
    share: float
    flops: int
    bytes: int
    peak_share: float
    tasks: tuple[int, ...]
    threads: int
    balance: dict[int, float]

    @property
    def gflops(self) -> float:
        """Return the GFLOP/s."""
        return self.flops / self.seconds / 1e9

    @property
    def gbytes(self) -> float:
        """Return the GB/s, if each input and output crosses the memory once."""
        return self.bytes / self.seconds / 1e9
