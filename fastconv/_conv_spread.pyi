import numpy as np

from fastconv.geometry import Convolution

Array = np.ndarray

def conv_backward_input(
    convolution: Convolution, dy: Array, w: Array, bias: Array | None, dx: Array, activation: int, alpha: float
) -> None: ...
