"""The base class of all optimizers: learning rate, step count, state of weights, clipping, weight decay, averages."""

from __future__ import annotations

import functools
import inspect
import itertools
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from functools import partial
from typing import Any

import numpy as np

import fastconv.config as config
import fastconv.initializers as initializers
import fastconv.ops as ops
import fastconv.serialization as serialization
from fastconv.arguments import as_flag, as_integer, as_number, as_strength, optional
from fastconv.engine import Tensor, Trace, Variable
from fastconv.engine.interrupts import assign_all, uninterrupted
from fastconv.engine.stateless import paired, run_on
from fastconv.serialization import Configurable, snake_case
from fastconv.typing import Array, ArrayLike, Config, DTypeLike, InitializerLike, LearningRateLike

# Slots that Keras saves for all variables before the next slot; other slots are saved variable by variable.
OWN_RUN = frozenset(["average_gradient", "momentum", "velocity_hat"])  # Adam's "velocity" alternates with "momentum"

_schedule_changes = itertools.count(1)


class Optimizer(Configurable):
    """Base class of optimizers: rules that assign new values to weights, given the gradients of the loss.

    A step consists of ops and assignments. Inside a trace it becomes part of the training graph; otherwise it runs
    immediately. A subclass defines `rule`, `constants`, `numbers` and, if it keeps state for each weight, `slots`; or
    `update_step` and, for its state, `build`, as in Keras.

    Args:
        learning_rate: float >= 0, which may be assigned later, a `schedules.LearningRateSchedule`, or a function
            without arguments or of the number of steps done, written with ops.
        weight_decay: float; each step first multiplies weights by 1 - learning_rate weight_decay. Defaults to None, no
            decay.
        clipnorm: float, the largest norm of each gradient, or None. At most one kind of clipping may be given.
        clipvalue: float, the largest absolute value of each element of a gradient, or None.
        global_clipnorm: float, the largest norm of all gradients together, or None.
        use_ema: bool, whether to keep a running mean of each weight, which replaces the weight when training ends.
            Defaults to False.
        ema_momentum: float from 0 to 1, the part of the running mean that a step keeps. Defaults to 0.99.
        ema_overwrite_frequency: int, the number of steps after which means replace weights, or None for the end only.
        loss_scale_factor: float, by which the loss is multiplied before gradients are computed; gradients are divided
            by it. Defaults to None, no scaling.
        gradient_accumulation_steps: int n; weights and state change in every n-th step, by the mean of n gradients.
            Defaults to None, every step.
        name: str, the first part of the paths of its variables, or None to use the name of the class in snake case.
        lr: the name of the learning rate in Keras 2.
        decay: float; in step t = 0, 1, ... the rate is divided by 1 + decay t, as in Keras 2. Defaults to 0.

    Raises:
        ValueError: if the learning rate is not a finite number >= 0, if more than one kind of clipping is given, or if
            another argument is out of its range.

    Example:
        >>> import fastconv
        >>> import numpy as np
        >>> from fastconv import optimizers
        >>> class Descent(optimizers.Optimizer):
        ...     def update_step(self, gradient, variable, learning_rate):
        ...         self.assign_sub(variable, learning_rate * gradient)
        >>> w = fastconv.Variable(np.array([1.0, -2.0], "float32"))
        >>> Descent(learning_rate=0.5).apply([np.array([1.0, -1.0], "float32")], [w])
        >>> w.numpy().tolist()
        [0.5, -1.5]
    """

    last_schedule_change = 0  # grows whenever a schedule is assigned; traced steps hold the former schedule
    slots: tuple[str, ...] = ()
    ARGUMENTS: tuple[str, ...] = ()  # arguments of a subclass that are attributes, too

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        is_ours = cls.__module__.startswith(f"{__package__}.")
        if is_ours and "__init__" in vars(cls):
            cls.ARGUMENTS = serialization.own_arguments(cls, inspect.signature(Optimizer).parameters)
        if is_ours and "further" in inspect.signature(cls.__init__).parameters:
            cls.__init__ = in_order(cls.__init__)  # type: ignore[method-assign]

    def __init__(
        self,
        learning_rate: LearningRateLike,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        lr: Any = None,
        decay: float = 0.0,
    ) -> None:
        self.name = name or snake_case(type(self).__name__)
        limits = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        given = {key: limit for key, limit in limits.items() if limit is not None}
        if len(given) > 1:
            raise ValueError(
                f"{self.name}: at most one of clipnorm, clipvalue and global_clipnorm may be given. Received: {given}"
            )
        self.clipnorm = self._positive("clipnorm", clipnorm)
        self.clipvalue = self._positive("clipvalue", clipvalue)
        self.global_clipnorm = self._positive("global_clipnorm", global_clipnorm)
        self.weight_decay = optional(as_strength, self.name, "weight_decay", weight_decay)
        self.use_ema = as_flag(self.name, "use_ema", use_ema)
        self.ema_momentum = as_number(self.name, "ema_momentum", ema_momentum, 0, 1)
        self.ema_overwrite_frequency = optional(
            as_integer, self.name, "ema_overwrite_frequency", ema_overwrite_frequency, 1
        )
        self.loss_scale_factor = self._positive("loss_scale_factor", loss_scale_factor)
        self.gradient_accumulation_steps = optional(
            as_integer, self.name, "gradient_accumulation_steps", gradient_accumulation_steps, 2
        )
        self.decay = as_strength(self.name, "decay", decay)
        self._iterations = self._variable(np.zeros((), "int64"), "iteration")
        rate = learning_rate if lr is None else lr
        self._schedule = rate if callable(rate) else None
        self._learning_rate = self._variable(self._rate(0.0 if self._schedule else rate), "learning_rate")
        self._state: dict[Variable, tuple[Variable, ...]] = {}
        self._averages: dict[Variable, Variable] = {}
        self._sums: dict[Variable, Variable] = {}  # sums of gradients since the last change
        self._added: list[Variable] = []  # variables that `add_variable` created
        self.built = False
        self.averages_shown = False  # whether averages and weights are swapped
        self._undecayed: tuple[list[Variable], list[str]] = ([], [])

    # ---- methods that subclasses define --------------------------------------------------------------------------

    rule: str  # the name of a rule of `ops.update`

    def constants(self) -> tuple[float, ...]:
        """Return the constants of the rule."""
        return ()

    def numbers(self, rate: Array, t: Array) -> tuple[Array, ...]:
        """Return the numbers of the rule that change from step to step, for the learning rate and step t = 1, 2, ..."""
        return (rate,)

    def update_step(self, gradient: Array, variable: Variable, learning_rate: Array) -> None:
        """Assign new values to `variable` and its state. A subclass may override it, as in Keras."""
        self._update_by_rule([gradient], [variable], learning_rate, decays=False)

    def update_variables(self, grads: list[Array], variables: list[Variable]) -> None:
        """Assign new values to `variables` and their state."""
        rate = self.rate()
        self.begin_step(ops.cast(self._number(), "float32"))
        if type(self).update_step is Optimizer.update_step:
            self._update_by_rule(grads, variables, rate)
            return
        for w, dw in zip(variables, grads):
            if self.decays(w):
                w.assign(w * self._kept(rate))
            self.update_step(dw, w, rate)

    def begin_step(self, t: Array) -> None:
        """Assign to state that belongs to no weight, in step t = 1, 2, ..."""

    def _number(self) -> Array:
        """Return the number of the step, beginning with 1, among the steps that change weights."""
        return ops.add(self.iterations, 1)

    def _update_by_rule(self, grads: list[Array], variables: list[Variable], rate: Array, decays: bool = True) -> None:
        numbers = self.numbers(rate, ops.cast(self._number(), "float32"))
        plain, decayed = (self._scalars(keep, numbers) for keep in (1.0, self._kept(rate) if decays else 1.0))
        for w, dw in zip(variables, grads):
            states = self.state_of(w)
            scalars = decayed if self.decays(w) else plain
            results = ops.update(self.rule, w, dw, states, scalars, self.constants())
            for variable, value in zip((w, *states), results):
                variable.assign(value)

    def initial_value(self, slot: str) -> float:
        """Return the initial value of the elements of a slot."""
        return 0.0

    # ---- methods for the rules of subclasses, as in Keras --------------------------------------------------------

    @property
    def iterations(self) -> Array:
        """The number of times that weights have changed: steps, or groups of `gradient_accumulation_steps` steps."""
        steps = self.gradient_accumulation_steps
        return self._iterations if steps is None else ops.floor_divide(self._iterations, steps)

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: InitializerLike = "zeros",
        dtype: DTypeLike | None = None,
        aggregation: str | None = "none",
        layout: object = None,
        name: str | None = None,
    ) -> Variable:
        """Create a variable of the optimizer, which is saved with it, and return it.

        Args:
            shape: tuple of int.
            initializer: a name, a function or an initializer. Defaults to "zeros".
            dtype: the name of a dtype. Defaults to `config.floatx()`.
            aggregation, layout: accepted for compatibility with Keras; see `Variable`.
            name: str, the last part of its path. Defaults to "variable".
        """
        value = initializers.get(initializer)(tuple(shape), dtype or config.floatx())
        self._added.append(self._variable(value, name or "variable", aggregation))
        return self._added[-1]

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str = "var", initializer: InitializerLike = "zeros"
    ) -> Variable:
        """Create a variable with the shape and dtype of a weight, and return it."""
        path = f"{reference_variable.path.replace('/', '_')}_{name}"
        return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype.name, name=path)

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: InitializerLike = "zeros"
    ) -> Any:
        """Create a variable for each weight and return them in a list.

        If `name` is a list of names, create a variable for each weight and name, and return a tuple of lists."""
        names = [name] if isinstance(name, str) else list(name)
        values = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        rows = [
            [self.add_variable_from_reference(v, *how) for how in zip(names, values, strict=True)]
            for v in trainable_variables
        ]
        columns = tuple(list(column) for column in zip(*rows))
        return columns[0] if isinstance(name, str) else columns

    def _get_variable_index(self, variable: Variable) -> int:
        """Return the index of a weight among the arguments of `build`."""
        return next(i for i, known in enumerate(self._state) if known is variable)

    def assign(self, variable: Variable, value: ArrayLike) -> None:
        """Assign `value` to `variable`."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: ArrayLike) -> None:
        """Add `value` to `variable`."""
        variable.assign(variable + value)

    def assign_sub(self, variable: Variable, value: ArrayLike) -> None:
        """Subtract `value` from `variable`."""
        variable.assign(variable - value)

    def scale_loss(self, loss: Array) -> Array:
        """Return the loss whose gradients `apply` takes: `loss` multiplied by `loss_scale_factor`."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # ---- the learning rate ---------------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> Array:
        """The learning rate, a float32 scalar: a variable, or the value of the schedule.

        A finite number >= 0 may be assigned if there is no schedule. A schedule or a function may be assigned at any
        time.
        """
        return self._learning_rate if self._schedule is None else self._scheduled(self._iterations.read())

    @learning_rate.setter
    def learning_rate(self, value: LearningRateLike) -> None:
        if callable(value):
            self._schedule = value
            Optimizer.last_schedule_change = next(_schedule_changes)
            return
        if self._schedule is not None:
            raise TypeError(
                f"{self.name}: a learning rate that follows a schedule cannot be assigned. Received: {value!r}"
            )
        self._learning_rate.assign(self._rate(value))

    @property
    def schedule(self) -> Any:
        """The function that gives the learning rate; None if it is a number."""
        return self._schedule

    def _scheduled(self, steps: Array) -> Array:
        """Return the learning rate that the schedule gives after `steps` steps, as float32."""
        schedule: Any = self._schedule
        return ops.cast(schedule(steps) if takes_steps(schedule) else schedule(), "float32")

    @property
    def has_assignable_rate(self) -> bool:
        """Whether a number can be assigned to `learning_rate`, because it follows no schedule."""
        return self._schedule is None

    lr = learning_rate  # the name in Keras 2

    def rate(self) -> Array:
        """Return the learning rate of the next step after its decay, a scalar in the graph."""
        steps = self._iterations.read()
        rate = self._learning_rate.read() if self._schedule is None else self._scheduled(steps)
        return rate / (1.0 + ops.cast(steps, "float32") * self.decay) if self.decay else rate

    def _rate(self, value: object) -> np.ndarray:
        """Return `value` as a float32 scalar. Raises ValueError unless it is a finite number >= 0."""
        number = value.numpy() if isinstance(value, (Variable, Tensor)) else value
        return np.array(as_strength(self.name, "learning_rate", number), "float32")

    def _positive(self, name: str, value: object) -> Any:
        """Return `value` as a Python number or None. Raises ValueError unless it is positive and finite."""
        return optional(as_number, self.name, name, value, above=0, below=np.inf)

    # ---- weight decay --------------------------------------------------------------------------------------------

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Exclude variables from weight decay: `var_list`, and those whose path contains a pattern of `var_names`."""
        self._undecayed = (list(var_list or ()), list(var_names or ()))

    def decays(self, variable: Variable) -> bool:
        """Whether weight decay changes `variable`."""
        variables, patterns = self._undecayed
        excluded = any(v is variable for v in variables) or any(re.search(p, variable.path) for p in patterns)
        return self.weight_decay is not None and not excluded

    def _kept(self, rate: Array) -> Array:
        """Return the factor by which weight decay multiplies a weight."""
        return 1.0 if self.weight_decay is None else 1.0 - rate * self.weight_decay

    def _scalars(self, keep: Array, numbers: Sequence[Array]) -> Array:
        """Return the four scalars of `ops.update`."""
        parts = [keep, *numbers, *(0.0,) * (3 - len(numbers))]
        if not any(hasattr(part, "shape") for part in parts):
            return np.array(parts, "float32")
        return ops.stack([ops.reshape(ops.cast(part, "float32"), ()) for part in parts])

    # ---- state ---------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> list[Variable]:
        """The variables that are saved: step count, learning rate, and the state of each weight in turn."""
        states = [slot for state in self._state.values() for slot in state]
        means = [*self._averages.values(), *self._sums.values()]
        return [self._iterations, self._learning_rate, *self.own_variables(), *states, *means, *self._added]

    def own_variables(self) -> list[Variable]:
        """Return the state that belongs to no weight."""
        return []

    def build(self, variables: Sequence[Variable]) -> None:
        """Create the state of each of `variables` that has none."""
        self.built = True
        for variable in variables:
            if variable in self._state:
                continue
            path = variable.path.replace("/", "_")
            self._state[variable] = tuple(
                self._variable(np.full(variable.shape, self.initial_value(slot), variable.dtype), f"{path}_{slot}")
                for slot in self.slots
            )
            if self.use_ema:
                self._averages[variable] = self._variable(variable.array, f"{path}_average")
            if self.gradient_accumulation_steps:
                zeros = np.zeros(variable.shape, variable.dtype)
                self._sums[variable] = self._variable(zeros, f"{path}_gradient_accumulator")

    def state_of(self, variable: Variable) -> tuple[Variable, ...]:
        """Return the state of `variable`: a variable of its shape for each of `slots`."""
        return self._state[variable]

    def known_variables(self) -> list[Variable]:
        """Return the variables that have state."""
        return [*self._state]

    def saved_state(self, variables: Sequence[Variable]) -> list[Variable]:
        """Return the variables to save for `variables`, in the order of Keras.

        Running means and sums of gradients come first. Each slot in `OWN_RUN` follows for all variables; the other
        slots follow variable by variable.
        """
        self._ensure_built(variables)
        rate = [] if self._schedule is not None else [self._learning_rate]
        averages = [self._averages[v] for v in variables if v in self._averages]
        runs: list[list[int]] = []
        for i, slot in enumerate(self.slots):
            if slot in OWN_RUN or not runs:
                runs.append([])
            runs[-1].append(i)
        states = [self._state[v][i] for run in runs for v in variables for i in run]
        sums = [self._sums[v] for v in variables if v in self._sums]
        return [self._iterations, *rate, *averages, *sums, *states, *self.own_variables(), *self._added]

    def set_weights(self, weights: Sequence[ArrayLike]) -> None:
        """Assign arrays to `variables`, in their order.

        Raises:
            ValueError: if the optimizer is not built, or if the arrays do not fit. Nothing is assigned in this case.
        """
        self._check_built("set_weights")
        assign_all(paired(f"{self.name}.set_weights", "weights", self.variables, [np.asarray(w) for w in weights]))

    def save_own_variables(self, store: MutableMapping[str, Array]) -> None:
        """Store the values of `variables` under "0", "1" and so on."""
        store.update({str(i): variable.numpy() for i, variable in enumerate(self.variables)})

    def load_own_variables(self, store: Mapping[str, Array]) -> None:
        """Assign values that `save_own_variables` has stored. If their number differs, warn and assign nothing."""
        variables = self.variables
        if len(store) != len(variables):
            warnings.warn(
                f"{self.name}: the state of the optimizer is not read, because it has {len(variables)} variables. "
                f"Received: {len(store)} arrays",
                stacklevel=2,
            )
            return
        assign_all((variable, store[str(i)]) for i, variable in enumerate(variables))

    def _check_built(self, method: str) -> None:
        if not self.built:
            raise ValueError(f"{self.name}: build(variables) must be called before {method}")

    def _ensure_built(self, variables: Sequence[Variable]) -> None:
        """Call `build` unless all of `variables` have state."""
        if not all(variable in self._state for variable in variables):
            self.build(variables)

    def _variable(self, value: np.ndarray, name: str, aggregation: str | None = "none") -> Variable:
        variable = Variable(value, trainable=False, aggregation=aggregation, name=name)
        variable.path = f"{self.name}/{name}"
        return variable

    # ---- steps ---------------------------------------------------------------------------------------------------

    def apply(self, grads: Sequence[Array], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Take a step: assign new values to variables, their state and `iterations`, then apply constraints.

        Args:
            grads: list with an array for each variable, of its shape, or None if the loss does not depend on the
                variable.
            trainable_variables: list of variables. Defaults to the argument of `build`.

        Raises:
            ValueError: if the number of gradients or a shape differs, or if all gradients are None.
        """
        variables = list(self._state if trainable_variables is None else trainable_variables)
        self._check(grads, variables)
        self._ensure_built(variables)
        pairs = [(g, v) for g, v in zip(grads, variables) if g is not None]
        scale = self.loss_scale_factor
        scaled = [g if scale is None else g / scale for g, _ in pairs]
        step = partial(self._step, scaled, [v for _, v in pairs], variables)
        if Trace.current() is None:
            uninterrupted(step)
        else:
            step()

    def stateless_apply(
        self, optimizer_variables: Sequence[Array], grads: Sequence[Array], trainable_variables: Sequence[Array]
    ) -> tuple[list[Array], list[Array]]:
        """Return the results of a step of `apply` for given values, without assigning anything.

        Args:
            optimizer_variables: list with a value for each of `variables`.
            grads: list with an array or None for each weight that `build` was given.
            trainable_variables: list with a value for each of these weights.

        Returns:
            The new values of the weights, and the new values of `variables`.

        Raises:
            ValueError: if the optimizer is not built, or if values do not fit.
        """
        self._check_built("stateless_apply")
        weights = paired(f"{self.name}.stateless_apply", "trainable_variables", [*self._state], trainable_variables)
        own = paired(f"{self.name}.stateless_apply", "optimizer_variables", self.variables, optimizer_variables)
        _, after = run_on([*weights, *own], self.apply, grads)
        return after[: len(weights)], after[len(weights) :]

    def _step(self, grads: list[Array], changed: list[Variable], variables: list[Variable]) -> None:
        """Take a step with gradients for the variables in `changed`."""
        if self.gradient_accumulation_steps is None:
            self.update_variables(self._clipped(grads), changed)
        elif Trace.current() is None:
            with Trace(recording=True) as trace:
                self._accumulate(grads, changed, self.gradient_accumulation_steps)
            for variable, value in trace.updates.items():
                variable.assign(value)
        else:
            self._accumulate(grads, changed, self.gradient_accumulation_steps)
        self._average(self._number())
        for variable in variables:
            if variable.constraint is not None:
                variable.assign(variable.constraint(variable))
        self._iterations.assign(ops.add(self._iterations, 1))

    def _accumulate(self, grads: list[Array], variables: list[Variable], steps: int) -> None:
        """Add gradients to their sums, and update variables by the mean in every n-th step, as part of a graph."""
        due = ops.equal(ops.mod(ops.add(self._iterations, 1), steps), 0)
        states = [state for v in variables for state in self._state[v]]
        changed = [*variables, *states, *self.own_variables(), *self._added]
        former = [v.read() for v in changed]
        sums = [self._sums[v] + g for v, g in zip(variables, grads)]
        self.update_variables(self._clipped([total / steps for total in sums]), variables)
        for variable, value in zip(changed, former):
            variable.assign(ops.where(due, variable.read(), value))
        for variable, total in zip(variables, sums):
            self._sums[variable].assign(ops.where(due, ops.zeros_like(total), total))

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Array, Variable]]) -> Any:
        """Take a step for pairs (gradient, variable), and return the number of steps; see `apply`."""
        grads, variables = zip(*grads_and_vars)
        self.apply(grads, variables)
        return self._iterations

    def _average(self, step: Array) -> None:
        """Update the running mean of each weight, and replace the weight by it if that is due."""
        for variable, average in self._averages.items():
            momentum = ops.cast(step > 1, variable.dtype) * self.ema_momentum
            average.assign(average * momentum + variable * (1.0 - momentum))
            if self.ema_overwrite_frequency:
                due = ops.equal(ops.mod(step, self.ema_overwrite_frequency), 0)
                variable.assign(ops.where(due, average, variable))

    def show_averages(self, shown: bool) -> None:
        """Let the model compute with the running means of weights if `shown` is true, else with the weights.

        Raises:
            ValueError: if no means are kept.
        """
        if not self.use_ema:
            raise ValueError(f"{self.name}: there must be running means to swap. Received: use_ema=False")
        if shown != self.averages_shown:
            uninterrupted(self._swap_averages)

    def _swap_averages(self) -> None:
        self.averages_shown = not self.averages_shown
        for variable, average in self._averages.items():
            weight = variable.numpy()
            variable.assign(average.value)
            average.assign(weight)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Assign the running means, if there are any, to `var_list`. Training calls this when it ends."""
        if self._averages:
            self.show_averages(False)
            assign_all(
                (variable, self._averages[variable].value) for variable in var_list if variable in self._averages
            )

    def _check(self, grads: Sequence[Array], variables: Sequence[Variable]) -> None:
        shapes = [None if g is None else tuple(g.shape) for g in grads]
        wanted = [v.shape for v in variables]
        if len(shapes) != len(wanted) or any(s not in (None, w) for s, w in zip(shapes, wanted)):
            raise ValueError(
                f"{self.name}: every variable must have a gradient of its shape. "
                f"Received: gradients of {shapes}, variables of {wanted}"
            )
        missing = [v.path for v, shape in zip(variables, shapes) if shape is None]
        if len(missing) == len(variables):
            raise ValueError(f"{self.name}: the loss must depend on a variable. Received: no gradient for {missing}")
        if missing:
            warnings.warn(f"{self.name}: the loss does not depend on {', '.join(missing)}", stacklevel=3)

    def _clipped(self, grads: list[Array]) -> list[Array]:
        if self.clipvalue is not None:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        if self.clipnorm is not None:
            return [_within(g, ops.sum(ops.square(g)), self.clipnorm) for g in grads]
        if self.global_clipnorm is not None:
            total = _sum([ops.sum(ops.square(g)) for g in grads])
            return [_within(g, total, self.global_clipnorm) for g in grads]
        return grads

    # ---- configuration -------------------------------------------------------------------------------------------

    def get_config(self) -> Config:
        rate = self._schedule if self._schedule is not None else float(self._learning_rate)
        return {
            "name": self.name,
            "learning_rate": rate if isinstance(rate, float) else serialization.serialize(rate),
            "weight_decay": self.weight_decay,
            "clipnorm": self.clipnorm,
            "clipvalue": self.clipvalue,
            "global_clipnorm": self.global_clipnorm,
            "use_ema": self.use_ema,
            "ema_momentum": self.ema_momentum,
            "ema_overwrite_frequency": self.ema_overwrite_frequency,
            "loss_scale_factor": self.loss_scale_factor,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
            **({"decay": self.decay} if self.decay else {}),
            **{name: getattr(self, name) for name in self.ARGUMENTS},
        }

    @classmethod
    def from_config(cls, config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
        rate = config.get("learning_rate")
        if isinstance(rate, (dict, str)):
            config = {**config, "learning_rate": serialization.deserialize("schedule", rate, custom_objects)}
        return super().from_config(config)


def _within(grad: Array, squared_norm: Array, limit: float) -> Array:
    """Return grad, scaled to norm `limit` if its norm is larger; Pascanu et al. 2013, algorithm 1."""
    return grad * (limit / ops.maximum(ops.sqrt(squared_norm), limit))


def _sum(numbers: list[Array]) -> Array:
    total = numbers[0]
    for number in numbers[1:]:
        total = total + number
    return total


def takes_steps(schedule: Callable[..., Any]) -> bool:
    """Return whether `schedule` can be called with the number of steps."""
    try:
        inspect.signature(schedule).bind(0)
    except TypeError:
        return False
    return True


def as_share(owner: object, name: str, value: object) -> Any:
    """Return `value` as a Python number. Raises ValueError unless it is at least 0 and below 1."""
    return as_number(owner, name, value, 0, below=1)


def in_order(init: Any) -> Any:
    """Return an `__init__` that also takes the arguments of `Optimizer` by position, after those of the subclass."""
    own = [p for p in inspect.signature(init).parameters.values() if p.kind is not p.VAR_KEYWORD]
    names = {p.name for p in own}
    common = [p for p in inspect.signature(Optimizer.__init__).parameters.values() if p.name not in names]
    signature = inspect.Signature([*own, *common])

    @functools.wraps(init)
    def init_in_order(*args: object, **kwargs: Any) -> None:
        init(**signature.bind(*args, **kwargs).arguments)

    init_in_order.__signature__ = signature  # type: ignore[attr-defined]
    return init_in_order
