"""Models from files and to files. The formats are in `fastconv.saving`, above models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import fastconv.engine.hooks as hooks
from fastconv.typing import AnyModel
from fastconv.utils.files import FilePath


def save_model(model: AnyModel, filepath: FilePath, overwrite: bool = True, zipped: bool | None = None) -> None:
    """Save a model's configuration, weights and optimizer state to a file.

    Args:
        model: a `Model`.
        filepath, overwrite, zipped: as for `Model.save`.

    Raises:
        ValueError, OSError: as for `Model.save`.

    Example:
        >>> import tempfile
        >>> model = Sequential([Input((4,)), layers.Dense(3)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     models.save_model(model, f"{folder}/model.npz")
        ...     again = models.load_model(f"{folder}/model.npz")
        >>> again.output_shape
        (None, 3)
    """
    hooks.find("save_model")(model, filepath, overwrite, zipped)


def load_model(
    filepath: FilePath, custom_objects: Mapping[str, Any] | None = None, compile: bool = True, safe_mode: bool = True
) -> Any:
    """Load a model saved by `Model.save` or by Keras (.keras, and .h5 of Keras 2 and 3).

    Args:
        filepath: str or path. The file.
        custom_objects: dict of your own classes and functions, by name. Default: None.
        compile: bool. Whether to compile the model as it was and restore the optimizer's state. Default: True.
        safe_mode: accepted as in Keras; code in a file is never executed. Default: True.

    Returns:
        A model that computes, and continues training, like the saved model.

    Raises:
        ValueError: the file is damaged, is not a model, or names an unknown layer.
        FileNotFoundError: the file does not exist.

    Example:
        >>> import tempfile
        >>> model = Sequential([Input((4,)), layers.Dense(3)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/model.npz")
        ...     again = models.load_model(f"{folder}/model.npz")
        >>> np.array_equal(again.get_weights()[0], model.get_weights()[0])
        True
    """
    return hooks.find("load_model")(filepath, custom_objects, compile, safe_mode)


def model_from_json(json_string: str, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """Create a model with new weights from the JSON of `Model.to_json`, of fastconv or Keras.

    If the model was compiled, the new model is compiled too, as in Keras.

    Args:
        json_string: str. The configuration.
        custom_objects: dict of your own classes and functions, by name. Default: None.

    Returns:
        A `Model`.

    Raises:
        ValueError: the text is not JSON, does not describe a model, or names an unknown layer.

    Example:
        >>> model = Sequential([Input((4,)), layers.Dense(3)])
        >>> models.model_from_json(model.to_json()).output_shape
        (None, 3)
    """
    return hooks.find("model_from_json")(json_string, custom_objects)
