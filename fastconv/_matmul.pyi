import numpy as np

Array = np.ndarray

def matmul(
    a: Array, b: Array, bias: Array | None, y: Array, transpose_b: bool, activation: int, alpha: float
) -> None: ...
def matmul_transposed(a: Array, b: Array, y: Array) -> None: ...
def matmul_stream(
    a: Array, b: Array, bias: Array | None, y: Array, transpose_b: bool, activation: int, alpha: float
) -> None: ...
def matmul_dots(
    a: Array, b: Array, bias: Array | None, y: Array, transpose_b: bool, activation: int, alpha: float
) -> None: ...
