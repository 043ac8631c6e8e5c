"""Models: layers that can be trained, summarised and saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from fastconv.arguments import as_integer, optional, plain
from fastconv.engine import DataDependentError
from fastconv.engine.symbolic import Node
from fastconv.engine.tree import leaves, rebuild
from fastconv.layers.base import Layer
from fastconv.layers.construction import for_constructor
from fastconv.models.drawn import drawn_kind, is_drawing, takes_ends
from fastconv.models.summary import print_summary
from fastconv.models.training import Trainer
from fastconv.serialization import custom_object_scope, warning_of_lambdas
from fastconv.utils.files import FilePath


class Model(Trainer):
    """A model: drawn, ``Model(inputs, outputs)`` with symbolic tensors, or written, as a subclass with `call`.

    A subclass, such as one with a `train_step`, may be drawn, too: by its arguments or those of ``super().__init__``.

    Args:
        inputs: a symbolic tensor of `Input`, or a list or dict of them.
        outputs: what is made of them, likewise.
        name: of the model.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        from fastconv.models.functional import Functional

        return super().__new__(Functional if cls is Model and is_drawing(args, kwargs) else cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if is_drawing(args, kwargs):
            written: Any = type(self)
            self.__class__ = drawn_kind(written)
            type(self).draw(self, *args, **kwargs)  # type: ignore[attr-defined]
        elif args or "inputs" in kwargs:
            raise TypeError(f"{type(self).__name__}: a drawn model needs inputs and outputs. Received: inputs alone")
        else:
            super().__init__(**kwargs)

    _places: Mapping[Any, int] = MappingProxyType({})  # of layers by their names, when they were last searched

    TRANSIENT = Trainer.TRANSIENT | {"_places"}

    def build(self, input_shape: Any) -> None:
        """Make the weights of all layers, by applying the model to data of which only the shape is known.

        Layers that `call` applies to some values and not to others are left to their first data.
        """
        self.built = True
        try:
            self._applied_to(input_shape)
        except DataDependentError:
            pass
        except BaseException:
            self.built = False
            raise

    @property
    def nodes(self) -> list[Node]:
        """The applications of operations that a drawn model consists of, in order; none of another."""
        return []

    @property
    def layers(self) -> list[Layer]:
        """The layers, in the order in which data meets them."""
        return self._inner_layers()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer with a name, or at a position in `layers`.

        Raises:
            ValueError: there is none, or both a name and a position are given.
        """
        if name is not None and index is not None:
            raise ValueError(f"{self.name}: only one of name and index can be given. Received: name={name!r}, {index=}")
        index = optional(as_integer, "get_layer", "index", index)
        layers = self.layers
        if index is not None and -len(layers) <= index < len(layers):
            return layers[index]
        place = None if name is None else self._place_of(name, layers)
        if place is not None:
            return layers[place]
        raise ValueError(
            f"{self.name}: there is no such layer. Received: name={name!r}, index={index}; "
            f"layers: {[layer.name for layer in layers]}"
        )

    def _place_of(self, name: str, layers: list[Layer]) -> int | None:
        """Where in `layers` one has this name; places are searched again only if the last ones are out of date."""
        place = self._places.get(name)
        if place is None or place >= len(layers) or layers[place].name != name:
            places = {layers[i].name: i for i in reversed(range(len(layers)))}  # of equal names, the first
            vars(self)["_places"] = places  # numbers, which hold no layers
            place = places.get(name)
        return place

    def summary(
        self,
        line_length: int | None = None,
        positions: Sequence[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: Sequence[str] | None = None,
    ) -> None:
        """Print a table of the layers, the shapes of their outputs and their numbers of weights.

        Args:
            line_length: of the table, in which longer texts are broken; as long as its texts need when None.
            positions: where each column ends, as fractions of the line up to 1.0, or as numbers of characters.
            print_fn: is given each line; `print` when None.
            expand_nested: whether the layers of models inside are listed, too.
            show_trainable: whether to tell which layers have trainable weights.
            layer_range: two regular expressions: from the first layer whose name the first one matches to the last one
                whose name the second one matches.

        Raises:
            ValueError: too little room for a column, positions for other columns, or a range that matches nothing.
        """
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    def save(self, filepath: FilePath, overwrite: bool = True, zipped: bool | None = None) -> None:
        """Write configuration, weights and the state of the optimizer into one file, whole or not at all.

        Args:
            filepath: ends in .npz, .safetensors, or as Keras reads it, too: .keras, or .h5 or .hdf5 as since Keras 2.
            overwrite: whether a file of this name may be replaced.
            zipped: None or True; a model is a file, never a folder.

        Raises:
            ValueError: another ending, or something that the format has no place for.
            FileExistsError: the file exists and must not be replaced.
            FileNotFoundError: its folder does not exist.
            OSError: it cannot be written.
        """
        from fastconv.models.saving import save_model

        save_model(self, filepath, overwrite, zipped)

    def save_weights(self, filepath: FilePath, overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Write the weights into one file, as `save`.

        Args:
            filepath: ends in .npz, .safetensors or .weights.h5, or in .h5 or .hdf5 for a file of weights as Keras 2
                writes it.
            overwrite: whether a file of this name may be replaced.
            max_shard_size: only None; weights are one file, however large they are.
        """
        from fastconv.models.saving import save_weights

        save_weights(self, filepath, overwrite, max_shard_size)

    def check_save(self, filepath: FilePath, save_weights_only: bool = False) -> None:
        """Find what would keep the model from being saved, before there is anything to lose; nothing is written.

        Args:
            filepath: where it is to be saved; may hold fields such as "{epoch:02d}", and folders that will be made.
            save_weights_only: whether it is to be saved by `save_weights` instead of `save`.

        Raises:
            ValueError: an unknown ending, or something in the model that no file can hold.
            ImportError: the ending needs a package that is not installed.
            OSError: the file could not be written there.
        """
        from fastconv.models.saving import check_save

        check_save(self, filepath, save_weights_only)

    def load_weights(self, filepath: FilePath, skip_mismatch: bool = False, by_name: bool = False) -> None:
        """Read the weights from a file of `save_weights` or `save`, fastconv's or Keras's.

        Args:
            filepath: the file.
            skip_mismatch: whether layers that do not fit are left as they are, with a warning for each. In an .h5 or
                .hdf5 this is so of single weights, and the model must have as many layers as the file.
            by_name: whether to read, from an .h5 or .hdf5, those layers alone whose names are in the file.

        Raises:
            ValueError: the file is damaged, or its weights do not fit; then nothing is written.
        """
        from fastconv.models.saving import load_weights

        load_weights(self, filepath, skip_mismatch, by_name)

    def get_config(self) -> dict:
        """The arguments of a subclass's constructor; one that has others than plain data overrides this."""
        from fastconv.models.functional import Functional

        complete = type(self).get_config in (Model.get_config, Functional.get_config)
        return for_constructor(self, {"name": self.name}, complete)

    def _graph_config(self) -> dict | None:
        """The configuration of a graph of layers in the form of fastconv; None of another model."""
        return None

    def _config_for_keras(self, class_name: str) -> dict:
        from fastconv.models.saving.to_keras import config_to_keras

        return config_to_keras({"class_name": class_name, "config": self._graph_config()})

    def own_config(self) -> dict:
        """Return the configuration in the form of fastconv; of a subclass with a `get_config`, what that returns.

        It is plain data, without a walk through what the models inside have made plain.
        """
        from fastconv.models.functional import Functional
        from fastconv.models.sequential import Sequential

        is_graph = type(self).get_config in (Functional.get_config, Sequential.get_config)
        config = self._graph_config() if is_graph else None
        return plain(self.get_config(), np.generic) if config is None else config

    @classmethod
    def from_config(cls, config: dict, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Return a new model with new weights.

        Args:
            config: what `get_config` of a model of this class, or of a functional one, has returned.
            custom_objects: classes and functions by name, before those that are registered.
        """
        from fastconv.models.functional import Functional

        if "nodes" not in config and "input_layers" not in config:
            with custom_object_scope(custom_objects or {}):
                return super().from_config(config)
        graph = Functional.from_config(config, custom_objects)
        if cls is Model:
            return graph
        if not takes_ends(cls):
            raise ValueError(f"{cls.__name__}: the constructor must take inputs and outputs of a graph, or their names")
        return cls._of_graph(graph)

    @classmethod
    def _of_graph(cls, graph: Any) -> Any:
        """Return `graph`, a functional model, as a model of this class, whose constructor takes its ends."""
        model = cls(graph.input, graph.output)
        model.name, model._trainable = graph.name, graph._trainable
        return model

    def to_json(self, **how: Any) -> str:
        """Return the configuration as JSON, from which `model_from_json`, here or in Keras, makes the model again.

        It says how the model was compiled, as in Keras. Models with operations that Keras lacks are for fastconv.

        Args:
            how: arguments of `json.dumps`.
        """
        from fastconv.models.saving.to_keras import json_of

        with warning_of_lambdas(stacklevel=4):
            return json.dumps(json_of(self), **how)

    @property
    def input_shape(self) -> Any:
        """The shape of the input, or the shapes of several as they are nested, with None for unknown sizes."""
        return rebuild(self.input, [t.shape for t in leaves(self.input)])

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or the shapes of several as they are nested, with None for unknown sizes."""
        return rebuild(self.output, [t.shape for t in leaves(self.output)])
