import numpy as np

from fastconv.geometry import Convolution

Array = np.ndarray

def conv_depthwise(
    convolution: Convolution,
    depthwise: Convolution,
    x: Array,
    w: Array,
    bias: Array,
    k: Array,
    depthwise_bias: Array,
    y: Array,
    activation: int,
    alpha: float,
    depthwise_activation: int,
    depthwise_alpha: float,
) -> None: ...
