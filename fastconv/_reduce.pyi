import numpy as np

Array = np.ndarray

REDUCTION_NUMBERS: dict[str, int]

def reduce(name: str, y: Array, x: Array, outer: int, inner: int) -> None: ...
