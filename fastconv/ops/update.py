"""The update rules of optimizers, one pass over memory each; a plan writes their results in place."""

from __future__ import annotations

from typing import Any

from fastconv.engine import Primitive


def _like_inputs(count: int) -> Any:
    """The shapes of the first inputs but the gradient: (w, state...) of (w, dw, state..., rate)."""

    def shape(w: Any, dw: Any, *state_and_rate: Any, **_: Any) -> list:
        return [(w.shape, w.dtype)] + [(s.shape, s.dtype) for s in state_and_rate[: count - 1]]

    return shape


_descend = Primitive("descend", lambda w, dw, rate: (w.shape, w.dtype), elementwise=True)
_sgd = Primitive("sgd_update", _like_inputs(2), elementwise=True)
_adam = Primitive("adam_update", _like_inputs(3), elementwise=True)


def descend(w: Any, dw: Any, rate: Any) -> Any:
    """w - rate dw: gradient descent without momentum. `dw` has the shape of w; `rate` is a scalar."""
    return _descend(w, dw, rate)


def sgd_update(w: Any, dw: Any, velocity: Any, rate: Any, momentum: float = 0.0, nesterov: bool = False) -> tuple:
    """(w, velocity) after v = momentum v - rate dw and w += v, or w += momentum v - rate dw with Nesterov's momentum.

    Sutskever et al. 2013, section 2. All arrays have the shape of w; `rate` is a scalar.
    """
    return _sgd(w, dw, velocity, rate, momentum=float(momentum), nesterov=bool(nesterov))


def adam_update(
    w: Any, dw: Any, m: Any, v: Any, rate: Any, beta_1: float = 0.9, beta_2: float = 0.999, epsilon: float = 1e-7
) -> tuple:
    """(w, m, v) after m += (1 - beta_1)(dw - m), v += (1 - beta_2)(dw^2 - v), w -= rate m / (sqrt(v) + epsilon).

    Kingma and Ba 2015, the efficient order of section 2: `rate` is alpha sqrt(1 - beta_2^t) / (1 - beta_1^t), a scalar.
    """
    return _adam(w, dw, m, v, rate, beta_1=float(beta_1), beta_2=float(beta_2), epsilon=float(epsilon))
