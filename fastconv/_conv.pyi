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
    dots: bool = False,
) -> None: ...
def conv_backward_input(
    convolution: Convolution,
    dy: Array,
    w: Array,
    bias: Array | None,
    dx: Array,
    activation: int,
    alpha: float,
    folded: bool = False,
    dots: bool = False,
) -> None: ...
