"""The names of `keras.preprocessing.sequence`."""

from fastconv.utils import pad_sequences

__all__ = ["pad_sequences"]
