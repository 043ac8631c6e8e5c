"""Oracles: the definitions as nested loops over tiny arrays, in float64. They import nothing from fastconv."""

from __future__ import annotations

import itertools

import numpy as np


def _conv_terms(x_shape, w_shape, output, strides, padding, dilation):
    """Yield each (index of x, index of w, index of y) whose product is a term of a convolution."""
    ci, co = w_shape[-2:]
    group = co // (x_shape[-1] // ci)
    places, taps = (list(itertools.product(*map(range, sizes))) for sizes in (output, w_shape[:-2]))
    for image, o, t, k, c in itertools.product(range(x_shape[0]), places, taps, range(ci), range(co)):
        i = tuple(a * s + b * d - p[0] for a, b, s, d, p in zip(o, t, strides, dilation, padding))
        if all(0 <= a < n for a, n in zip(i, x_shape[1:])):
            yield (image, *i, c // group * ci + k), (*t, k, c), (image, *o, c)


def conv_output(x_shape, w_shape, strides, padding, dilation):
    """Return (OH, OW), or the sizes of any number of axes, counted window by window."""
    return tuple(
        sum(1 for o in range(n + sum(p)) if o * s + (k - 1) * d < n + sum(p))
        for n, k, s, p, d in zip(x_shape[1:], w_shape, strides, padding, dilation)
    )


def conv(x, w, *, strides, padding, dilation):
    output = conv_output(x.shape, w.shape, strides, padding, dilation)
    y = np.zeros((x.shape[0], *output, w.shape[-1]))
    for i, j, o in _conv_terms(x.shape, w.shape, output, strides, padding, dilation):
        y[o] += float(x[i]) * float(w[j])
    return y


def conv_backward_input(dy, w, *, input_shape, strides, padding, dilation):
    dx = np.zeros(input_shape)
    for i, j, o in _conv_terms(input_shape, w.shape, dy.shape[1:-1], strides, padding, dilation):
        dx[i] += float(dy[o]) * float(w[j])
    return dx


def conv_backward_kernel(x, dy, *, kernel_shape, strides, padding, dilation):
    dw = np.zeros(kernel_shape)
    for i, j, o in _conv_terms(x.shape, kernel_shape, dy.shape[1:-1], strides, padding, dilation):
        dw[j] += float(x[i]) * float(dy[o])
    return dw


def conv_transpose(x, w, *, shape, strides, before, dilation):
    """Spread each pixel of x over a window of y (N, *shape, CO); w is (.., CO, CI)."""
    y = np.zeros((x.shape[0], *shape, w.shape[-2]))
    for i, tap in itertools.product(np.ndindex(x.shape[:-1]), np.ndindex(w.shape[:-2])):
        o = tuple(a * s + k * d - b for a, s, k, d, b in zip(i[1:], strides, tap, dilation, before))
        if all(0 <= a < n for a, n in zip(o, shape)):
            y[(i[0], *o)] += w[tap].astype(float) @ x[i].astype(float)
    return y


def depthwise_conv(x, w, *, strides, padding, dilation):
    """Convolve channel after channel; w is (.., C, M)."""
    moves = {"strides": strides, "padding": padding, "dilation": dilation}
    channels = range(x.shape[-1])
    return np.concatenate([conv(x[..., c : c + 1], w[..., c : c + 1, :], **moves) for c in channels], -1)


def matmul(a, b):
    y = np.zeros((a.shape[0], b.shape[1]))
    for i, j, k in itertools.product(range(a.shape[0]), range(b.shape[1]), range(a.shape[1])):
        y[i, j] += float(a[i, k]) * float(b[k, j])
    return y


def windows(shape, size, strides, padding, dilation):
    """Yield each (image, oh, ow) with the pixels (image, h, w) of its window that are inside x, in row-major order."""
    output = conv_output(shape, size, strides, padding, dilation)
    for image, oh, ow in itertools.product(range(shape[0]), *map(range, output)):
        rows = [oh * strides[0] + k * dilation[0] - padding[0][0] for k in range(size[0])]
        columns = [ow * strides[1] + k * dilation[1] - padding[1][0] for k in range(size[1])]
        inside = [(image, h, w) for h in rows for w in columns if 0 <= h < shape[1] and 0 <= w < shape[2]]
        yield (image, oh, ow), inside


def _argmax(values, sign):
    """Return the index of the first NaN, else of the first maximum of sign * values; None if there are no values."""
    nans = [i for i, v in enumerate(values) if v != v]
    return nans[0] if nans else max(range(len(values)), key=lambda i: sign * values[i], default=None)


def extreme_pool(x, sign, *, size, strides, padding, dilation):
    """Return (y, argmax): max pooling for sign 1, min pooling for sign -1; argmax is the index of the tap, or -1."""
    output = conv_output(x.shape, size, strides, padding, dilation)
    y = np.full((x.shape[0], *output, x.shape[3]), -sign * np.inf)
    argmax = np.full(y.shape, -1)
    for o, inside in windows(x.shape, size, strides, padding, dilation):
        numbers = _tap_numbers(o, inside, size, strides, padding, dilation)
        for c in range(x.shape[3] if inside else 0):
            values = [float(x[i][c]) for i in inside]
            y[o][c], argmax[o][c] = values[_argmax(values, sign)], numbers[_argmax(values, sign)]
    return y, argmax


def _tap_numbers(o, inside, size, strides, padding, dilation):
    """Return the tap index kh KW + kw of each element inside a window."""
    corner = [i * s - p[0] for i, s, p in zip(o[1:], strides, padding)]
    kernel = [[(n - c) // d for n, c, d in zip(i[1:], corner, dilation)] for i in inside]
    return [kh * size[1] + kw for kh, kw in kernel]


def extreme_pool_backward(dy, argmax, *, input_shape, size, strides, padding, dilation):
    dx = np.zeros(input_shape)
    for o, inside in windows(input_shape, size, strides, padding, dilation):
        for number, i in zip(_tap_numbers(o, inside, size, strides, padding, dilation), inside):
            for c in range(input_shape[3]):
                dx[i][c] += dy[o][c] if argmax[o][c] == number else 0
    return dx


def average_pool(x, *, size, strides, padding, count_padding):
    y = np.zeros((x.shape[0], *conv_output(x.shape, size, strides, padding, (1, 1)), x.shape[3]))
    for o, inside in windows(x.shape, size, strides, padding, (1, 1)):
        total = sum((np.float64(x[i]) for i in inside), np.zeros(x.shape[3]))
        y[o] = total / (size[0] * size[1] if count_padding else max(len(inside), 1))
    return y


def average_pool_backward(dy, *, input_shape, size, strides, padding, count_padding):
    dx = np.zeros(input_shape)
    for o, inside in windows(input_shape, size, strides, padding, (1, 1)):
        for i in inside:
            dx[i] += dy[o] / np.float64(size[0] * size[1] if count_padding else len(inside))
    return dx
