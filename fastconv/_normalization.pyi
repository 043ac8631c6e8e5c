import numpy as np

Array = np.ndarray

def scale_shift(y: Array, x: Array, scale: Array, shift: Array) -> None: ...
def normalize(
    y: Array,
    x: Array,
    mean: Array,
    variance: Array,
    gamma: Array,
    beta: Array,
    epsilon: float,
    activation: int,
    alpha: float,
) -> None: ...
def batch_norm(y: Array, mean: Array, variance: Array, x: Array, gamma: Array, beta: Array, epsilon: float) -> None: ...
def batch_norm_activate(
    y: Array,
    mean: Array,
    variance: Array,
    scale: Array,
    shift: Array,
    x: Array,
    gamma: Array,
    beta: Array,
    epsilon: float,
    activation: int,
    alpha: float,
) -> None: ...
def batch_norm_backward(
    dx: Array,
    dgamma: Array,
    dbeta: Array,
    dy: Array,
    x: Array,
    mean: Array,
    variance: Array,
    gamma: Array,
    epsilon: float,
) -> None: ...
def batch_norm_activate_backward(
    dx: Array,
    dgamma: Array,
    dbeta: Array,
    dy: Array,
    x: Array,
    mean: Array,
    variance: Array,
    gamma: Array,
    scale: Array,
    shift: Array,
    epsilon: float,
    activation: int,
    alpha: float,
) -> None: ...
