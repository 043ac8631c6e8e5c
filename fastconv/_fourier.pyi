import numpy as np

from fastconv.geometry import Convolution
from fastconv.typing import Shape

Array = np.ndarray

def conv(
    convolution: Convolution,
    x: Array,
    w: Array,
    bias: Array | None,
    y: Array,
    activation: int,
    alpha: float,
    points: Shape,
    roots: tuple[Array, Array],
) -> None: ...
def conv_backward_kernel(
    convolution: Convolution, x: Array, dy: Array, dw: Array, points: Shape, roots: tuple[Array, Array]
) -> None: ...
