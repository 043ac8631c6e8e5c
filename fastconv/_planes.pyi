import numpy as np

from fastconv.geometry import Convolution

Array = np.ndarray

def conv(
    convolution: Convolution, x: Array, w: Array, bias: Array | None, y: Array, activation: int, alpha: float
) -> None: ...
