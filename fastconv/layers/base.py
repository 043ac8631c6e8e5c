"""The base class of all layers: a name, variables, and a `call` written with ops."""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import Any

import numpy as np

import fastconv.config as config
import fastconv.constraints as constraints
import fastconv.initializers as initializers
import fastconv.ops as ops
import fastconv.regularizers as regularizers
from fastconv.arguments import as_flag, as_integer, as_shape, plain
from fastconv.backends.gpu.transfer import as_array
from fastconv.caches import cached_on_argument
from fastconv.engine import KerasTensor, Tensor, Variable
from fastconv.engine.interrupts import assign_all
from fastconv.engine.names import NAMES
from fastconv.engine.stateless import paired, run_on
from fastconv.engine.symbolic import apply, is_symbolic
from fastconv.engine.tree import leaves, map_leaves, rebuild
from fastconv.engine.variable import without_memory
from fastconv.layers.construction import for_constructor, recording
from fastconv.layers.inputs import ARRAY, check_inputs
from fastconv.serialization import (
    arguments,
    is_of_this_package,
    name_places_of,
    own_arguments,
    register,
    serialize,
    serialize_for_keras,
)
from fastconv.typing import (
    Array,
    ArrayLike,
    Config,
    ConstraintLike,
    DTypeLike,
    InitializerLike,
    PaddingLike,
    RegularizerLike,
    Shape,
    ShapeLike,
    Tree,
)
from fastconv.utils.memory import are_weights_assigned_later, check_memory
from fastconv.utils.naming import unique_name
from fastconv.utils.nesting import allow_nesting
from fastconv.window import NAMED_PADDINGS, standardize_padding

COUNTED = "; Model.counts of a Sequential without Input counts it without memory"  # advice for weights

_changes = itertools.count(1)
_context = threading.local()


@register("layer")
class Layer:
    """Base class of all layers: a function with state.

    A subclass creates its variables in `build`, which receives the shape of the input, and computes its output in
    `call`. `call` is written with ops, so that gradients and saving need no further code. If `call` has an argument
    `training`, it is True while the model is trained.

    Args:
        activity_regularizer: a penalty on the output that is added to the loss, divided by the batch size: a name, a
            function or None.
        trainable: bool, whether training changes the weights. Defaults to True.
        dtype: the name of the dtype of weights and computation. Defaults to `config.floatx()`.
        autocast: bool, whether inputs are cast to `dtype`. Defaults to True.
        name: str, unique in a model and without a slash, or None to make a unique name from the class.
        input_shape: tuple, the shape of a sample without the batch axis, for the first layer of a `Sequential`.
        input_dim: int, the size of a sample with a single axis; short for `input_shape=(input_dim,)`.
        weights: list of initial values in the order of the attribute `weights`, as in Keras 2.

    Attributes:
        input: the symbolic input of the first call in a functional model, or None.
        output: the symbolic output of that call, or None.

    Raises:
        ValueError: if the name contains a slash, or if an argument is invalid.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers, ops
        >>> class Linear(layers.Layer):
        ...     def __init__(self, units, **kwargs):
        ...         super().__init__(**kwargs)
        ...         self.units = units
        ...     def build(self, input_shape):
        ...         self.kernel = self.add_weight((input_shape[-1], self.units), "ones", name="kernel")
        ...     def call(self, inputs):
        ...         return ops.matmul(inputs, self.kernel)
        >>> layer = Linear(2)
        >>> layer(np.array([[1.0, 2.0]])).tolist()
        [[3.0, 3.0]]
        >>> [w.path.split("/")[-1] for w in layer.weights]
        ['kernel']
    """

    # Names of constructor arguments that are attributes, too. `get_config` adds them to those of the base class. Layers
    # of this package define them only if they are not the arguments of the constructor.
    ARGUMENTS: tuple[str, ...] = ()

    # The kind of input that `call` takes, for errors: `ARRAY`, `ARRAYS` or None. A `call` of a user takes any input.
    INPUTS: str | None = ARRAY

    _holders: dict[str, Any]  # the attributes that may hold layers or variables
    _nesting = 0  # depth of the layers nested inside this layer
    _settings = 0  # grows whenever an argument of the constructor is set after the layer was built
    _given: Mapping[str, Any] = MappingProxyType({})  # see `recording`
    last_change = 0  # grows whenever any layer gets a part or is frozen; signatures are constant while it is constant

    def __init__(
        self,
        *,
        activity_regularizer: RegularizerLike | None = None,
        trainable: bool = True,
        dtype: DTypeLike | None = None,
        autocast: bool = True,
        name: str | None = None,
        input_shape: ShapeLike | None = None,
        input_dim: int | None = None,
        weights: Sequence[ArrayLike] | None = None,
    ) -> None:
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(f"{type(self).__name__}: name must be a string without '/'. Received: name={name!r}")
        if not isinstance(trainable, (bool, np.bool_)):
            raise ValueError(f"{type(self).__name__}: trainable must be True or False. Received: {trainable=}")
        self._added: list[Variable] = []  # variables that `add_weight` created
        self.name = name or unique_name(type(self).__name__)
        self._trainable = bool(trainable)
        self.dtype = dtype_name(self, dtype)
        self.autocast = as_flag(self, "autocast", autocast)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        if input_dim is not None:
            input_shape = (input_dim,)
        self.given_input_shape = None if input_shape is None else as_shape(self, "input_shape", input_shape)
        self._first_weights = None if weights is None else [np.array(w) for w in weights]
        self.built = False
        self.build_shape: Any = None  # the argument of `build`, with None for the batch size
        self.input: Any = None
        self.output: Any = None

    # ---- methods that subclasses define --------------------------------------------------------------------------

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        name_places_of(cls)
        if "build" in vars(cls):
            cls.build = _noted(cls.build)  # type: ignore[method-assign]  # wraps the method of the subclass
        if "__init__" not in vars(cls):
            return
        if not is_of_this_package(cls):
            cls.__init__ = recording(cls.__init__, OF_ALL_LAYERS)  # type: ignore[method-assign]  # the same
        elif "ARGUMENTS" not in vars(cls):
            cls.ARGUMENTS = own_arguments(cls, OF_ALL_LAYERS)

    def build(self, input_shape: Tree) -> None:
        """Create the variables for an input of `input_shape`, which begins with the batch; unknown sizes are None."""
        self.built = True
        known = input_shape is not None
        self.build_shape = map_shapes(lambda shape: (None, *shape[1:]), input_shape) if known else None

    def call(self, *args: Any, **kwargs: Any) -> Array:
        """Return the output for the inputs; written with ops. Subclasses choose the arguments."""
        raise NotImplementedError(f"{type(self).__name__} must define call(self, inputs)")

    # ---- state ---------------------------------------------------------------------------------------------------

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights. Setting it also sets it for all layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        Layer.last_change = next(_changes)
        for layer in self._inner_layers():
            layer.trainable = value

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute, and record it if it may hold layers or variables, now or (lists and dicts) later.

        If a constructor argument is set after the layer was built, graphs that contain the layer are traced again.
        """
        super().__setattr__(name, value)
        if (name in self.ARGUMENTS or name == "activity_regularizer") and vars(self).get("built"):
            vars(self)["_settings"] = Layer.last_change = next(_changes)
        holders = self.__dict__.setdefault("_holders", {})
        holders.pop(name, None)
        if isinstance(value, (Layer, Variable, list, dict)) or (isinstance(value, tuple) and parts_of(value)):
            holders[name] = value
            self._note_nesting(parts_of(value))
            Layer.last_change = next(_changes)
        elif is_metric(value):
            Layer.last_change = next(_changes)

    def _note_nesting(self, parts: Iterable[object]) -> None:
        """Allow calls to nest as deeply as the new parts of this layer need."""
        depth = 1 + max((part._nesting for part in parts if isinstance(part, Layer)), default=-1)
        if depth > self._nesting:
            vars(self)["_nesting"] = depth
            allow_nesting(depth)

    def __delattr__(self, name: str) -> None:
        super().__delattr__(name)
        self._holders.pop(name, None)
        Layer.last_change = next(_changes)

    # ---- copies --------------------------------------------------------------------------------------------------

    # Attributes that pickles and copies leave out: they belong to the graph around a layer, or to a running call.
    TRANSIENT: frozenset[str] = frozenset(["_call_losses", "input", "output"])

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes for pickles and copies."""
        state = {name: held for name, held in vars(self).items() if name not in self.TRANSIENT}
        holders = {name: held for name, held in self._holders.items() if name not in self.TRANSIENT}
        return {**state, "_holders": holders}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({"input": None, "output": None, **state})
        allow_nesting(self._nesting)
        Layer.last_change = next(_changes)

    def __copy__(self) -> Any:
        """Return a layer that shares nothing with this layer, as after saving and loading."""
        return copy.deepcopy(self)

    # ---- parts ---------------------------------------------------------------------------------------------------

    def _parts(self) -> list[Layer | Variable]:
        """Return the layers and variables among the attributes."""
        return parts_of(self._holders)

    def _inner_layers(self) -> list[Layer]:
        return [part for part in self._parts() if isinstance(part, Layer)]

    def _own_variables(self) -> list[Variable]:
        return [part for part in self._parts() if isinstance(part, Variable)]

    def _signature(self) -> frozenset[Any]:
        """Return the state of the layer and the layers inside on which graphs depend: settings, parts, `trainable`."""
        parts = self._parts()
        inner = [part._signature() for part in parts if isinstance(part, Layer)]
        return frozenset({(self, self._trainable, self._settings, tuple(parts))}.union(*inner))

    def add_weight(
        self,
        shape: Sequence[int] | None = None,
        initializer: InitializerLike | None = None,
        dtype: DTypeLike | None = None,
        *,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: RegularizerLike | None = None,
        constraint: ConstraintLike | None = None,
        aggregation: str | None = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Create a variable of the layer and return it.

        Args:
            shape: tuple of int. Defaults to (), a scalar.
            initializer: a name such as "he_normal", or a function (shape, dtype) -> array. Defaults to "glorot_uniform"
                for floats and "zeros" for other dtypes.
            dtype: the name of a dtype. Defaults to the dtype of the layer.
            trainable: bool, whether training may change the variable. Defaults to True.
            autocast: accepted for compatibility with Keras; see `Variable`.
            regularizer: a penalty on the variable that is added to the loss: a name, a function or None.
            constraint: a function applied to the variable after each training step: a name, a function or None.
            aggregation: accepted for compatibility with Keras; see `Variable`.
            overwrite_with_gradient: only False; Keras uses other values for training with 8 bits.
            name: str, the last part of the path of the variable.

        Raises:
            ValueError: if a size is unknown or negative, or if another argument is invalid.
        """
        self._check_initialized()
        if overwrite_with_gradient:
            raise ValueError(
                f"{self.name}: overwrite_with_gradient must be False. Received: {overwrite_with_gradient!r}"
            )
        dtype = self.dtype if dtype is None else dtype_name(self, dtype)
        if initializer is None:
            initializer = "glorot_uniform" if np.dtype(dtype).kind == "f" else "zeros"
        shape = weight_shape(self, name, shape)
        only_shape = getattr(_context, "shapes_only", False)
        if not only_shape:
            check_memory(f"{self.name}/{name}", shape, dtype, COUNTED)
        variable = Variable(
            without_memory if only_shape else first_values(initializers.get(initializer)),
            shape,
            dtype,
            trainable,
            autocast,
            aggregation,
            name=name,
        )
        variable.path = f"{self.name}/{variable.name}"
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        self._added.append(variable)
        Layer.last_change = next(_changes)
        return variable

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: InitializerLike,
        dtype: DTypeLike | None = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: RegularizerLike | None = None,
        constraint: ConstraintLike | None = None,
        name: str | None = None,
    ) -> Variable:
        """Create a variable of the layer and return it; see `add_weight`."""
        return self.add_weight(
            shape,
            initializer,
            dtype,
            trainable=trainable,
            autocast=autocast,
            regularizer=regularizer,
            constraint=constraint,
            name=name,
        )

    @property
    def variables(self) -> list[Variable]:
        """All variables: the weights and the seeds of random layers."""
        return _once(self._own_variables(), (layer.variables for layer in self._inner_layers()))

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """Variables that the optimizer does not change: non-trainable weights and the seeds of random layers."""
        trained = set(self.trainable_weights)
        return [v for v in self.variables if v not in trained]

    @property
    def weights(self) -> list[Variable]:
        """Variables that are saved, without the seeds of random layers; in each layer, trainable weights come first."""
        return _once(self._own_weights(), (layer.weights for layer in self._inner_layers()))

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that the optimizer changes. Empty if `trainable` is False."""
        if not self.trainable:
            return []
        own = [v for v in self._own_variables() if v.trainable and v.dtype.kind == "f"]
        return _once(own, (layer.trainable_weights for layer in self._inner_layers()))

    trainable_variables = trainable_weights

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """Weights that the optimizer does not change, for example moving averages."""
        trained = set(self.trainable_weights)
        return [v for v in self.weights if v not in trained]

    @property
    def metrics(self) -> list[Any]:
        """Metrics among the attributes of the layer and in its lists and dicts, followed by those of layers inside."""
        return list(dict.fromkeys(metric for layer in layers_of(self) for metric in layer._own_metrics()))

    def _own_metrics(self) -> list[Any]:
        attributes = [value for name, value in vars(self).items() if name != "_holders"]
        return [leaf for leaf in leaves(attributes) if is_metric(leaf)]

    @property
    def metrics_variables(self) -> list[Variable]:
        """The variables of `metrics`."""
        return [v for metric in self.metrics for v in metric.variables]

    def add_loss(self, loss: ArrayLike) -> None:
        """Add a scalar, or the sum of an array, to the loss that training minimizes. To be used inside `call`.

        Raises:
            RuntimeError: if the method is called outside of `call`.
        """
        losses = getattr(_context, "losses", None)
        if losses is None:
            raise RuntimeError(f"{self.name}: add_loss must be called from `call`")
        losses.append(ops.sum(loss))

    @property
    def losses(self) -> list[Array]:
        """Penalties on the trainable weights, followed by losses and activity penalties that the last call added."""
        penalties = [v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None]
        return [*penalties, *vars(self).get("_call_losses", ())]

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights, in the order of `weights`."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Assign arrays to the weights, in the order of `weights`.

        Raises:
            ValueError: if the number of arrays or a shape differs. No weight is changed in this case.
        """
        variables, arrays = self.weights, [np.asarray(w) for w in weights]
        if len(arrays) != len(variables):
            raise ValueError(
                f"{self.name}: there must be {len(variables)} arrays, one for each weight. Received: {len(arrays)}"
            )
        for variable, array in zip(variables, arrays):
            if array.shape != variable.shape:
                raise ValueError(
                    f"{variable.path}: an array must have the shape of its weight, {variable.shape}. "
                    f"Received: array.shape={array.shape}"
                )
        assign_all(zip(variables, arrays))

    def save_own_variables(self, store: MutableMapping[str, Array]) -> None:
        """Store the weights of this layer itself under "0", "1" and so on; trainable weights come first."""
        store.update({str(i): variable.numpy() for i, variable in enumerate(self._own_weights())})

    def load_own_variables(self, store: Mapping[str, Array]) -> None:
        """Assign weights that `save_own_variables` has stored.

        Raises:
            ValueError: if the arrays do not fit. No weight is changed in this case.
        """
        arrays = [np.asarray(store[str(i)]) if str(i) in store else None for i in range(len(store))]
        pairs = paired(f"{self.name}.load_own_variables", "store", self._own_weights(), arrays)
        assign_all(pairs)

    def _own_weights(self) -> list[Variable]:
        """Return the weights that do not belong to a layer inside this layer; trainable weights come first."""
        own = [v for v in self._own_variables() if v.dtype != np.uint64]
        return sorted(own, key=lambda v: not v.trainable)

    def count_params(self) -> int:
        """Return the number of elements of all weights."""
        return sum(v.size for v in self.weights)

    # ---- configuration -------------------------------------------------------------------------------------------

    def get_config(self) -> Config:
        """Return the constructor arguments as plain data, from which `from_config` makes an equal layer.

        Arguments of a user's constructor are recorded if they are plain data. A subclass that has other arguments, or
        changes them later, lists them in `ARGUMENTS` or overrides this method.

        Raises:
            ValueError: if an argument is not plain data and the subclass does neither.
        """
        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize(self.activity_regularizer)
        for name in self.ARGUMENTS:
            value = getattr(self, name)
            config[name] = _as_plain(value)
        return for_constructor(self, config, complete=is_of_this_package(type(self).get_config))

    @classmethod
    def from_config(cls, config: Config) -> Any:
        """Return a new layer for a configuration that `get_config` has returned, here or in Keras."""
        return cls(**arguments(cls, config))

    def get_build_config(self) -> Config | None:
        """Return the argument of `build_from_config`: the shape of the input, or None if the layer is not built."""
        return None if self.build_shape is None else {"input_shape": self.build_shape}

    def build_from_config(self, config: Config | None) -> None:
        """Build the layer from the result of `get_build_config`."""
        if config and "input_shape" in config:
            self.build(config["input_shape"])
        elif config and "shapes_dict" in config:
            self.build(**config["shapes_dict"])

    # ---- paths and dtypes ----------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The beginning of the paths of the layer's variables: its name."""
        return self.name

    @property
    def compute_dtype(self) -> str:
        """The dtype in which `call` computes, which is the dtype of the weights."""
        return self.dtype

    variable_dtype = compute_dtype

    @property
    def input_dtype(self) -> str:
        """The dtype to which inputs are cast."""
        return self.dtype

    # ---- calling -------------------------------------------------------------------------------------------------

    def stateless_call(
        self,
        trainable_variables: Sequence[ArrayLike],
        non_trainable_variables: Sequence[ArrayLike],
        *args: Tree,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> tuple[Any, ...]:
        """Return the output for given values of the variables, without assigning anything.

        Args:
            trainable_variables: list with a value for each of `trainable_variables`.
            non_trainable_variables: list with a value for each of `non_trainable_variables`.
            args, kwargs: the arguments of the call.
            return_losses: bool, whether to return `losses`, too. Defaults to False.

        Returns:
            The outputs, the new values of `non_trainable_variables`, and the losses if `return_losses` is true.

        Raises:
            ValueError: if the layer is not built, or if values do not fit.
        """
        if not self.built:
            raise ValueError(f"{self.name}: the layer must be built before stateless_call, for example by a call")
        owner = f"{self.name}.stateless_call"
        trained = paired(owner, "trainable_variables", self.trainable_variables, trainable_variables)
        others = paired(owner, "non_trainable_variables", self.non_trainable_variables, non_trainable_variables)

        def run(*args: Tree, **kwargs: Any) -> tuple[Any, ...]:
            outputs = self(*args, **kwargs)
            return (outputs, self.losses) if return_losses else (outputs,)

        (outputs, *losses), after = run_on([*trained, *others], run, *args, **kwargs)
        return (outputs, after[len(trained) :], *losses)

    def __call__(self, *args: Tree, training: bool | None = None, **kwargs: Any) -> Tree:
        """Apply the layer: to arrays immediately, to symbolic tensors by adding a node to the graph of a model."""
        self._check_initialized()
        names = argument_names(type(self).call)
        if not args and names and names[0] in kwargs:
            args = (kwargs.pop(names[0]),)
        at = names.index("training") if "training" in names else len(args)
        if at < len(args):
            training, kwargs, args = args[at], {**kwargs, **dict(zip(names[at + 1 :], args[at + 1 :]))}, args[:at]
        before = getattr(_context, "training", None)
        try:
            args = tuple(self._cast(arg) for arg in args)
            self._ensure_built(args)
            if is_symbolic((args, kwargs)):
                return self._apply_to_symbols(args, kwargs if training is None else {**kwargs, "training": training})
            _context.training = before if training is None else bool(training)
            if "training" in names:
                decided = _context.training is not None
                kwargs["training"] = _context.training if decided else default_training(type(self).call)
            return self._call(args, kwargs)
        except Exception:
            if self.INPUTS is not None and is_of_this_package(type(self).call):
                check_inputs(self, args)
            raise
        finally:
            _context.training = before

    def _apply_to_symbols(self, args: tuple[Tree, ...], kwargs: dict[str, Any]) -> Tree:
        """Return symbolic outputs, which the first call keeps with its inputs."""
        outputs = self._apply(args, kwargs)
        if self.output is None:
            self.input, self.output = args[0] if len(args) == 1 else args, outputs
        return outputs

    def _call(self, args: tuple[Tree, ...], kwargs: dict[str, Any]) -> Tree:
        """Return the outputs, and keep losses that the call adds, for `losses` of this and all surrounding layers."""
        outer = getattr(_context, "losses", None)
        losses: list[Any] = []
        _context.losses = losses
        try:
            outputs = self.call(*args, **kwargs) if NAMES.path is None else self._named_call(args, kwargs)
            if self.activity_regularizer is not None:
                losses.extend(self._activity_penalty(leaf) for leaf in leaves(outputs))
            return outputs
        finally:
            vars(self)["_call_losses"] = losses
            if outer is not None:
                outer.extend(losses)
            _context.losses = outer

    def _named_call(self, args: tuple[Tree, ...], kwargs: dict[str, Any]) -> Tree:
        """Return the outputs; operations are recorded with the name of this layer."""
        with NAMES.inside(self.name):
            return self.call(*args, **kwargs)

    def _activity_penalty(self, output: Array) -> Array:
        """Return the penalty on an output divided by the batch size, so that it does not grow with the batch."""
        penalty = self.activity_regularizer(output)
        return penalty / max(output.shape[0], 1) if output.shape else penalty

    def _check_initialized(self) -> None:
        if "built" not in vars(self):
            raise RuntimeError(f"{type(self).__name__}: __init__ must call super().__init__()")

    def _apply(self, args: tuple[Tree, ...], kwargs: dict[str, Any]) -> Tree:
        """Add a node to the graph. Errors name the layer and the shapes of its inputs."""
        try:
            outputs = apply(self, args, kwargs)
            vars(self).pop("_call_losses", None)
            return outputs
        except ValueError as error:
            shapes = ", ".join(str(t.shape) for t in leaves(args) if isinstance(t, KerasTensor))
            raise ValueError(f"{self.name} ({type(self).__name__}), inputs of shape {shapes}: {error}") from error

    def _cast(self, tree: Tree) -> Tree:
        """Cast numbers to the dtype of the layer. Symbolic tensors are cast when their graph runs."""

        def cast(leaf: Array) -> Tree:
            if isinstance(leaf, (KerasTensor, Variable)) or not self.autocast:
                return leaf
            return ops.cast(leaf if isinstance(leaf, Tensor) else as_array(leaf), self.dtype)

        is_nested_numbers = isinstance(tree, (list, tuple)) and not any(hasattr(x, "shape") for x in leaves(tree))
        return cast(tree) if is_nested_numbers else rebuild(tree, [cast(leaf) for leaf in leaves(tree)])

    def _ensure_built(self, args: tuple[Tree, ...]) -> None:
        if self.built:
            return
        first = args[0] if args else ()
        self.build(rebuild(first, [tuple(leaf.shape) for leaf in leaves(first)]))
        if self._first_weights is not None and not getattr(_context, "shapes_only", False):
            self.set_weights(self._first_weights)
            self._first_weights = None

    def compute_output_shape(self, input_shape: Tree) -> Tree:
        """Return the shape of the output for an input of `input_shape`.

        Shapes begin with the batch; unknown sizes are None.

        The layer is not built, and no memory is allocated for weights.
        """
        with shapes_only(self):
            outputs = self._applied_to(input_shape)
        return rebuild(outputs, [leaf.shape for leaf in leaves(outputs)])

    def compute_output_spec(self, *args: Tree, **kwargs: Any) -> Tree:
        """Return symbolic tensors with the shapes and dtypes of the outputs, for symbolic inputs.

        The layer is not built, and no memory is allocated for weights.
        """
        with shapes_only(self):
            self._ensure_built(args)
            outputs = apply(self, args, kwargs)
        return map_leaves(lambda t: KerasTensor(t.shape, t.dtype, name=t.name), outputs)

    def _applied_to(self, input_shape: Tree) -> Tree:
        """Build the layer and the layers inside, and return the symbolic outputs for inputs of `input_shape`."""
        inputs = map_shapes(lambda shape: KerasTensor(as_shape(self, "input_shape", shape), self.dtype), input_shape)
        self._ensure_built((inputs,))
        return apply(self, (inputs,), {})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


name_places_of(Layer)

OF_ALL_LAYERS = frozenset(inspect.signature(Layer).parameters)  # arguments that `Layer.get_config` returns


@contextlib.contextmanager
def shapes_only(layer: Layer) -> Iterator[None]:
    """Build layers without memory for their weights; at the end, restore `layer` and the layers inside it."""
    before = [(inner, dict(vars(inner)), copies_of_containers(inner)) for inner in layers_of(layer)]
    outer, _context.shapes_only = getattr(_context, "shapes_only", False), True
    try:
        yield
    finally:
        _context.shapes_only = outer
        for inner, attributes, containers in before:
            for container, content in containers:
                container.clear()
                container.extend(content) if isinstance(container, list) else container.update(content)
            vars(inner).clear()
            vars(inner).update(attributes)
        Layer.last_change = next(_changes)


def layers_of(layer: Layer) -> list[Layer]:
    """Return `layer` and the layers inside it at any depth, each once."""
    found = {layer: None}
    stack = [layer]
    while stack:
        inner = [child for child in stack.pop()._inner_layers() if child not in found]
        found.update(dict.fromkeys(inner))
        stack += inner
    return list(found)


def copies_of_containers(layer: Layer) -> list[tuple[Any, Any]]:
    """Return the lists, dicts and sets among the attributes of `layer`, each with a copy of its content."""
    return [(held, copy.copy(held)) for held in vars(layer).values() if type(held) in (list, dict, set)]


def _as_plain(value: object) -> Any:
    """Return an argument as configurations contain it; a layer, as in Keras, with its module."""
    if isinstance(value, Layer):
        return serialize_for_keras("layer", value)
    return serialize(value) if hasattr(value, "get_config") or callable(value) else plain(value)


def _noted(build: Callable[[Any, Any], None]) -> Callable[..., None]:
    """Return a `build` that also marks the layer as built."""

    @functools.wraps(build)
    def build_and_note(self: Layer, input_shape: Tree = None) -> None:
        build(self, input_shape)
        Layer.build(self, input_shape)

    return build_and_note


def map_shapes(function: Callable[[ShapeLike], object], shapes: Tree) -> Tree:
    """Apply `function` to each shape in nested lists, tuples and dicts of shapes."""
    if isinstance(shapes, dict):
        return {key: map_shapes(function, shape) for key, shape in shapes.items()}
    if any(isinstance(shape, (list, tuple, dict)) for shape in shapes):
        return type(shapes)(map_shapes(function, shape) for shape in shapes)
    return function(shapes)


@cached_on_argument
def argument_names(method: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the arguments of `method` after `self`."""
    return tuple(inspect.signature(method).parameters)[1:]


@cached_on_argument
def default_training(method: Callable[..., Any]) -> bool:
    """Return whether `method` trains by default: True only if its signature says so."""
    return inspect.signature(method).parameters["training"].default is True


def parts_of(tree: Tree) -> list[Layer | Variable]:
    """Return the layers and variables in nested lists, tuples and dicts, each once."""
    return list(dict.fromkeys(leaf for leaf in leaves(tree) if isinstance(leaf, (Layer, Variable))))


def is_metric(thing: object) -> bool:
    """Return whether `thing` is a metric, recognized here by its methods."""
    return hasattr(thing, "update_state") and hasattr(thing, "reset_state") and not isinstance(thing, Layer)


def _once(own: Iterable[Variable], inner: Iterable[Iterable[Variable]]) -> list[Variable]:
    """Return all variables in order; a variable that several layers share comes once."""
    return list(dict.fromkeys(chain(own, *inner)))


def check_rank(layer: Layer, inputs: Array, rank: int) -> None:
    """Raise ValueError if `inputs`, a tensor or a shape, does not have `rank` axes."""
    shape: Array = getattr(inputs, "shape", inputs)
    if len(shape) != rank:
        raise ValueError(
            f"{layer.name}: {type(layer).__name__} takes inputs with {rank} axes. Received: shape={tuple(shape)}"
        )


def check_count(layer: Layer, name: str, value: object) -> int:
    """Return `value` as an int. Raises ValueError unless it is an integer of at least 1."""
    return as_integer(layer, name, value, 1)


def padding_of(layer: Any, padding: PaddingLike, names: Sequence[str] = NAMED_PADDINGS) -> Any:
    """Return `padding` of a window over `layer.rank` axes: a name in `names`, or a pair (before, after) per axis.

    Raises:
        ValueError: if `padding` is anything else.
    """
    sides = plain(padding)
    if any(isinstance(n, bool) for n in leaves(sides)):
        raise ValueError(
            f"{type(layer).__name__}: padding must be a name or pairs of integers >= 0. Received: {padding=}"
        )
    return standardize_padding(type(layer).__name__, sides, layer.rank, names)


def dtype_name(layer: Layer, dtype: DTypeLike | None) -> str:
    """Return the name of a dtype that NumPy has, `config.floatx()` for None. Raises ValueError for anything else."""
    if dtype is None:
        return config.floatx()
    try:
        return np.dtype(dtype if isinstance(dtype, (str, type, np.dtype)) and dtype else "").name
    except TypeError:
        raise ValueError(
            f"{type(layer).__name__}: dtype must be the name of a dtype, such as 'float32'. Received: {dtype=}"
        ) from None


def first_values(initializer: Callable[..., Any]) -> Callable[..., Any]:
    """Return the initializer of a new weight: zeros for random values that will be replaced before they are read.

    A `build` may compute something from values that are the same in each model: these are not left out.
    """
    is_random = isinstance(initializer, initializers.RandomInitializer) and initializer.seed is None
    return np.zeros if is_random and are_weights_assigned_later() else initializer


def weight_shape(layer: Layer, name: str | None, shape: ShapeLike | None) -> Shape:
    """Return `shape` as a tuple of ints, () for None. Raises ValueError if a size is unknown or not an integer."""
    sizes = as_shape(layer.name, "the shape of a weight", () if shape is None else shape)
    known = tuple(n for n in sizes if n is not None)
    if len(known) < len(sizes):
        raise ValueError(f"{layer.name}: the sizes of a weight must be known. Received: {name}.shape={shape}")
    return known
