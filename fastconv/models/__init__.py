"""Models: `Sequential`, drawn or subclassed `Model`, and reading them from files."""

from fastconv.models.functional import Functional
from fastconv.models.model import Model
from fastconv.models.saving import load_model
from fastconv.models.sequential import Sequential

__all__ = ["Functional", "Model", "Sequential", "load_model"]
