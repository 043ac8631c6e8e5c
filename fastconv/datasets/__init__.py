"""Data sets to try things on, as NumPy arrays."""

from fastconv.datasets import digits, fashion_mnist, mnist

__all__ = ["digits", "fashion_mnist", "mnist"]
