"""The rules of optimizers in plain NumPy: one step for a weight and its states.

They are called as rule(xp, w, g, *states, s, h) and return the new w and states. s are numbers that change between
steps, the learning rate first; h are numbers that do not change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastconv.typing import Array, ArrayModule

Results = tuple[Array, ...]


def descend(xp: ArrayModule, w: Array, g: Array, s: Array, h: tuple) -> Results:
    """w - rate g."""
    return (w - g * s[0],)


def momentum(xp: ArrayModule, w: Array, g: Array, v: Array, s: Array, h: tuple) -> Results:
    """v = momentum v - rate g, w += v; h: momentum. Sutskever et al. 2013, section 2."""
    v = v * h[0] - g * s[0]
    return w + v, v


def nesterov(xp: ArrayModule, w: Array, g: Array, v: Array, s: Array, h: tuple) -> Results:
    """v = momentum v - rate g, w += momentum v - rate g; h: momentum. Sutskever et al. 2013, section 2."""
    v = v * h[0] - g * s[0]
    return w + (v * h[0] - g * s[0]), v


def adam(xp: ArrayModule, w: Array, g: Array, m: Array, v: Array, s: Array, h: tuple) -> Results:
    """Running means m of g and v of g^2, w -= rate m / (sqrt(v) + epsilon); h: 1 - beta_1, 1 - beta_2, epsilon.

    Kingma and Ba 2015, the efficient order of section 2, whose rate corrects the bias of both means.
    """
    m, v = m + (g - m) * h[0], v + (g * g - v) * h[1]
    return w - m * s[0] / (xp.sqrt(v) + h[2]), m, v


def amsgrad(xp: ArrayModule, w: Array, g: Array, m: Array, v: Array, most: Array, s: Array, h: tuple) -> Results:
    """Adam with the largest v so far; Reddi et al. 2018."""
    m, v = m + (g - m) * h[0], v + (g * g - v) * h[1]
    most = xp.maximum(most, v)
    return w - m * s[0] / (xp.sqrt(most) + h[2]), m, v, most


def adamax(xp: ArrayModule, w: Array, g: Array, m: Array, u: Array, s: Array, h: tuple) -> Results:
    """Adam with the maximum norm, u = max(beta_2 u, |g|); h: 1 - beta_1, beta_2, epsilon. Kingma and Ba 2015, 7.1."""
    m, u = m + (g - m) * h[0], xp.maximum(u * h[1], abs(g))
    return w - m * s[0] / (u + h[2]), m, u


def nadam(xp: ArrayModule, w: Array, g: Array, m: Array, v: Array, s: Array, h: tuple) -> Results:
    """w -= (s0 m + s1 g) / (sqrt(s2 v) + epsilon); h: 1 - beta_1, 1 - beta_2, epsilon. Dozat 2016."""
    m, v = m + (g - m) * h[0], v + (g * g - v) * h[1]
    return w - (m * s[0] + g * s[1]) / (xp.sqrt(v * s[2]) + h[2]), m, v


def rmsprop(xp: ArrayModule, w: Array, g: Array, v: Array, s: Array, h: tuple) -> Results:
    """A running mean v of g^2, w -= rate g / sqrt(v + epsilon); h: rho, 1 - rho, epsilon. Tieleman and Hinton 2012."""
    v = v * h[0] + g * g * h[1]
    return w - g * s[0] / xp.sqrt(v + h[2]), v


def rmsprop_momentum(xp: ArrayModule, w: Array, g: Array, v: Array, m: Array, s: Array, h: tuple) -> Results:
    """RMSprop whose moves are m = momentum m + rate g / sqrt(v + epsilon); h: .., momentum."""
    v = v * h[0] + g * g * h[1]
    m = m * h[3] + g * s[0] / xp.sqrt(v + h[2])
    return w - m, v, m


def rmsprop_centered(xp: ArrayModule, w: Array, g: Array, v: Array, mean: Array, s: Array, h: tuple) -> Results:
    """RMSprop by the variance v - mean^2; Graves 2013."""
    v, mean = v * h[0] + g * g * h[1], mean * h[0] + g * h[1]
    return w - g * s[0] / xp.sqrt(v - mean * mean + h[2]), v, mean


def rmsprop_centered_momentum(
    xp: ArrayModule, w: Array, g: Array, v: Array, m: Array, mean: Array, s: Array, h: tuple
) -> Results:
    """RMSprop by the variance, with momentum."""
    v, mean = v * h[0] + g * g * h[1], mean * h[0] + g * h[1]
    m = m * h[3] + g * s[0] / xp.sqrt(v - mean * mean + h[2])
    return w - m, v, m, mean


def adagrad(xp: ArrayModule, w: Array, g: Array, total: Array, s: Array, h: tuple) -> Results:
    """total += g^2, w -= rate g / sqrt(total + epsilon); h: epsilon. Duchi et al. 2011."""
    total = total + g * g
    return w - g * s[0] / xp.sqrt(total + h[0]), total


def adadelta(xp: ArrayModule, w: Array, g: Array, squares: Array, moves: Array, s: Array, h: tuple) -> Results:
    """Steps as large as recent steps: g sqrt(moves + epsilon) / sqrt(squares + epsilon); h: rho, 1 - rho, epsilon.

    Zeiler 2012.
    """
    squares = squares * h[0] + g * g * h[1]
    move = xp.sqrt(moves + h[2]) * g / xp.sqrt(squares + h[2])
    return w - move * s[0], squares, moves * h[0] + move * move * h[1]


def ftrl(xp: ArrayModule, w: Array, g: Array, total: Array, linear: Array, s: Array, h: tuple) -> Results:
    """Follow the regularized leader, with a rate that falls with sqrt(total); h: l1, 2 l2, beta, 2 shrinkage.

    McMahan et al. 2013.
    """
    grown = total + g * g
    linear = linear + (g + w * h[3]) - (xp.sqrt(grown) - xp.sqrt(total)) / s[0] * w
    w = (xp.clip(linear, -h[0], h[0]) - linear) / (xp.sqrt(grown) / s[0] + (h[1] + h[2] / s[0]))
    return w, grown, linear


def lion(xp: ArrayModule, w: Array, g: Array, m: Array, s: Array, h: tuple) -> Results:
    """w -= rate sign(beta_1 m + (1 - beta_1) g); h: beta_1, 1 - beta_1, beta_2, 1 - beta_2. Chen et al. 2023."""
    return w - xp.sign(m * h[0] + g * h[1]) * s[0], m * h[2] + g * h[3]


RULES: dict[str, Callable[..., Results]] = {
    rule.__name__: rule
    for rule in (
        descend,
        momentum,
        nesterov,
        adam,
        amsgrad,
        adamax,
        nadam,
        rmsprop,
        rmsprop_momentum,
        rmsprop_centered,
        rmsprop_centered_momentum,
        adagrad,
        adadelta,
        ftrl,
        lion,
    )
}


def step(xp: ArrayModule, w: Array, g: Array, *others: Any) -> Results:
    """Apply a rule after weight decay.

    `others` are the states, four numbers, the rule's name and h. w is multiplied by the first number.
    """
    *states, s, rule, h = others
    return RULES[rule](xp, w * s[0], g, *states, s[1:], h)
