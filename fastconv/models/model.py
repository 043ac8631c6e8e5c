"""Models: layers that can be trained, summarized and saved."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

import fastconv.engine.hooks as hooks
from fastconv.arguments import as_integer, optional, plain
from fastconv.engine import DataDependentError
from fastconv.engine.symbolic import Node
from fastconv.engine.tree import leaves, rebuild
from fastconv.layers.base import Layer
from fastconv.layers.construction import for_constructor
from fastconv.models.constructors import is_functional, takes_inputs_and_outputs
from fastconv.models.profiling import profile_model
from fastconv.models.summary import print_summary
from fastconv.models.summary_html import summary_html
from fastconv.models.training import Trainer
from fastconv.serialization import custom_object_scope, is_of_this_package, warning_of_lambdas
from fastconv.typing import Config, ShapeLike, Tree
from fastconv.utils.files import FilePath
from fastconv.utils.layer_counts import LayerCounts
from fastconv.utils.profile import Profile

# What the configuration of a graph consists of, in the form of fastconv or of Keras.
OF_A_GRAPH = frozenset(
    [
        "input", "input_layers", "inputs", "layers", "name", "nodes", "output", "output_layers", "results", "trainable",
    ]
)  # fmt: skip


class Model(Trainer):
    """A functional model, ``Model(inputs, outputs)`` with symbolic tensors, or a subclass with the method `call`.

    A subclass, for example with its own `train_step`, can also be functional: if its arguments, or the arguments of its
    ``super().__init__``, are inputs and outputs.

    Args:
        inputs: a symbolic tensor from `Input`, or a list or dict of such tensors.
        outputs: symbolic tensors computed from the inputs, likewise.
        name: str or None. The model's name; None creates a name. Default: None.

    Raises:
        TypeError: inputs are given without outputs.
        ValueError: the outputs depend on other tensors than the inputs, or two layers have the same name.

    Example:
        >>> inputs = Input((28, 28, 1))
        >>> x = layers.Conv2D(8, 3, activation="relu")(inputs)
        >>> x = layers.GlobalAveragePooling2D()(x)
        >>> model = Model(inputs, layers.Dense(10)(x))
        >>> model.output_shape, model.count_params()
        ((None, 10), 170)

        A subclass:

        >>> class Twice(Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.dense = layers.Dense(2)
        ...     def call(self, x):
        ...         return self.dense(x) * 2
        >>> Twice()(np.zeros((3, 4))).shape
        (3, 2)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return super().__new__(_functional_class(cls) if cls is Model and is_functional(args, kwargs) else cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if is_functional(args, kwargs):
            functional = _functional_class(type(self))
            self.__class__ = functional
            functional._init_graph(self, *args, **kwargs)
        elif args or "inputs" in kwargs:
            raise TypeError(f"{type(self).__name__}: a functional model needs inputs and outputs. Received: inputs")
        else:
            super().__init__(**kwargs)

    _places: Mapping[Any, int] = MappingProxyType({})  # indices of layers by their names, at the last search

    TRANSIENT = Trainer.TRANSIENT | {"_places"}

    def build(self, input_shape: Tree) -> None:
        """Create the weights of all layers by applying the model to symbolic data of shape `input_shape`.

        If `call` chooses layers by the values of data, these layers are built at their first data.
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
        """The calls of operations of a functional model, in order; empty for other models."""
        return []

    @property
    def layers(self) -> list[Layer]:
        """The layers in the order of computation."""
        return self._inner_layers()

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return the layer with a name, or at an index of `layers`.

        Args:
            name: str or None. The layer's name. Default: None.
            index: int or None. The layer's index. Default: None.

        Raises:
            ValueError: there is no such layer, or both a name and an index are given.

        Example:
            >>> model = Sequential([Input((4,)), layers.Dense(3, name="hidden"), layers.Dense(1)])
            >>> model.get_layer("hidden") is model.get_layer(index=0)
            True
        """
        if name is not None and index is not None:
            raise ValueError(f"{self.name}: name and index cannot both be given. Received: name={name!r}, {index=}")
        index = optional(as_integer, "get_layer", "index", index)
        layers = self.layers
        if index is not None and -len(layers) <= index < len(layers):
            return layers[index]
        place = None if name is None else self._place_of(name, layers)
        if place is not None:
            return layers[place]
        raise ValueError(
            f"{self.name}: name or index must be that of a layer. Received: name={name!r}, index={index}; "
            f"layers: {[layer.name for layer in layers]}"
        )

    def _place_of(self, name: str, layers: list[Layer]) -> int | None:
        """Return the index of the first layer with this name, or None; repeat the search only if it is outdated."""
        place = self._places.get(name)
        if place is None or place >= len(layers) or layers[place].name != name:
            places = {layers[i].name: i for i in reversed(range(len(layers)))}  # the first of equal names
            vars(self)["_places"] = places  # indices, which hold no references to layers
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
        show_counts: bool = False,
        input_shape: ShapeLike | None = None,
    ) -> None:
        """Print a table of the layers, the shapes of their outputs, and their numbers of weights.

        Args:
            line_length: int or None. The length of a line; longer texts are wrapped. None fits the texts. Default:
                None.
            positions: the ends of the columns, as fractions of the line up to 1.0 or as numbers of characters, or None.
                Default: None.
            print_fn: function of a line; None for `print`. Default: None.
            expand_nested: bool. Whether to list the layers of nested models. Default: False.
            show_trainable: bool. Whether to show which layers have trainable weights. Default: False.
            layer_range: two regular expressions. The list begins with the first layer whose name matches the first, and
                ends with the last layer whose name matches the second. Default: None, all layers.
            show_counts: bool. Whether to show the window, the neurons, the connections, the multiply-adds and the
                receptive field of each layer; see `counts`. Default: False.
            input_shape: the shape of the input, beginning with the batch, or None. A model that is not built is shown
                as if it were built for it, without memory for its weights. Default: None.

        Raises:
            ValueError: a column is too narrow, positions are for other columns, a pattern matches no name, or counts
                cannot be shown.

        Example:
            >>> Sequential([Input((4,)), layers.Dense(3, name="d")], name="m").summary()
            Model: "m"
            ┏━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┓
            ┃ Layer (type) ┃ Output Shape ┃ Param # ┃
            ┡━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━┩
            │ d (Dense)    │ (None, 3)    │      15 │
            └──────────────┴──────────────┴─────────┘
             Total params: 15 (60.00 B)
             Trainable params: 15 (60.00 B)
             Non-trainable params: 0 (0.00 B)
        """
        shown = (line_length, positions, print_fn, expand_nested, show_trainable, layer_range)
        if show_counts or input_shape is not None:
            hooks.find("print_counts")(self, show_counts, input_shape, shown)
        else:
            print_summary(self, *shown)

    def counts(self, input_shape: ShapeLike | None = None) -> list[LayerCounts]:
        """Return the neurons, connections, weights, multiply-adds and receptive field of each layer.

        All counts follow from shapes. If the model is not built, no memory is allocated for its weights, so that nets
        of any size can be counted: do not give them an `Input`, which would build them.

        Args:
            input_shape: the shape of the input, beginning with the batch. Required if the model is not built, or if
                sizes of its input are unknown. Default: None.

        Returns:
            A list with a `utils.LayerCounts` for each call of a layer, in the order of computation; layers of nested
            models have names such as "model/layer".

        Raises:
            ValueError: a size is unknown, or the model is not a graph of layers.

        Example:
            >>> model = Sequential([layers.Flatten(), layers.Dense(400_000, use_bias=False)])
            >>> f"{model.counts(input_shape=(None, 200, 200, 1))[-1].weights:,}"
            '16,000,000,000'
            >>> model.built
            False
        """
        found: list[LayerCounts] = hooks.find("count_layers")(self, input_shape)
        return found

    def explain(self, input_shape: ShapeLike | None = None, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print, for each layer, the formulas of its output's size and its weights, and its counts.

        Args:
            input_shape: the shape of the input, beginning with the batch, as for `counts`. Default: None.
            print_fn: function of a line; None for `print`. Default: None.

        Raises:
            ValueError: a size is unknown, or the model is not a graph of layers.

        Example:
            >>> Sequential([Input((7, 7, 1)), layers.Conv2D(2, 3, strides=2, name="conv")], name="m").explain()
            Model "m"
            <BLANKLINE>
            conv (Conv2D)
              output shape     (None, 3, 3, 2)
              output size      (7 - 3)/2 + 1 = 3
              weights          (3*3*1 + 1)*2 = 20
              neurons          18
              connections      162
              multiply-adds    162
              receptive field  3x3
            <BLANKLINE>
            All layers
              weights          20
              neurons          18
              connections      162
              multiply-adds    162
        """
        hooks.find("print_explanation")(self, input_shape, print_fn or print)

    def profile(
        self,
        x: Tree,
        y: Tree = None,
        sample_weight: Tree = None,
        mode: str = "predict",
        passes: int | None = None,
        verbose: int | str = "auto",
    ) -> Profile:
        """Measure each step of the plan that `predict` or `fit` runs for a batch; print and return the profile.

        A step is a kernel that computes a layer, several fused layers or a part of the gradient. Times are the shortest
        of several passes, which run on copies of the variables that training assigns: the model does not change.

        Args:
            x: inputs of a batch, as in `predict`; they are not split.
            y, sample_weight: targets and weights, as in `fit`, if `mode` is "train" or "test".
            mode: "predict", "train" for a step of training, or "test" for a step of evaluation. Default: "predict".
            passes: int or None. The number of times that each step is measured; None for the number that takes half a
                second, between 5 and 1000. Default: None.
            verbose: 0 to print nothing; 1 or "auto" to print the tables. Default: "auto".

        Returns:
            A `utils.Profile` with a row for each step: layers, operation, kernel, shapes, time, GFLOP/s, share of the
            peak, GB/s, tasks, threads, and the predicted balance of tasks on other numbers of threads.

        Raises:
            ValueError: the mode is unknown, y is given to "predict", or the step has no plan, because the model runs
                eagerly or looks at values.

        Example:
            >>> model = Sequential([Input((8, 8, 3)), layers.Conv2D(4, 3, name="conv"), layers.ReLU(name="relu")])
            >>> profile = model.profile(np.zeros((1, 8, 8, 3)), passes=3, verbose=0)
            >>> [(step.layers, step.operation, step.flops) for step in profile]
            [(('conv', 'relu'), 'conv', 7776)]
        """
        return profile_model(self, (x, y, sample_weight), mode, passes, verbose)

    def _repr_html_(self) -> str:
        """Return the table of `summary` for notebooks."""
        return summary_html(self)

    def save(self, filepath: FilePath, overwrite: bool = True, zipped: bool | None = None) -> None:
        """Save the configuration, the weights and the state of the optimizer to a file, completely or not at all.

        Args:
            filepath: str or path that ends in .npz or .safetensors, or, to be read by Keras too, in .keras, .h5 or
                .hdf5 (the last two in the format of Keras 2).
            overwrite: bool. Whether to replace an existing file. Default: True.
            zipped: None or True; a model is always saved as a file, not as a folder. Default: None.

        Raises:
            ValueError: the ending is unknown, or the format cannot store a part of the model.
            FileExistsError: the file exists, and overwrite is False.
            FileNotFoundError: the folder does not exist.
            OSError: the file cannot be written.

        Example:
            >>> import tempfile
            >>> model = Sequential([Input((4,)), layers.Dense(3)])
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     model.save(f"{folder}/model.npz")
            ...     again = models.load_model(f"{folder}/model.npz")
            >>> np.array_equal(again.get_weights()[0], model.get_weights()[0])
            True
        """
        hooks.find("save_model")(self, filepath, overwrite, zipped)

    def save_weights(self, filepath: FilePath, overwrite: bool = True, max_shard_size: float | None = None) -> None:
        """Save the weights to a file.

        Args:
            filepath: str or path that ends in .npz, .safetensors or .weights.h5, or in .h5 or .hdf5 for the format of
                Keras 2.
            overwrite: bool. Whether to replace an existing file. Default: True.
            max_shard_size: must be None; weights are always saved as a single file. Default: None.

        Raises:
            ValueError, FileExistsError, FileNotFoundError, OSError: as for `save`.

        Example:
            >>> import tempfile
            >>> model = Sequential([Input((4,)), layers.Dense(3)])
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     model.save_weights(f"{folder}/weights.npz")
            ...     model.load_weights(f"{folder}/weights.npz")
        """
        hooks.find("save_weights")(self, filepath, overwrite, max_shard_size)

    def check_save(self, filepath: FilePath, save_weights_only: bool = False) -> None:
        """Check that the model can be saved, before training; nothing is written.

        Args:
            filepath: str or path. The file; it may contain fields such as "{epoch:02d}", and folders that do not exist
                yet.
            save_weights_only: bool. Whether the check is for `save_weights` instead of `save`. Default: False.

        Raises:
            ValueError: the ending is unknown, or no file can store a part of the model.
            ImportError: a package that the format needs is not installed.
            OSError: the file cannot be written.
        """
        hooks.find("check_save")(self, filepath, save_weights_only)

    def load_weights(self, filepath: FilePath, skip_mismatch: bool = False, by_name: bool = False) -> None:
        """Load weights from a file written by `save_weights` or `save`, of fastconv or Keras.

        Args:
            filepath: str or path. The file.
            skip_mismatch: bool. Whether to skip layers that do not fit, with a warning for each. For .h5 and .hdf5
                files, single weights are skipped, and the model must have the same number of layers as the file.
                Default: False.
            by_name: bool. Whether to load only the layers whose names are in the file, which must be .h5 or .hdf5.
                Default: False.

        Raises:
            ValueError: the file is damaged, or its weights do not fit; then no weight is changed.
        """
        hooks.find("load_weights")(self, filepath, skip_mismatch, by_name)

    def get_config(self) -> Config:
        """Return the arguments of a subclass's constructor; override it if these are not plain data."""
        return for_constructor(self, {"name": self.name}, complete=is_of_this_package(type(self).get_config))

    def _graph_config(self) -> dict | None:
        """Return the configuration of a graph of layers in fastconv's form, or None if the model is not a graph."""
        return None

    def arguments_beside_graph(self) -> dict[str, Any]:
        """Return what the constructor of a subclass was given beside the graph, or its layers.

        Raises:
            ValueError: an argument is no plain data, or has the name of a part of the configuration of a graph.
        """
        return {}

    def _config_for_keras(self, class_name: str) -> dict:
        return hooks.find("config_to_keras")({"class_name": class_name, "config": self._graph_config()})

    def own_config(self) -> dict:
        """Return the configuration in fastconv's form; if a subclass defines `get_config`, the result of that method.

        It consists of plain data already; nested models' configurations are not converted twice.
        """
        config = self._graph_config() if is_of_this_package(type(self).get_config) else None
        return plain(self.get_config(), np.generic) if config is None else {**config, **self.arguments_beside_graph()}

    @classmethod
    def from_config(cls, config: dict, custom_objects: Mapping[str, Any] | None = None) -> Any:
        """Create a model with new weights from a configuration.

        Args:
            config: dict returned by `get_config` of a model of this class or of a functional model.
            custom_objects: dict of classes and functions by name, with priority over registered objects. Default: None.
        """
        if "nodes" not in config and "input_layers" not in config:
            with custom_object_scope(custom_objects or {}):
                return super().from_config(config)
        graph = _functional_class(Model).from_config(config, custom_objects)
        if cls is Model:
            return graph
        if not takes_inputs_and_outputs(cls):
            raise ValueError(f"{cls.__name__}: the constructor must take inputs and outputs of a graph, or their names")
        return cls._of_graph(graph, {key: value for key, value in config.items() if key not in OF_A_GRAPH})

    @classmethod
    def _of_graph(cls, graph: Any, arguments: Mapping[str, Any]) -> Any:
        """Convert `graph`, a functional model, to a model of this class.

        Args:
            graph: the model, whose inputs and outputs the constructor takes.
            arguments: the other arguments of the constructor.
        """
        model = cls(graph.input, graph.output, **arguments)
        model.name, model._trainable = graph.name, graph._trainable
        return model

    def to_json(self, **how: Any) -> str:
        """Return the configuration as JSON, for `model_from_json` in fastconv or Keras.

        It includes the arguments of `compile`, as in Keras. Models with operations that Keras lacks are only for
        fastconv.

        Args:
            how: arguments of `json.dumps`.

        Example:
            >>> model = Sequential([Input((4,)), layers.Dense(3)])
            >>> models.model_from_json(model.to_json()).output_shape
            (None, 3)
        """
        with warning_of_lambdas(stacklevel=4):
            return json.dumps(hooks.find("json_of")(self), **how)

    @property
    def input_shape(self) -> Any:
        """The shape of the input, or nested shapes of several inputs, with None for unknown sizes."""
        return rebuild(self.input, [t.shape for t in leaves(self.input)])

    @property
    def output_shape(self) -> Any:
        """The shape of the output, or nested shapes of several outputs, with None for unknown sizes."""
        return rebuild(self.output, [t.shape for t in leaves(self.output)])


def _functional_class(cls: type[Model]) -> Any:
    """Return the class of functional models of `cls`, which is defined above this module."""
    return hooks.find("functional_class")(cls)
