"""Convolutions and pooling of a backend, called with strides, padding and dilation instead of a record."""

from __future__ import annotations

from fastconv.backends.cpu.algorithms.choose import choose
from fastconv.geometry import Convolution, Pooling


def algorithm(direction, x_shape, w_shape, strides, padding, dilation):
    """Return the name of the algorithm that the CPU chooses."""
    return choose(direction, Convolution.of(x_shape, w_shape, strides, padding, dilation)).algorithm.name


class Windows:
    """A backend whose methods take the arguments of `tests.naive`; all other methods are the backend's own."""

    def __init__(self, backend):
        self.backend = backend

    def __getattr__(self, name):
        return getattr(self.backend, name)

    def conv(self, x, w, bias=None, *residual, strides, padding, dilation, **rest):
        c = Convolution.of(x.shape, w.shape, strides, padding, dilation)
        return self.backend.conv(x, w, bias, *residual, convolution=c, **rest)

    def conv_backward_input(self, dy, w, bias=None, *, input_shape, strides, padding, dilation, **rest):
        c = Convolution.of(input_shape, w.shape, strides, padding, dilation)
        return self.backend.conv_backward_input(dy, w, bias, convolution=c, **rest)

    def conv_backward_kernel(self, x, dy, *, kernel_shape, strides, padding, dilation, **rest):
        c = Convolution.of(x.shape, kernel_shape, strides, padding, dilation)
        return self.backend.conv_backward_kernel(x, dy, convolution=c, **rest)

    def max_pool(self, x, *, out=None, **window):
        return self.backend.max_pool(x, pooling=Pooling.of(x.shape, **window), out=out)

    def min_pool(self, x, *, out=None, **window):
        return self.backend.min_pool(x, pooling=Pooling.of(x.shape, **window), out=out)

    def max_pool_argmax(self, x, *, out=None, **window):
        return self.backend.max_pool_argmax(x, pooling=Pooling.of(x.shape, **window), out=out)

    def min_pool_argmax(self, x, *, out=None, **window):
        return self.backend.min_pool_argmax(x, pooling=Pooling.of(x.shape, **window), out=out)

    def extreme_pool_backward(self, dy, argmax, *, input_shape, out=None, **window):
        return self.backend.extreme_pool_backward(dy, argmax, pooling=Pooling.of(input_shape, **window), out=out)

    def average_pool(self, x, *, count_padding=False, out=None, **window):
        pooling = Pooling.of(x.shape, **window)
        return self.backend.average_pool(x, pooling=pooling, count_padding=count_padding, out=out)

    def average_pool_backward(self, dy, *, input_shape, count_padding=False, out=None, **window):
        pooling = Pooling.of(input_shape, **window)
        return self.backend.average_pool_backward(dy, pooling=pooling, count_padding=count_padding, out=out)
