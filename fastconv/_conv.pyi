import numpy as np

from fastconv.geometry import Convolution
from fastconv.window import Shape, Sides

Array = np.ndarray

def phases(strides: Shape, padding: Sides, dilation: Shape, w: Array, dx: Array) -> list[Shape]: ...
def fill_unreached(
    y: Array, w: Array, bias: Array | None, strides: Shape, dilation: Shape, activation: int, alpha: float
) -> None: ...
def fill_bias(y: Array, bias: Array | None, activation: int, alpha: float) -> None: ...
def tile_shape(columns: int) -> tuple[int, int]: ...
def conv(
    convolution: Convolution,
    x: Array,
    w: Array,
    bias: Array | None,
    y: Array,
    activation: int,
    alpha: float,
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
def conv_backward_input_spread(
    convolution: Convolution, dy: Array, w: Array, bias: Array | None, dx: Array, activation: int, alpha: float
) -> None: ...
def conv_backward_kernel(convolution: Convolution, x: Array, dy: Array, dw: Array) -> None: ...
