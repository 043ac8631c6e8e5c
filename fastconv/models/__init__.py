"""Models: `Sequential`, functional or subclassed `Model`, and their creation from files and configurations."""

from fastconv.models.cloning import clone_model
from fastconv.models.functional import Functional
from fastconv.models.model import Model
from fastconv.models.saving import load_model, save_model
from fastconv.models.saving.json_text import model_from_json
from fastconv.models.sequential import Sequential

__all__ = ["Functional", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
