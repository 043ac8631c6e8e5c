import numpy as np

from fastconv.geometry import Convolution

Array = np.ndarray

def conv(
    convolution: Convolution,
    x: Array,
    w: Array,
    bias: Array | None,
    y: Array,
    activation: int,
    alpha: float,
    residual: Array | None = None,
) -> None: ...
def conv_2x2(
    convolution: Convolution,
    x: Array,
    w: Array,
    bias: Array | None,
    y: Array,
    activation: int,
    alpha: float,
    residual: Array | None = None,
) -> None: ...
def conv_backward_input(
    convolution: Convolution, dy: Array, w: Array, bias: Array | None, dx: Array, activation: int, alpha: float
) -> None: ...
