"""Models as JSON, in the form of `Model.to_json` of fastconv and Keras."""

from __future__ import annotations

from typing import Any

from fastconv.saving.building import build_model
from fastconv.saving.keras.compiling import compile_options
from fastconv.saving.keras.from_keras import from_keras
from fastconv.saving.matching import naming, parse
from fastconv.serialization import custom_object_scope

PLACE = "model_from_json"


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return a model with new weights. See `models.model_from_json`."""
    with naming(PLACE), custom_object_scope(custom_objects or {}):
        data = parse(json_string)
        shape = (data.get("build_config") or {}).get("input_shape")
        return build_model(from_keras("layer", data), shape, compile_options(data.get("compile_config"), PLACE))
