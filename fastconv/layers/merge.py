"""Layers that combine several inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import fastconv.config as config
import fastconv.ops as ops
from fastconv.arguments import as_axes, as_flag, as_integer, as_integers
from fastconv.engine.primitive import broadcast
from fastconv.layers.base import Layer
from fastconv.layers.inputs import ARRAYS
from fastconv.serialization import register
from fastconv.typing import Array, ArrayLike, Axis


class Merge(Layer):
    """Base class of layers whose input is a list of `least` to `most` arrays."""

    INPUTS = ARRAYS
    least, most = 1, 1 << 30

    def call(self, inputs: Sequence[Array]) -> Array:
        if not isinstance(inputs, (list, tuple)) or not self.least <= len(inputs) <= self.most:
            count = "2" if self.most == 2 else f"at least {self.least}"
            raise ValueError(
                f"{self.name}: {type(self).__name__} takes a list of {count} inputs. Received: inputs={inputs!r}"
            )
        return self.merge(inputs)

    def merge(self, inputs: Sequence[Array]) -> Array:
        """Return the combined inputs."""
        raise NotImplementedError


class Reduction(Merge):
    """Apply an operation to the first two inputs, then to its result and the next input, broadcast as in NumPy."""

    operation: Callable[[Array, Array], Array]

    def merge(self, inputs: Sequence[Array]) -> Array:
        try:
            return reduce(type(self).operation, inputs)
        except ValueError:
            shapes = [tuple(x.shape) for x in inputs]
            if not broadcast(*shapes):
                raise ValueError(
                    f"{self.name}: inputs must have equal shapes, or shapes that broadcast to each other. "
                    f"Received: {shapes=}"
                ) from None
            raise


@register("layer")
class Add(Reduction):
    """Elementwise sum of a list of inputs, broadcast as in NumPy.

    Shapes: inputs of shapes that broadcast against each other; the output has the broadcast shape.

    Args:
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the input is not a list, or if shapes do not broadcast to each other.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Add()([np.array([1.0, 2.0]), np.array([3.0, 4.0])]).tolist()
        [4.0, 6.0]
        >>> x = layers.Input((8, 8, 4))
        >>> layers.Add()([x, layers.Conv2D(4, 3, padding="same")(x)]).shape  # a residual connection
        (None, 8, 8, 4)
    """

    operation = staticmethod(ops.add)


@register("layer")
class Subtract(Reduction):
    """Elementwise difference of two inputs, the first minus the second, broadcast as in NumPy.

    Args:
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the input is not a list of two inputs, or if shapes do not broadcast to each other.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Subtract()([np.array([3.0, 4.0]), np.array([1.0, 1.0])]).tolist()
        [2.0, 3.0]
    """

    least = most = 2
    operation = staticmethod(ops.subtract)


@register("layer")
class Multiply(Reduction):
    """Elementwise product of a list of inputs, broadcast as in NumPy.

    Args:
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the input is not a list, or if shapes do not broadcast to each other.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Multiply()([np.array([3.0, 4.0]), np.array([2.0, 0.5])]).tolist()
        [6.0, 2.0]
    """

    operation = staticmethod(ops.multiply)


@register("layer")
class Average(Reduction):
    """Elementwise mean of a list of inputs, broadcast as in NumPy.

    Args:
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the input is not a list, or if shapes do not broadcast to each other.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Average()([np.array([3.0, 4.0]), np.array([1.0, 2.0])]).tolist()
        [2.0, 3.0]
    """

    operation = staticmethod(ops.add)

    def merge(self, inputs: Sequence[Array]) -> Array:
        return super().merge(inputs) * (1 / len(inputs))


@register("layer")
class Maximum(Reduction):
    """Elementwise maximum of a list of inputs, broadcast as in NumPy.

    Args:
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the input is not a list, or if shapes do not broadcast to each other.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Maximum()([np.array([3.0, 4.0]), np.array([1.0, 5.0])]).tolist()
        [3.0, 5.0]
    """

    operation = staticmethod(ops.maximum)


@register("layer")
class Minimum(Reduction):
    """Elementwise minimum of a list of inputs, broadcast as in NumPy.

    Args:
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the input is not a list, or if shapes do not broadcast to each other.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Minimum()([np.array([3.0, 4.0]), np.array([1.0, 5.0])]).tolist()
        [1.0, 4.0]
    """

    operation = staticmethod(ops.minimum)


@register("layer")
class Concatenate(Merge):
    """Join a list of inputs along an axis.

    Shapes: inputs of equal shapes except for the size of `axis`; in the output this size is the sum of their sizes.

    Args:
        axis: int, the axis along which inputs are joined, counted with the batch axis. Defaults to -1.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the input is not a list, or if shapes differ in another axis.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Concatenate()([np.zeros((1, 8, 8, 4)), np.zeros((1, 8, 8, 2))]).shape
        (1, 8, 8, 6)
        >>> layers.Concatenate(axis=1)([np.array([[1.0, 2.0]]), np.array([[3.0]])]).tolist()
        [[1.0, 2.0, 3.0]]
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = as_integer(self, "axis", axis)

    def merge(self, inputs: Sequence[Array]) -> Array:
        return ops.concatenate(inputs, self.axis)


@register("layer")
class Dot(Merge):
    """Dot products of the vectors of two inputs, sample by sample.

    Shapes: (N, A, K) and (N, B, K) give (N, A, B) if `axes` is 2; (N, K) and (N, K) give (N, 1) if `axes` is 1.

    Args:
        axes: int, or a pair with an axis of each input, counted with the batch axis, which is not allowed.
        normalize: bool, whether to divide the vectors by their lengths, which gives cosines. Defaults to False.
        kwargs: keyword arguments of `Layer`, for example `name`.

    Raises:
        ValueError: if the axes do not exist, are the batch axis, or differ in size.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.Dot(axes=1)([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
        [[11.0]]
    """

    least = most = 2

    def __init__(self, axes: Axis, normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = as_integers(self, "axes", axes, count=2)
        if not all(pair):
            raise ValueError(f"Dot: axes must not contain the batch axis, 0. Received: axes={axes!r}")
        self.axes = as_axes(self, "axes", axes)
        self.normalize = as_flag(self, "normalize", normalize)

    def merge(self, inputs: Sequence[Array]) -> Array:
        pair = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        if not all(-x.ndim <= axis < x.ndim and axis % x.ndim for x, axis in zip(inputs, pair)):
            raise ValueError(
                f"{self.name}: axes must exist in the inputs and not be the batch axis. "
                f"Received: axes={self.axes}, shapes {tuple(inputs[0].shape)} and {tuple(inputs[1].shape)}"
            )
        sides = [self._side(x, axis % x.ndim) for x, axis in zip(inputs, pair)]
        (a, kept_a), (b, kept_b) = sides
        if (a.shape[0], a.shape[-1]) != (b.shape[0], b.shape[-1]):
            raise ValueError(
                f"{self.name}: the batch axis and the axes {self.axes} must have the same size in both inputs. "
                f"Received: shapes {tuple(inputs[0].shape)} and {tuple(inputs[1].shape)}"
            )
        products = ops.matmul(a, ops.transpose(b, (0, 2, 1)))
        return ops.reshape(products, (a.shape[0], *(kept_a + kept_b or (1,))))

    def _side(self, x: Array, axis: int) -> tuple[Array, tuple[int, ...]]:
        """Return x as (N, all other axes, K), and the sizes of the other axes."""
        others = [i for i in range(1, x.ndim) if i != axis]
        kept = tuple(x.shape[i] for i in others)
        rows = ops.reshape(ops.transpose(x, (0, *others, axis)), (x.shape[0], -1, x.shape[axis]))
        if self.normalize:
            length = ops.sum(ops.square(rows), -1, True)
            rows = rows * ops.rsqrt(ops.maximum(length, config.epsilon() ** 2))
        return rows, kept


def add(inputs: Sequence[ArrayLike], **kwargs: Any) -> Array:
    """Return the elementwise sum of a list of inputs; see `Add`.

    Args:
        inputs: list of arrays or symbolic tensors.
        kwargs: arguments of the layer, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.add([np.array([1.0, 2.0]), np.array([3.0, 4.0])]).tolist()
        [4.0, 6.0]
    """
    return Add(**kwargs)(inputs)


def subtract(inputs: Sequence[ArrayLike], **kwargs: Any) -> Array:
    """Return the difference of two inputs; see `Subtract`.

    Args:
        inputs: list of two arrays or symbolic tensors.
        kwargs: arguments of the layer, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.subtract([np.array([3.0, 4.0]), np.array([1.0, 1.0])]).tolist()
        [2.0, 3.0]
    """
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Sequence[ArrayLike], **kwargs: Any) -> Array:
    """Return the elementwise product of a list of inputs; see `Multiply`.

    Args:
        inputs: list of arrays or symbolic tensors.
        kwargs: arguments of the layer, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.multiply([np.array([3.0, 4.0]), np.array([2.0, 0.5])]).tolist()
        [6.0, 2.0]
    """
    return Multiply(**kwargs)(inputs)


def average(inputs: Sequence[ArrayLike], **kwargs: Any) -> Array:
    """Return the elementwise mean of a list of inputs; see `Average`.

    Args:
        inputs: list of arrays or symbolic tensors.
        kwargs: arguments of the layer, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.average([np.array([3.0, 4.0]), np.array([1.0, 2.0])]).tolist()
        [2.0, 3.0]
    """
    return Average(**kwargs)(inputs)


def maximum(inputs: Sequence[ArrayLike], **kwargs: Any) -> Array:
    """Return the elementwise maximum of a list of inputs; see `Maximum`.

    Args:
        inputs: list of arrays or symbolic tensors.
        kwargs: arguments of the layer, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.maximum([np.array([3.0, 4.0]), np.array([1.0, 5.0])]).tolist()
        [3.0, 5.0]
    """
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Sequence[ArrayLike], **kwargs: Any) -> Array:
    """Return the elementwise minimum of a list of inputs; see `Minimum`.

    Args:
        inputs: list of arrays or symbolic tensors.
        kwargs: arguments of the layer, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.minimum([np.array([3.0, 4.0]), np.array([1.0, 5.0])]).tolist()
        [1.0, 4.0]
    """
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Sequence[ArrayLike], axis: int = -1, **kwargs: Any) -> Array:
    """Return a list of inputs joined along an axis; see `Concatenate`.

    Args:
        inputs: list of arrays or symbolic tensors.
        axis: int, counted with the batch axis. Defaults to -1.
        kwargs: arguments of the layer, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.concatenate([np.array([[1.0, 2.0]]), np.array([[3.0]])]).tolist()
        [[1.0, 2.0, 3.0]]
    """
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Sequence[ArrayLike], axes: Axis = -1, **kwargs: Any) -> Array:
    """Return the dot products of the vectors of two inputs; see `Dot`.

    Args:
        inputs: list of two arrays or symbolic tensors.
        axes: int, or a pair with an axis of each input. Defaults to -1.
        kwargs: arguments of the layer, for example `name`.

    Example:
        >>> import numpy as np
        >>> from fastconv import layers
        >>> layers.dot([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])]).tolist()
        [[11.0]]
    """
    return Dot(axes=axes, **kwargs)(inputs)
