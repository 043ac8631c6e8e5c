"""The memory-bound kernels of the GPU: everything but convolutions and matrix products.

They take float32 or float64 arrays. `Reference` computes other dtypes, and mixed dtypes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from math import prod
from typing import Any

from fastconv.backends import formulas
from fastconv.backends.gpu import elementwise as written_kernels
from fastconv.backends.gpu.compile import THREADS, launch, launch_each
from fastconv.backends.gpu.kernel import kernel, tuple_of_arrays
from fastconv.backends.reference import (
    NO_INTEGER,
    Array,
    Axes,
    Out,
    Reference,
    Shape,
    deliver,
    normalized_axes,
    wrong_label,
)
from fastconv.backends.updates import step
from fastconv.geometry import Pooling
from fastconv.typing import ArrayModule

MODES = ("constant", "edge", "reflect", "symmetric")  # as move.cu numbers them
FILLS = ("constant", "grid-constant", "nearest", "reflect", "mirror", "grid-wrap", "wrap")  # as image.cu does
SHORT, MOST_PARTS = 512, 256  # rows per part; parts. The rows of a part are summed at once, then the parts


elementwise = functools.partial(kernel, inputs_in_order=False, results_in_order=False)
any_arrays = functools.partial(kernel, floats=None)


class GpuStream(Reference):
    """`Reference` on CuPy's arrays, with one launch in place of several array functions."""

    def __init__(self, xp: ArrayModule) -> None:
        super().__init__(xp)
        # A wrong label (rows.cu): (row + 1) + (classes << 32), and the label. 0 classes: it is not an integer.
        self.faults = xp.zeros(2, "int64")

    def check(self) -> None:
        """Raise the ValueError of a wrong label, if a loss has met one since the last call. Waits for the GPU."""
        place, label = self.faults.get().tolist()
        if place:
            self.faults.fill(0)
            raise wrong_label(place % 2**32 - 1, label, place >> 32)

    def _output_array(self, out: Out, shape: Shape, x: Array) -> Array:
        """Return `out`, or a new array of `shape` with the dtype of x."""
        return self.xp.empty(shape, x.dtype) if out is None else out

    def _output_arrays(self, out: Any, *shapes: Shape, like: Array) -> list[Array]:
        """Return arrays for several results, as `_output_array` does for one."""
        return [self._output_array(o, shape, like) for o, shape in zip(out or (None,) * len(shapes), shapes)]

    # ---- formulas ------------------------------------------------------------------------------------------------

    def _fused(self, formula: Callable[..., Any], arrays: tuple, out: Any, *constants: Any) -> Any:
        """Return the results of a formula for arrays of one dtype, in one launch."""
        inputs = tuple(f"T x{k}" for k in range(len(arrays)))
        return written_kernels.kernel(self.xp, formula, inputs, constants)(*arrays, *tuple_of_arrays(out))

    @elementwise(Reference.activate)
    def activate(self, x, *, activation, alpha=0.0, out=None):
        return self._fused(formulas.activate, (x,), out, activation, alpha)

    @elementwise(Reference.activate_backward)
    def activate_backward(self, dy, y, *, activation, alpha=0.0, out=None):
        return self._fused(formulas.activate_backward, (dy, y), out, activation, alpha)

    @elementwise(Reference.gate)
    def gate(self, x, *, linear, cubic, out=None):
        return self._fused(formulas.gate, (x,), out, linear, cubic)

    @elementwise(Reference.gate_backward)
    def gate_backward(self, dy, x, *, linear, cubic, out=None):
        return self._fused(formulas.gate_backward, (dy, x), out, linear, cubic)

    @elementwise(Reference.gelu)
    def gelu(self, x, *, out=None):
        return self._fused(formulas.gelu, (x,), out)

    @elementwise(Reference.gelu_backward)
    def gelu_backward(self, dy, x, *, out=None):
        return self._fused(formulas.gelu_backward, (dy, x), out)

    @elementwise(Reference.smooth)
    def smooth(self, x, *, function, constants=(), out=None):
        return self._fused(formulas.smooth, (x,), out, function, constants)

    @elementwise(Reference.sigmoid_loss)
    def sigmoid_loss(self, x, target, *, out=None):
        return self._fused(formulas.sigmoid_loss, (x, target), out)

    @elementwise(Reference.sigmoid_loss_slope)
    def sigmoid_loss_slope(self, x, target, *, out=None):
        return self._fused(formulas.sigmoid_loss_slope, (x, target), out)

    @elementwise(Reference.normalize)
    def normalize(self, x, mean, variance, gamma, beta, *, epsilon, activation=None, alpha=0.0, out=None):
        arrays = (x, mean, variance, gamma, beta)
        return self._fused(formulas.normalize, arrays, out, epsilon, activation, alpha)

    @elementwise(Reference.scale_shift)
    def scale_shift(self, x, scale, shift, *, out=None):
        return self._fused(formulas.scale_shift, (x, scale, shift), out)

    @elementwise(Reference.stretch)
    def stretch(self, x, scale, shift, *, low, high, out=None):
        return self._fused(formulas.stretch, (x, scale[:, None, None], shift[:, None]), out, low, high)

    @elementwise(Reference.dropout, count=1)
    def dropout(self, x, seed, *, rate, out=None):
        inputs = ("T x0", "raw uint64 seed")
        return written_kernels.kernel(self.xp, formulas.dropout, inputs, (rate,))(x, seed, *tuple_of_arrays(out))

    @any_arrays(Reference.uniform)
    def uniform(self, seed, *, shape, out=None):
        y = out if out is not None and out.dtype == "float32" else self.xp.empty(shape, "float32")
        written_kernels.kernel(self.xp, formulas.uniform, ("raw uint64 seed",), ())(seed, y)
        return y if out is None or y is out else deliver(y, out)

    @elementwise(Reference.update, count=-1)
    def update(self, w, dw, *states_and_scalars, rule, constants, out=None):
        *states, scalars = states_and_scalars
        inputs = (*(f"T x{k}" for k in range(2 + len(states))), "raw float32 s")
        compute = written_kernels.kernel(self.xp, step, inputs, (rule, constants))
        return tuple_of_arrays(compute(w, dw, *states, scalars, *tuple_of_arrays(out)))

    @any_arrays(Reference.where)
    def where(self, condition, x, y, *, out=None):
        """One launch if results and choices have the same dtype; else the reference."""
        if x.dtype != y.dtype or any(o.dtype != x.dtype for o in tuple_of_arrays(out)):
            return None
        return written_kernels.kernel(self.xp, formulas.where, ("S x0", "T x1", "T x2"), ())(
            condition, x, y, *tuple_of_arrays(out)
        )

    # ---- rows ----------------------------------------------------------------------------------------------------

    def _rows(self, name: str, y: Array, *arrays: Array, shape: Shape, constants: tuple = ()) -> Array:
        """Return y, filled by a kernel of rows.cu that reads arrays of `shape` row by row."""
        rows, k = prod(shape[:-1]), shape[-1]
        lanes = min(THREADS, 1 << max((k - 1).bit_length() - 1, 0))  # at most two elements per thread, or a whole block
        if rows * k:
            grid, block = (-(-rows // (THREADS // lanes)),), (lanes, THREADS // lanes)
            memory = THREADS * y.dtype.itemsize
            launch(self.xp, f"rows.{name}", y, *arrays, rows, k, *constants, grid=grid, block=block, shared_mem=memory)
        else:
            y.fill(0)  # the loss of no classes
        return y

    @kernel(Reference.softmax)
    def softmax(self, x, *, out=None):
        return self._rows("softmax", self._output_array(out, x.shape, x), x, shape=x.shape)

    @kernel(Reference.softmax_backward)
    def softmax_backward(self, dy, y, *, out=None):
        return self._rows("softmax_backward", self._output_array(out, y.shape, y), dy, y, shape=y.shape)

    @kernel(Reference.log_softmax)
    def log_softmax(self, x, *, out=None):
        return self._rows("log_softmax", self._output_array(out, x.shape, x), x, shape=x.shape)

    @kernel(Reference.log_softmax_backward)
    def log_softmax_backward(self, dy, y, *, out=None):
        return self._rows("log_softmax_backward", self._output_array(out, y.shape, y), dy, y, shape=y.shape)

    @kernel(Reference.softmax_cross_entropy)
    def softmax_cross_entropy(self, logits, target, *, out=None):
        loss = self._output_array(out, logits.shape[:-1], logits)
        return self._rows("softmax_cross_entropy", loss, logits, target, shape=logits.shape)

    @kernel(Reference.softmax_cross_entropy_backward)
    def softmax_cross_entropy_backward(self, dloss, logits, target, *, out=None):
        d = self._output_array(out, logits.shape, logits)
        return self._rows("softmax_cross_entropy_backward", d, dloss, logits, target, shape=logits.shape)

    @kernel(Reference.sparse_softmax_cross_entropy, count=1)
    def sparse_softmax_cross_entropy(self, logits, target, *, out=None):
        """NaN if a label is outside [0, K); `check` reports it."""
        loss, labels = self._output_array(out, logits.shape[:-1], logits), target.astype("int64", copy=False)
        return self._rows("sparse_softmax_cross_entropy", loss, logits, labels, self.faults, shape=logits.shape)

    @kernel(Reference.sparse_softmax_cross_entropy_backward, count=2)
    def sparse_softmax_cross_entropy_backward(self, dloss, logits, target, *, out=None):
        """NaN if a label is outside [0, K); `check` reports it."""
        arrays = (dloss, logits, target.astype("int64", copy=False), self.faults)
        d = self._output_array(out, logits.shape, logits)
        return self._rows("sparse_softmax_cross_entropy_backward", d, *arrays, shape=logits.shape)

    @kernel(Reference.standardize)
    def standardize(self, x, *, epsilon, out=None):
        y, inverse = self._output_arrays(out, x.shape, (*x.shape[:-1], 1), like=x)
        return self._rows("standardize", y, inverse, x, shape=x.shape, constants=(float(epsilon),)), inverse

    @kernel(Reference.standardize_backward)
    def standardize_backward(self, dy, y, inverse, *, out=None):
        return self._rows("standardize_backward", self._output_array(out, y.shape, y), dy, y, inverse, shape=y.shape)

    @any_arrays(Reference.indices)
    def indices(self, x, *, out=None):
        """`NO_INTEGER` in place of a number that is not an integer; `check` reports it."""
        xp = self.xp
        wrong = ~((x == xp.floor(x)) & (abs(x) < 2.0**63))
        place = xp.where(wrong.any() & (self.faults[0] == 0), xp.argmax(wrong) + 1, self.faults[0])
        self.faults[:1] = place.reshape(1)
        return deliver(xp.where(wrong, x.dtype.type(NO_INTEGER), x).astype("int64"), out)

    # ---- reductions ----------------------------------------------------------------------------------------------

    def _reduce(self, name: str, *args: Any, columns: int, parts: int = 1) -> None:
        """Run a kernel of reduce.cu on `parts` parts of the rows."""
        width = min(32, 1 << (columns - 1).bit_length())
        grid, block = (-(-columns // width), parts), (width, THREADS // width)
        memory = THREADS * args[0].dtype.itemsize
        launch(self.xp, f"reduce.{name}", *args, grid=grid, block=block, shared_mem=memory)

    def _add_rows(self, y: Array, x: Array, factor: float = 1.0) -> None:
        """y = factor times the sum of the rows of x (rows, columns)."""
        rows, columns = x.shape
        length, parts = lengths(rows)
        if parts > 1:
            sums = self.xp.empty((parts, columns), x.dtype)
            self._reduce("sum_rows", sums, x, rows, columns, length, 1.0, columns=columns, parts=parts)
            x, rows = sums, parts
        self._reduce("sum_rows", y, x, rows, columns, rows, factor, columns=columns)

    @kernel(Reference.sum)
    def sum(self, x, *, axis=None, keepdims=False, out=None):
        """A kernel over the first axes, or all axes; CuPy over other axes."""
        return self._total(x, axis, keepdims, out)

    @kernel(Reference.mean)
    def mean(self, x, *, axis=None, keepdims=False, out=None):
        """As `sum`."""
        return self._total(x, axis, keepdims, out, mean=True)

    def _total(self, x: Array, axis: Axes, keepdims: bool, out: Out, mean: bool = False) -> Array:
        axes = normalized_axes(axis, x.ndim)
        count = prod(x.shape[a] for a in axes)
        factor = 1.0 if not mean else 1 / count if count else math.nan
        shape = tuple(1 if a in axes else n for a, n in enumerate(x.shape) if keepdims or a not in axes)
        y = self._output_array(out, shape, x)
        if axes == tuple(range(len(axes))) and y.size:
            self._add_rows(y, x.reshape(count, y.size), factor)
            return y
        self.xp.sum(x, axis=axes, keepdims=keepdims, out=y)
        return self.xp.multiply(y, x.dtype.type(factor), out=y) if mean else y

    @elementwise(Reference.max)
    def max(self, x, *, axis=None, keepdims=False, out=None):
        axes = normalized_axes(axis, x.ndim)
        return self.xp.max(x, axis=axes, keepdims=keepdims, out=out) if axes else self._copy(x, out)

    @elementwise(Reference.min)
    def min(self, x, *, axis=None, keepdims=False, out=None):
        axes = normalized_axes(axis, x.ndim)
        return self.xp.min(x, axis=axes, keepdims=keepdims, out=out) if axes else self._copy(x, out)

    @any_arrays(Reference.argmax)
    def argmax(self, x, *, axis=None, out=None):
        return self.xp.argmax(x, axis=axis, out=out)

    # ---- normalisation over all axes but the last ----------------------------------------------------------------

    @kernel(Reference.batch_norm)
    def batch_norm(self, x, gamma, beta, *, epsilon, out=None):
        y, mean, variance = self._output_arrays(out, x.shape, gamma.shape, gamma.shape, like=x)
        self._moments(mean, variance, x)
        return self._fused(formulas.normalize, (x, mean, variance, gamma, beta), y, epsilon), mean, variance

    def _moments(self, mean: Array, variance: Array, x: Array) -> None:
        """mean, variance := the statistics of the columns of x."""
        columns = x.shape[-1]
        rows = x.size // columns
        length, parts = lengths(rows)
        means, squares = self.xp.empty((2, parts, columns), x.dtype)
        self._reduce("part_moments", means, squares, x, rows, columns, length, columns=columns, parts=parts)
        self._reduce("merge_moments", mean, variance, means, squares, rows, columns, length, parts, columns=columns)

    @kernel(Reference.batch_norm_activate)
    def batch_norm_activate(self, x, gamma, beta, *, epsilon, activation, alpha=0.0, out=None):
        y, mean, variance, *affine = self._output_arrays(out, x.shape, *[gamma.shape] * 4, like=x)
        self._moments(mean, variance, x)
        self._fused(formulas.scale_and_shift, (variance, gamma, beta), tuple(affine), epsilon)
        y = self._fused(formulas.normalize_activate, (x, mean, *affine), y, activation, alpha)
        return y, mean, variance, *affine

    @kernel(Reference.batch_norm_activate_backward)
    def batch_norm_activate_backward(
        self, dy, x, mean, variance, gamma, scale, shift, *, epsilon, activation, alpha=0.0, out=None
    ):
        arrays = (dy, x, mean, scale, shift)
        dh = self._fused(formulas.normalize_activate_backward, arrays, None, activation, alpha)
        return self.batch_norm_backward(dh, x, mean, variance, gamma, epsilon=epsilon, out=out)

    @kernel(Reference.batch_norm_backward)
    def batch_norm_backward(self, dy, x, mean, variance, gamma, *, epsilon, out=None):
        dx, dgamma, dbeta = self._output_arrays(out, x.shape, gamma.shape, gamma.shape, like=x)
        columns = x.shape[-1]
        rows = x.size // columns
        length, parts = lengths(rows)
        dbetas, dgammas = self.xp.empty((2, parts, columns), x.dtype)
        args = (dbetas, dgammas, dy, x, mean, variance, rows, columns, length, epsilon)
        self._reduce("part_gradients", *args, columns=columns, parts=parts)
        self._add_rows(dbeta, dbetas)
        self._add_rows(dgamma, dgammas)
        arrays = (dy, x, mean, variance, gamma, dgamma, dbeta)
        return self._fused(formulas.normal_backward, arrays, dx, epsilon, rows), dgamma, dbeta

    # ---- padding and pooling -------------------------------------------------------------------------------------

    @kernel(Reference.pad)
    def pad(self, x, *, pad_width, mode="constant", value=0.0, out=None):
        """One launch for up to three neighbouring axes; first the first padded axes, then the others."""
        padded = [axis for axis, side in enumerate(pad_width) if any(side)]
        start = padded[0] if padded else 0
        if padded and padded[-1] >= start + 3:
            none = ((0, 0),) * len(pad_width)
            x = self.pad(x, pad_width=pad_width[: start + 3] + none[start + 3 :], mode=mode, value=value)
            pad_width = none[: start + 3] + pad_width[start + 3 :]
            return self.pad(x, pad_width=pad_width, mode=mode, value=value, out=out)
        y = self._output_array(out, tuple(n + sum(side) for n, side in zip(x.shape, pad_width)), x)
        sizes, before = x.shape[start : start + 3], [side[0] for side in pad_width[start : start + 3]]
        grown, lacking = y.shape[start : start + 3], 3 - len(sizes)
        volumes = [*(1,) * lacking, *sizes, prod(x.shape[start + 3 :]), *(1,) * lacking, *grown]
        number = MODES.index(mode)
        launch_each(self.xp, "move.pad", y, x, number, float(value), *volumes, *(0,) * lacking, *before)
        return y

    @kernel(Reference.pad_backward)
    def pad_backward(self, dy, *, pad_width, mode="constant", out=None):
        """A copy if the padding is constant; else a launch per axis."""
        sides = list(zip(dy.shape, pad_width))
        if mode == "constant":
            inner = dy[tuple(slice(before, n - after) for n, (before, after) in sides)]
            return self._copy(inner, out)
        padded = [axis for axis, side in enumerate(pad_width) if any(side)]
        for axis in padded:
            (before, after), shape = pad_width[axis], list(dy.shape)
            shape[axis] -= before + after
            dx = self._output_array(out if axis == padded[-1] else None, tuple(shape), dy)
            sizes = (shape[axis], prod(shape[axis + 1 :]), before, after)
            launch_each(self.xp, "move.pad_backward", dx, dy, MODES.index(mode), *sizes)
            dy = dx
        return dy if padded else self._copy(dy, out)

    def _copy(self, x: Array, out: Out) -> Array:
        """Return x in new memory, or copied to `out` of any dtype."""
        if out is None:
            return x.copy()
        self.xp.copyto(out, x, casting="unsafe")
        return out

    def _extremes(self, sign: int, x: Array, pooling: Pooling, y: Out, argmax: Array | None) -> Array:
        """Return max_pool (sign > 0) or min_pool, in `y` if it is given; fill `argmax` if it is given."""
        y = self._output_array(y, pooling.output_shape, x)
        launch_each(self.xp, "pool.extreme_pool", y, argmax, x, sign, *pooling_arguments(pooling))
        return y

    def _extremes_and_argmax(self, sign: int, x: Array, pooling: Pooling, out: Any) -> tuple[Array, Array]:
        y, argmax = out or (None, self.xp.empty(pooling.output_shape, self.xp.int32))
        return self._extremes(sign, x, pooling, y, argmax), argmax

    @kernel(Reference.max_pool)
    def max_pool(self, x, *, pooling, out=None):
        return self._extremes(1, x, pooling, out, None)

    @kernel(Reference.min_pool)
    def min_pool(self, x, *, pooling, out=None):
        return self._extremes(-1, x, pooling, out, None)

    @kernel(Reference.max_pool_argmax, others=frozenset(["int32"]))
    def max_pool_argmax(self, x, *, pooling, out=None):
        return self._extremes_and_argmax(1, x, pooling, out)

    @kernel(Reference.min_pool_argmax, others=frozenset(["int32"]))
    def min_pool_argmax(self, x, *, pooling, out=None):
        return self._extremes_and_argmax(-1, x, pooling, out)

    @kernel(Reference.extreme_pool_backward, count=1)
    def extreme_pool_backward(self, dy, argmax, *, pooling, out=None):
        dx, argmax = self._output_array(out, pooling.input_shape, dy), argmax.astype(self.xp.int32, copy=False)
        launch_each(self.xp, "pool.extreme_pool_backward", dx, dy, argmax, *pooling_arguments(pooling))
        return dx

    @kernel(Reference.average_pool)
    def average_pool(self, x, *, pooling, count_padding=False, out=None):
        y = self._output_array(out, pooling.output_shape, x)
        launch_each(self.xp, "pool.average_pool", y, x, count_padding, *pooling_arguments(pooling))
        return y

    @kernel(Reference.average_pool_backward)
    def average_pool_backward(self, dy, *, pooling, count_padding=False, out=None):
        dx = self._output_array(out, pooling.input_shape, dy)
        launch_each(self.xp, "pool.average_pool_backward", dx, dy, count_padding, *pooling_arguments(pooling))
        return dx

    # ---- moving elements -----------------------------------------------------------------------------------------

    @any_arrays(Reference.cast)
    def cast(self, x, *, dtype, out=None):
        return x.astype(dtype) if out is None else self._copy(x, out)

    @any_arrays(Reference.concatenate)
    def concatenate(self, *xs, axis, out=None):
        """Copy the arrays: for more than eight, CuPy would send addresses from the host, which no graph can hold."""
        shape = list(xs[0].shape)
        shape[axis] = sum(x.shape[axis] for x in xs)
        y = self.xp.empty(shape, self.xp.result_type(*(x.dtype for x in xs))) if out is None else out
        parts, start = self.xp.moveaxis(y, axis, 0), 0
        for x in xs:
            end = start + x.shape[axis]
            parts[start:end] = self.xp.moveaxis(x, axis, 0)
            start = end
        return y

    @any_arrays(Reference.part_backward)
    def part_backward(self, dy, *, key, input_shape, out=None):
        if out is not None:
            out.fill(0)
        dx = self.xp.zeros(input_shape, dy.dtype) if out is None else out
        dx[tuple(slice(*k) if isinstance(k, tuple) else k for k in key)] = dy
        return dx

    @elementwise(Reference.take, count=1)
    def take(self, x, indices, *, axis, out=None):
        return self.xp.take(x, indices, axis=axis, out=out)

    @kernel(Reference.take_backward, count=1)
    def take_backward(self, dy, indices, *, axis, input_shape, out=None):
        """Each element reads all indices, and adds in their order."""
        dx = self._output_array(out, input_shape, dy)
        sizes = (input_shape[axis], indices.size, prod(input_shape[axis + 1 :]))
        launch_each(self.xp, "move.take_backward", dx, dy, indices.astype("int64", copy=False), *sizes)
        return dx

    @kernel(Reference.take_along_axis_backward, count=1)
    def take_along_axis_backward(self, dy, indices, *, axis, input_shape, out=None):
        """Each element reads the indices of its line, and adds in their order; broadcast axes are then summed."""
        shape = (*dy.shape[:axis], input_shape[axis], *dy.shape[axis + 1 :])
        broadcast = tuple(a for a, n in enumerate(input_shape) if n != shape[a])
        dx = self._output_array(None if broadcast else out, shape, dy)
        places = self.xp.ascontiguousarray(self.xp.broadcast_to(indices.astype("int64", copy=False), dy.shape))
        sizes = (input_shape[axis], dy.shape[axis], prod(dy.shape[axis + 1 :]))
        launch_each(self.xp, "move.take_along_axis_backward", dx, dy, places, *sizes)
        return deliver(dx.sum(axis=broadcast, keepdims=True), out) if broadcast else dx

    # ---- images --------------------------------------------------------------------------------------------------

    @kernel(Reference.affine_transform, count=1)
    def affine_transform(self, x, transform, *, nearest, fill, value, out=None):
        y, t = self._output_array(out, x.shape, x), transform.astype("float64", copy=False)
        how = (nearest, FILLS.index(fill), float(value))
        launch_each(self.xp, "image.affine_transform", y, x, t, *x.shape[1:], *how)
        return y

    @kernel(Reference.resample, count=3)
    def resample(self, x, w, back_w, first, back_first, *, out=None):
        y = self._output_array(out, (x.shape[0], len(first), x.shape[2]), x)
        sizes = (x.shape[1], len(first), x.shape[2], w.shape[1])
        launch_each(self.xp, "image.resample", y, x, w, first.astype("int64", copy=False), *sizes)
        return y

    @kernel(Reference.flip_some, count=1)
    def flip_some(self, x, flips, *, axes, out=None):
        y = self._output_array(out, x.shape, x)
        launch_each(
            self.xp, "image.flip_some", y, x, flips.astype(bool, copy=False), *x.shape[1:], 1 in axes, 2 in axes
        )
        return y

    @kernel(Reference.crop_at, count=1)
    def crop_at(self, x, starts, *, size, out=None):
        y = self._output_array(out, (x.shape[0], *size, x.shape[3]), x)
        launch_each(self.xp, "image.crop_at", y, x, starts.astype("int64", copy=False), *x.shape[1:], *size)
        return y


def lengths(rows: int) -> tuple[int, int]:
    """Return (rows of a part, number of parts), which depend only on the shape."""
    length = max(SHORT, -(-rows // MOST_PARTS))
    return length, max(-(-rows // length), 1)


def pooling_arguments(p: Pooling) -> tuple[int, ...]:
    """Return the numbers that pool.cu calls WINDOW."""
    return (*p.inputs, p.channels, *p.outputs, *p.size, *p.strides, *p.dilation, *p.corner)
