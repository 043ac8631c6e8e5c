"""The CPU backend: `Reference` with the compiled kernels in place of what they cover, which is float32."""

from __future__ import annotations

import numpy as np

from fastconv.backends.reference import Reference


class Cpu(Reference):
    """NumPy arrays; float32 by the compiled kernels, float64 by plain array code."""

    def __init__(self) -> None:
        super().__init__(np)
