import numpy as np

from fastconv.geometry import Convolution

Array = np.ndarray

def conv_backward_kernel(convolution: Convolution, x: Array, dy: Array, dw: Array) -> None: ...
