"""Models: `Sequential`, functional or subclassed `Model`, and their creation from files and configurations."""

from fastconv.models.cloning import clone_model
from fastconv.models.files import load_model, model_from_json, save_model
from fastconv.models.functional import Functional
from fastconv.models.model import Model
from fastconv.models.sequential import Sequential

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
