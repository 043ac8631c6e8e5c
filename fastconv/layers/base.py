"""What every layer is: a name, variables, and a `call` written with ops."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastconv import config, initializers, ops, regularizers
from fastconv.engine import KerasTensor, Tensor, Variable
from fastconv.engine.symbolic import apply, is_symbolic
from fastconv.engine.tree import leaves, rebuild
from fastconv.serialization import serialize, snake_case

_names: Counter[str] = Counter()
_context = threading.local()


def unique_name(class_name: str) -> str:
    """conv2d, conv2d_1, conv2d_2, ... for Conv2D."""
    words = snake_case(class_name)
    _names[words] += 1
    return words if _names[words] == 1 else f"{words}_{_names[words] - 1}"


def clear_names() -> None:
    """Count names from the beginning again."""
    _names.clear()


class Layer:
    """A function with state. Subclasses make variables in `build`, from the input's shape, and compute in `call`.

    `call` is written with ops; gradient, saving and speed follow from that. If it takes `training`, it is told whether
    the model is being trained.

    Args:
        name: unique in a model; made from the class where it is None.
        trainable: whether training changes the weights.
        dtype: of the weights and of what is computed; `config.floatx()` when None.
        input_shape: the shape of one input, without the batch, for the first layer of a `Sequential`.
    """

    # Names of the constructor's arguments, which are attributes too: what `get_config` adds to those of the base class.
    ARGUMENTS: tuple[str, ...] = ()

    def __init__(
        self,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Sequence[int | None] | None = None,
    ) -> None:
        self._variables: list[Variable] = []
        self._layers: list[Layer] = []
        self.name = name or unique_name(type(self).__name__)
        self.trainable = trainable
        self.dtype = np.dtype(dtype or config.floatx()).name
        self.given_input_shape = None if input_shape is None else tuple(input_shape)
        self.built = False
        self.build_shape: Any = None  # what `build` was given, with None for the batch
        self.input: Any = None
        self.output: Any = None

    # ---- what subclasses write -----------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the variables, given the shape of the input (batch first, None where unknown)."""

    def call(self, inputs: Any) -> Any:
        """The output for `inputs`, written with ops."""
        raise NotImplementedError(f"{type(self).__name__} must define call(self, inputs)")

    # ---- state ---------------------------------------------------------------------------------------------------

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights. Setting it reaches every layer inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self._layers:
            layer.trainable = value

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep track of layers and variables that are made attributes, alone or in lists."""
        if "_layers" not in self.__dict__ and isinstance(value, (Layer, Variable)):
            raise RuntimeError(f"{type(self).__name__}: call super().__init__() before layers or variables are made")
        for leaf in leaves(value) if isinstance(value, (list, tuple, dict, Layer, Variable)) else ():
            if isinstance(leaf, Layer) and name != "_layers" and leaf not in self._layers:
                self._layers.append(leaf)
            elif isinstance(leaf, Variable) and name != "_variables" and leaf not in self._variables:
                self._variables.append(leaf)
        super().__setattr__(name, value)

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "glorot_uniform",
        dtype: str | None = None,
        trainable: bool = True,
        regularizer: Any = None,
        name: str = "variable",
    ) -> Variable:
        """A new variable of the layer.

        Args:
            shape: its sizes.
            initializer: a name such as "glorot_uniform", or a function (shape, dtype) -> array.
            dtype: the layer's own when None.
            trainable: whether training may change it.
            regularizer: a penalty on it that is added to the loss: a name, an object or None.
            name: the last part of its path.

        Raises:
            ValueError: a size is unknown or below 0.
        """
        if any(n is None or n < 0 for n in shape):
            raise ValueError(f"{self.name}: the sizes of a weight must be known. Received: {name}.shape={tuple(shape)}")
        variable = Variable(initializers.get(initializer), tuple(shape), dtype or self.dtype, trainable, name)
        variable.path = f"{self.name}/{name}"
        variable.regularizer = regularizers.get(regularizer)
        self._variables.append(variable)
        return variable

    @property
    def variables(self) -> list[Variable]:
        """All state: weights, and the seeds of random layers."""
        return self._variables + [v for layer in self._layers for v in layer.variables]

    @property
    def weights(self) -> list[Variable]:
        """The state that is saved: trainable weights before the others."""
        own = [v for v in self._variables if v.dtype.kind == "f"]
        own.sort(key=lambda v: not v.trainable)
        return own + [v for layer in self._layers for v in layer.weights]

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights that training changes: none while `trainable` is False."""
        if not self.trainable:
            return []
        own = [v for v in self._variables if v.trainable and v.dtype.kind == "f"]
        return own + [v for layer in self._layers for v in layer.trainable_weights]

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights that training leaves to the layers themselves."""
        trained = set(self.trainable_weights)
        return [v for v in self.weights if v not in trained]

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the weights, in the order of `weights`."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Write arrays into the weights, in the order of `weights`.

        Raises:
            ValueError: another number of arrays, or a shape that differs; then nothing is written.
        """
        variables, arrays = self.weights, [np.asarray(w) for w in weights]
        if len(arrays) != len(variables):
            raise ValueError(f"{self.name}: it has {len(variables)} weights. Received: {len(arrays)} arrays")
        for variable, array in zip(variables, arrays):
            if array.shape != variable.shape:
                raise ValueError(
                    f"{variable.path}: a weight keeps its shape, {variable.shape}. Received: array.shape={array.shape}"
                )
        for variable, array in zip(variables, arrays):
            variable.assign(array)

    def count_params(self) -> int:
        """How many numbers the weights hold."""
        return sum(v.size for v in self.weights)

    # ---- configuration -------------------------------------------------------------------------------------------

    def get_config(self) -> dict:
        """The arguments that make this layer again, as plain data."""
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}
        for name in self.ARGUMENTS:
            value = getattr(self, name)
            config[name] = serialize(value) if hasattr(value, "get_config") or callable(value) else value
        return config

    @classmethod
    def from_config(cls, config: dict) -> Any:
        """A new layer from what `get_config` returned."""
        return cls(**config)

    # ---- calling -------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """Apply the layer: to arrays at once, to symbolic tensors by drawing a node of a model."""
        args = tuple(self._cast(arg) for arg in args)
        self._ensure_built(args)
        if is_symbolic(args, kwargs):
            outputs = apply(self, args, kwargs if training is None else {**kwargs, "training": training})
            self.input, self.output = args[0] if len(args) == 1 else args, outputs
            return outputs
        before = getattr(_context, "training", False)
        _context.training = before if training is None else bool(training)
        try:
            if "training" in self._call_arguments():
                kwargs["training"] = _context.training
            return self.call(*args, **kwargs)
        finally:
            _context.training = before

    def _cast(self, tree: Any) -> Any:
        """Numbers in the layer's dtype; symbolic tensors are cast when their graph runs."""

        def cast(leaf: Any) -> Any:
            if isinstance(leaf, (KerasTensor, Variable)):
                return leaf
            return ops.cast(leaf if isinstance(leaf, Tensor) else np.asarray(leaf), self.dtype)

        is_nested_numbers = isinstance(tree, (list, tuple)) and not any(hasattr(x, "shape") for x in leaves(tree))
        return cast(tree) if is_nested_numbers else rebuild(tree, [cast(leaf) for leaf in leaves(tree)])

    def _ensure_built(self, args: tuple) -> None:
        if self.built:
            return
        first = args[0] if args else None
        shapes = rebuild(first, [tuple(leaf.shape) for leaf in leaves(first)])
        self.build(shapes)
        self.build_shape = rebuild(first, [(None, *leaf.shape[1:]) for leaf in leaves(first)])
        self.built = True

    @classmethod
    def _call_arguments(cls) -> tuple[str, ...]:
        code = cls.call.__code__
        return code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for an input of `input_shape` (batch first, None where unknown)."""
        one = isinstance(input_shape[0], (list, tuple))
        inputs = [KerasTensor(s, self.dtype) for s in (input_shape if one else [input_shape])]
        self._ensure_built((inputs if one else inputs[0],))
        outputs = apply(self, (inputs if one else inputs[0],), {})
        return rebuild(outputs, [leaf.shape for leaf in leaves(outputs)])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def check_rank(layer: Layer, inputs: Any, rank: int) -> None:
    """Raise ValueError where `inputs` does not have `rank` axes."""
    if len(inputs.shape) != rank:
        raise ValueError(
            f"{layer.name}: {type(layer).__name__} takes inputs with {rank} axes. Received: shape={tuple(inputs.shape)}"
        )
