"""Sequences, where `keras.preprocessing.sequence` has them."""

from fastconv.utils import pad_sequences

__all__ = ["pad_sequences"]
