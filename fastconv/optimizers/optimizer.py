"""What every optimizer has: a learning rate, a count of steps, state beside each weight, clipping, decay, averages."""

from __future__ import annotations

import functools
import inspect
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from fastconv import config, initializers, ops, serialization
from fastconv.arguments import as_flag, as_integer, as_number, as_strength, optional
from fastconv.engine import Tensor, Trace, Variable
from fastconv.engine.interrupts import assign_all, uninterrupted
from fastconv.engine.stateless import paired, run_on
from fastconv.serialization import Configurable, snake_case

OWN_RUN = frozenset(["average_gradient", "momentum", "velocity_hat"])  # Adam's "velocity" goes on with its "momentum"


class Optimizer(Configurable):
    """A rule that assigns new values to weights, given the gradient of the loss with respect to each.

    Everything it does is made of ops and assignments: inside a trace a step becomes part of the training graph, outside
    of one it is done at once. A subclass defines `rule`, `constants` and `numbers`, and `slots` if it keeps state
    beside each weight; or `update_step`, and `build` for its state, as in Keras.

    Args:
        learning_rate: a number, to which another one may be assigned later; or a `schedules.LearningRateSchedule`, or
            any function of the number of steps done, or of nothing, written with ops.
        weight_decay: what share of each weight, times the learning rate, is taken off it before each step.
        clipnorm: the largest norm that each gradient may have.
        clipvalue: the largest absolute value that each element may have.
        global_clipnorm: the largest norm that all gradients together may have; at most one of the three.
        use_ema: keep a running mean of each weight, which takes its place when training ends.
        ema_momentum: how much of the mean a step keeps.
        ema_overwrite_frequency: after so many steps means take the weights' place, too.
        loss_scale_factor: the loss is multiplied by it before its gradient is taken, which is divided by it.
        gradient_accumulation_steps: weights and state change in every n-th step, by the mean of n gradients.
        name: the first part of the path of its variables; that of the class in snake case, when None.
        lr: the learning rate, as in Keras 2.
        decay: in step t, from 0 on, the rate is divided by 1 + decay t, as in Keras 2.

    Raises:
        ValueError: a learning rate that is no finite number from 0 on, more than one way of clipping, or one that is
            not positive, a momentum outside of [0, 1], or another number that cannot be.
    """

    slots: tuple[str, ...] = ()
    ARGUMENTS: tuple[str, ...] = ()  # of a subclass, which are its attributes, too

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        is_ours = cls.__module__.startswith(f"{__package__}.")
        if is_ours and "further" in inspect.signature(cls.__init__).parameters:
            cls.__init__ = in_order(cls.__init__)  # type: ignore[method-assign]

    def __init__(
        self,
        learning_rate: Any,
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
        self._sums: dict[Variable, Variable] = {}  # of gradients since the last change
        self._added: list[Variable] = []  # by `add_variable`
        self.built = False
        self.averages_shown = False  # whether they and the weights have changed places
        self._undecayed: tuple[list[Variable], list[str]] = ([], [])

    # ---- what subclasses write -----------------------------------------------------------------------------------

    rule: str  # of `ops.update`

    def constants(self) -> tuple[float, ...]:
        """The numbers of the rule that do not change."""
        return ()

    def numbers(self, rate: Any, t: Any) -> tuple[Any, ...]:
        """The numbers of the rule that change, given the learning rate and the number t of the step, from 1 on."""
        return (rate,)

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Assign a new value to `variable` and its state; a subclass may override it, as in Keras."""
        self._update_by_rule([gradient], [variable], learning_rate, decays=False)

    def update_variables(self, grads: list[Any], variables: list[Variable]) -> None:
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

    def begin_step(self, t: Any) -> None:
        """Assign to state that belongs to no weight, in the step of number t, from 1 on."""

    def _number(self) -> Any:
        """The number of the step, 1 in the first: of those that change weights."""
        return ops.add(self.iterations, 1)

    def _update_by_rule(self, grads: list[Any], variables: list[Variable], rate: Any, decays: bool = True) -> None:
        numbers = self.numbers(rate, ops.cast(self._number(), "float32"))
        plain, decayed = (self._scalars(keep, numbers) for keep in (1.0, self._kept(rate) if decays else 1.0))
        for w, dw in zip(variables, grads):
            states = self.state_of(w)
            scalars = decayed if self.decays(w) else plain
            results = ops.update(self.rule, w, dw, states, scalars, self.constants())
            for variable, value in zip((w, *states), results):
                variable.assign(value)

    def initial_value(self, slot: str) -> float:
        """What the elements of a slot are before the first step."""
        return 0.0

    # ---- what the rules of subclasses are written with, as in Keras ----------------------------------------------

    @property
    def iterations(self) -> Any:
        """How often weights have changed: the number of steps, or of groups of `gradient_accumulation_steps`."""
        steps = self.gradient_accumulation_steps
        return self._iterations if steps is None else ops.floor_divide(self._iterations, steps)

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str | None = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Return a new variable of the optimizer, which is saved with it.

        Args:
            shape: its sizes.
            initializer: a name, a function or an initializer.
            dtype: that of `config.floatx()` when None.
            aggregation, layout: accepted as Keras does, see `Variable`.
            name: the last part of its path; "variable" when None.
        """
        value = initializers.get(initializer)(tuple(shape), dtype or config.floatx())
        self._added.append(self._variable(value, name or "variable", aggregation))
        return self._added[-1]

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str = "var", initializer: Any = "zeros"
    ) -> Variable:
        """A new variable of the shape and dtype of a weight."""
        path = f"{reference_variable.path.replace('/', '_')}_{name}"
        return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype.name, name=path)

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """A new variable for each weight, in a list; a tuple of lists if `name` is a list of names."""
        names = [name] if isinstance(name, str) else list(name)
        values = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        rows = [
            [self.add_variable_from_reference(v, *how) for how in zip(names, values, strict=True)]
            for v in trainable_variables
        ]
        columns = tuple(list(column) for column in zip(*rows))
        return columns[0] if isinstance(name, str) else columns

    def _get_variable_index(self, variable: Variable) -> int:
        """The place of a weight among those that `build` was given."""
        return next(i for i, known in enumerate(self._state) if known is variable)

    def assign(self, variable: Variable, value: Any) -> None:
        """Let a variable have a value."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a variable."""
        variable.assign(variable + value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a variable."""
        variable.assign(variable - value)

    def scale_loss(self, loss: Any) -> Any:
        """The loss whose gradient `apply` takes: times `loss_scale_factor`."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # ---- the learning rate ---------------------------------------------------------------------------------------

    @property
    def learning_rate(self) -> Any:
        """A scalar, float32: a variable, to which finite numbers from 0 on may be assigned, or what a schedule says.

        A schedule, or a function, may be assigned at any time.
        """
        return self._learning_rate if self._schedule is None else self._scheduled(self._iterations.read())

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value):
            self._schedule = value
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

    def _scheduled(self, steps: Any) -> Any:
        """The learning rate that the schedule gives after `steps` steps, float32."""
        schedule: Any = self._schedule
        return ops.cast(schedule(steps) if takes_steps(schedule) else schedule(), "float32")

    @property
    def has_assignable_rate(self) -> bool:
        """Whether a number can be assigned to `learning_rate`, because it follows no schedule."""
        return self._schedule is None

    lr = learning_rate  # what Keras 2 calls it

    def rate(self) -> Any:
        """The learning rate of the next step, after its decay, a scalar as part of the graph."""
        steps = self._iterations.read()
        rate = self._learning_rate.read() if self._schedule is None else self._scheduled(steps)
        return rate / (1.0 + ops.cast(steps, "float32") * self.decay) if self.decay else rate

    def _rate(self, value: Any) -> np.ndarray:
        """`value` as the learning rate is kept. Raises ValueError unless it is a finite number from 0 on."""
        number = value.numpy() if isinstance(value, (Variable, Tensor)) else value
        return np.array(as_strength(self.name, "learning_rate", number), "float32")

    def _positive(self, name: str, value: Any) -> Any:
        """`value` as a Python number or None. Raises ValueError unless it is positive and finite."""
        return optional(as_number, self.name, name, value, above=0, below=np.inf)

    # ---- weight decay --------------------------------------------------------------------------------------------

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Take nothing off these variables, nor off those whose path one of the patterns is found in."""
        self._undecayed = (list(var_list or ()), list(var_names or ()))

    def decays(self, variable: Variable) -> bool:
        """Whether weight decay changes `variable`."""
        variables, patterns = self._undecayed
        excluded = any(v is variable for v in variables) or any(re.search(p, variable.path) for p in patterns)
        return self.weight_decay is not None and not excluded

    def _kept(self, rate: Any) -> Any:
        """The share of a weight that is left by its decay."""
        return 1.0 if self.weight_decay is None else 1.0 - rate * self.weight_decay

    def _scalars(self, keep: Any, numbers: Sequence[Any]) -> Any:
        """The four scalars of `ops.update`."""
        parts = [keep, *numbers, *(0.0,) * (3 - len(numbers))]
        if not any(hasattr(part, "shape") for part in parts):
            return np.array(parts, "float32")
        return ops.stack([ops.reshape(ops.cast(part, "float32"), ()) for part in parts])

    # ---- state ---------------------------------------------------------------------------------------------------

    @property
    def variables(self) -> list[Variable]:
        """All that a saved optimizer needs: the count of steps, the learning rate, the state of each weight in turn."""
        states = [slot for state in self._state.values() for slot in state]
        means = [*self._averages.values(), *self._sums.values()]
        return [self._iterations, self._learning_rate, *self.own_variables(), *states, *means, *self._added]

    def own_variables(self) -> list[Variable]:
        """State that belongs to no weight."""
        return []

    def build(self, variables: Sequence[Variable]) -> None:
        """Make the state of each of `variables`; those that have it keep it."""
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
        """The state beside `variable`, one variable of its shape for each of `slots`."""
        return self._state[variable]

    def known_variables(self) -> list[Variable]:
        """The variables beside which there is state."""
        return [*self._state]

    def saved_state(self, variables: Sequence[Variable]) -> list[Variable]:
        """All that a saved optimizer needs for `variables`, in the order in which Keras keeps it.

        Running means and sums of gradients come first; slots of `OWN_RUN` follow in a run through all variables of
        their own, the others variable by variable.
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

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Write arrays into `variables`, in their order.

        Raises:
            ValueError: the optimizer is not built, or the arrays do not fit; then nothing is written.
        """
        self._check_built("set_weights")
        assign_all(paired(f"{self.name}.set_weights", "weights", self.variables, [np.asarray(w) for w in weights]))

    def save_own_variables(self, store: MutableMapping[str, Any]) -> None:
        """Put the values of `variables` into `store`, under "0", "1" and so on."""
        store.update({str(i): variable.numpy() for i, variable in enumerate(self.variables)})

    def load_own_variables(self, store: Mapping[str, Any]) -> None:
        """Read what `save_own_variables` has stored; if it holds other variables, warn and read nothing."""
        variables = self.variables
        if len(store) != len(variables):
            warnings.warn(
                f"{self.name}: the state of the optimizer is not read, since it has {len(variables)} variables. "
                f"Received: {len(store)} arrays",
                stacklevel=2,
            )
            return
        assign_all((variable, store[str(i)]) for i, variable in enumerate(variables))

    def _check_built(self, method: str) -> None:
        if not self.built:
            raise ValueError(f"{self.name}: build(variables) must be called before {method}")

    def _ensure_built(self, variables: Sequence[Variable]) -> None:
        """Call `build`, unless all of `variables` have their state."""
        if not all(variable in self._state for variable in variables):
            self.build(variables)

    def _variable(self, value: np.ndarray, name: str, aggregation: str | None = "none") -> Variable:
        variable = Variable(value, trainable=False, aggregation=aggregation, name=name)
        variable.path = f"{self.name}/{name}"
        return variable

    # ---- steps ---------------------------------------------------------------------------------------------------

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Assign new values to variables, to their state and to `iterations`: one step, then what constraints ask.

        Args:
            grads: for each variable an array of its shape, or None if the loss does not depend on it.
            trainable_variables: the variables; those that `build` was given, when None.

        Raises:
            ValueError: another number of gradients than variables, another shape, or None for all of them.
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
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """Return what a step of `apply` would make of given values; nothing is assigned.

        Args:
            optimizer_variables: a value for each of `variables`.
            grads: for each weight that `build` was given an array of its shape, or None.
            trainable_variables: a value for each of these weights.

        Returns:
            The new values of the weights, and those of `variables`.

        Raises:
            ValueError: the optimizer is not built, or values do not fit.
        """
        self._check_built("stateless_apply")
        weights = paired(f"{self.name}.stateless_apply", "trainable_variables", [*self._state], trainable_variables)
        own = paired(f"{self.name}.stateless_apply", "optimizer_variables", self.variables, optimizer_variables)
        _, after = run_on([*weights, *own], self.apply, grads)
        return after[: len(weights)], after[len(weights) :]

    def _step(self, grads: list[Any], changed: list[Variable], variables: list[Variable]) -> None:
        """One step with gradients for those of `variables` that have one."""
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

    def _accumulate(self, grads: list[Any], variables: list[Variable], steps: int) -> None:
        """Add up gradients, and update the variables by their mean in every n-th step; both as part of a graph."""
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

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """`apply`, for pairs of a gradient and its variable; returns the number of steps."""
        grads, variables = zip(*grads_and_vars)
        self.apply(grads, variables)
        return self._iterations

    def _average(self, step: Any) -> None:
        """Move the running mean of each weight, and put it in the weight's place where that is due."""
        for variable, average in self._averages.items():
            momentum = ops.cast(step > 1, variable.dtype) * self.ema_momentum
            average.assign(average * momentum + variable * (1.0 - momentum))
            if self.ema_overwrite_frequency:
                due = ops.equal(ops.mod(step, self.ema_overwrite_frequency), 0)
                variable.assign(ops.where(due, average, variable))

    def show_averages(self, shown: bool) -> None:
        """Let weights and their running means change places, so that the model computes with these, or back again.

        Raises:
            ValueError: no means are kept.
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
        """When training ends: give `var_list` the values of their running means, if these are kept."""
        if self._averages:
            self.show_averages(False)
            assign_all(
                (variable, self._averages[variable].value) for variable in var_list if variable in self._averages
            )

    def _check(self, grads: Sequence[Any], variables: Sequence[Variable]) -> None:
        shapes = [None if g is None else tuple(g.shape) for g in grads]
        wanted = [v.shape for v in variables]
        if len(shapes) != len(wanted) or any(s not in (None, w) for s, w in zip(shapes, wanted)):
            raise ValueError(
                f"{self.name}: every variable needs a gradient of its shape. "
                f"Received: gradients of {shapes}, variables of {wanted}"
            )
        missing = [v.path for v, shape in zip(variables, shapes) if shape is None]
        if len(missing) == len(variables):
            raise ValueError(f"{self.name}: the loss must depend on a variable. Received: no gradient for {missing}")
        if missing:
            warnings.warn(f"{self.name}: the loss does not depend on {', '.join(missing)}", stacklevel=3)

    def _clipped(self, grads: list[Any]) -> list[Any]:
        if self.clipvalue is not None:
            return [ops.clip(g, -self.clipvalue, self.clipvalue) for g in grads]
        if self.clipnorm is not None:
            return [_within(g, ops.sum(ops.square(g)), self.clipnorm) for g in grads]
        if self.global_clipnorm is not None:
            total = _sum([ops.sum(ops.square(g)) for g in grads])
            return [_within(g, total, self.global_clipnorm) for g in grads]
        return grads

    # ---- configuration -------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
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


def _within(grad: Any, squared_norm: Any, limit: float) -> Any:
    """grad, scaled so that a norm above `limit` becomes `limit`; Pascanu et al. 2013, algorithm 1."""
    return grad * (limit / ops.maximum(ops.sqrt(squared_norm), limit))


def _sum(numbers: list[Any]) -> Any:
    total = numbers[0]
    for number in numbers[1:]:
        total = total + number
    return total


def takes_steps(schedule: Callable[..., Any]) -> bool:
    """Whether `schedule` can be called with the number of steps."""
    try:
        inspect.signature(schedule).bind(0)
    except TypeError:
        return False
    return True


def as_share(owner: Any, name: str, value: Any) -> Any:
    """`value` as a Python number. Raises ValueError unless it is at least 0 and below 1."""
    return as_number(owner, name, value, 0, below=1)


def in_order(init: Any) -> Any:
    """Return `init(self, ..., **further)` with the arguments of every `Optimizer` after its own, also by position."""
    own = [p for p in inspect.signature(init).parameters.values() if p.kind is not p.VAR_KEYWORD]
    names = {p.name for p in own}
    common = [p for p in inspect.signature(Optimizer.__init__).parameters.values() if p.name not in names]
    signature = inspect.Signature([*own, *common])

    @functools.wraps(init)
    def init_in_order(*args: Any, **kwargs: Any) -> None:
        init(**signature.bind(*args, **kwargs).arguments)

    init_in_order.__signature__ = signature  # type: ignore[attr-defined]
    return init_in_order
