"""Call the library with absurd sizes, drawn from a seed: each call computes or raises, and corrupts no memory.

`python -m tests.absurd SEED COUNT` makes COUNT calls in a process with a limited address space, so that an absurd
allocation fails at once. tools/sanitize.py runs it on kernels that check each address.
"""

from __future__ import annotations

import faulthandler
import random as stdlib_random
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from fastconv import layers, ops, random

FEW = (1, 1, 1, 2, 2, 3, 4, 5, 7)
EDGES = (
    0, -1, 8, 63, 64, 65, 1000, 3000, 32768, 65537, 10**6, 2**24 + 1, 536870908, 2**30 - 2, 2**31 - 4, 2**31 - 1, 2**31,
    2**32 - 3, 4294967293, 2**40, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64, 10**30, -(2**31), -(2**63), -(2**70),
)  # fmt: skip
# A call may raise these: an argument breaks a rule, or the result does not fit into memory.
REFUSALS = (ValueError, TypeError, IndexError, MemoryError)
ADDRESS_SPACE = 2 << 30  # bytes
READ = 1 << 20  # largest number of elements of a result


class Draw:
    """Draw small arrays, and integers of which a quarter are absurd."""

    def __init__(self, seed: int) -> None:
        self.random = stdlib_random.Random(seed)

    def size(self) -> int:
        return self.random.choice(EDGES if self.random.random() < 0.25 else FEW)

    def few(self) -> int:
        return self.random.choice(FEW)

    def sizes(self, rank: int) -> Any:
        return self.size() if self.random.random() < 0.5 else tuple(self.size() for _ in range(rank))

    def padding(self, rank: int) -> Any:
        kind = self.random.randrange(5)
        if kind < 3:
            return ("same", "valid", "causal")[kind]
        return self.size() if kind == 3 else tuple((self.size(), self.size()) for _ in range(rank))

    def rank(self) -> int:
        return self.random.choice((1, 2, 2, 3))

    def array(self, *shape: int) -> np.ndarray:
        return np.ones(shape, self.random.choice((np.float32, np.float32, np.float64)))

    def image(self, rank: int, channels: int) -> np.ndarray:
        return np.ones((self.random.choice((1, 2)), *(self.few() + 2 for _ in range(rank)), channels), np.float32)


def convolution(d: Draw) -> Any:
    rank, ci, co, groups = d.rank(), d.few(), d.few(), d.random.choice((1, 1, 2, 16))
    x = d.image(rank, ci * groups).astype(d.random.choice((np.float32, np.float32, np.float64)))
    w = np.ones((*(d.few() for _ in range(rank)), ci, co * groups), x.dtype)
    how = {"strides": d.sizes(rank), "padding": d.padding(rank), "dilation_rate": d.sizes(rank)}
    y = ops.conv(x, w, **how)
    ops.conv_backward_input(y, w, x.shape, **how)
    return ops.conv_backward_kernel(x, y, w.shape, **how)


def depthwise(d: Draw) -> Any:
    rank, channels = d.rank(), d.random.choice((1, 3, 16, 33))
    x, w = d.image(rank, channels), np.ones((*(d.few() for _ in range(rank)), channels, d.few()), np.float32)
    return ops.depthwise_conv(x, w, d.sizes(rank), d.padding(rank), dilation_rate=d.sizes(rank))


def transposed(d: Draw) -> Any:
    rank, ci, co = d.rank(), d.few(), d.few()
    x, w = d.image(rank, ci), np.ones((*(d.few() for _ in range(rank)), co, ci), np.float32)
    output_padding = d.random.choice((None, d.sizes(rank)))
    return ops.conv_transpose(x, w, d.sizes(rank), d.padding(rank), output_padding, dilation_rate=d.sizes(rank))


def pooling(d: Draw) -> Any:
    rank, x = (rank := d.rank()), d.image(rank, d.few())
    window = d.sizes(rank), d.random.choice((None, d.sizes(rank))), d.padding(rank)
    if d.random.random() < 0.3:
        return ops.average_pool(x, *window, count_padding=d.random.random() < 0.5)
    return d.random.choice((ops.max_pool, ops.min_pool))(x, *window, dilation_rate=d.sizes(rank))


def pooled_gradient(d: Draw) -> Any:
    from fastconv.engine import grad

    rank = d.rank()
    x, window = d.image(rank, d.few()), (d.sizes(rank), d.random.choice((None, d.sizes(rank))), d.padding(rank))
    return grad(lambda x: ops.sum(d.random.choice((ops.max_pool, ops.average_pool))(x, *window)))(x)


def layer(d: Draw) -> Any:
    rank = d.rank()
    name, arguments = d.random.choice(
        [
            (f"Conv{rank}D", lambda: (d.size(), d.sizes(rank), d.sizes(rank), "same")),
            (f"Conv{rank}DTranspose", lambda: (d.size(), d.sizes(rank), d.sizes(rank))),
            ("DepthwiseConv2D", lambda: (d.sizes(2), d.sizes(2), "same", d.size())),
            ("SeparableConv2D", lambda: (d.size(), d.sizes(2), d.sizes(2))),
            (f"MaxPooling{rank}D", lambda: (d.sizes(rank), d.sizes(rank), "same")),
            (f"AveragePooling{rank}D", lambda: (d.sizes(rank), d.sizes(rank), "same")),
            (f"AdaptiveMaxPooling{rank}D", lambda: (d.sizes(rank),)),
            (f"UpSampling{rank}D", lambda: (d.sizes(rank),)),
            (f"ZeroPadding{rank}D", lambda: (d.sizes(rank),)),
            (f"Cropping{rank}D", lambda: (d.sizes(rank),)),
            ("LocallyConnected2D", lambda: (d.size(), d.sizes(2), d.sizes(2))),
            ("Dense", lambda: (d.size(),)),
            ("Reshape", lambda: (tuple(d.size() for _ in range(rank)),)),
            ("Resizing", lambda: (d.size(), d.size())),
            ("CenterCrop", lambda: (d.size(), d.size())),
            ("RandomCrop", lambda: (d.size(), d.size())),
            ("GroupNormalization", lambda: (d.size(),)),
            ("Maxout", lambda: (d.size(), d.size())),
        ]
    )
    axes = rank if name[-2] in "123" else int(name[-2]) if name[-2].isdigit() else 2
    if name[-2:-1].isdigit():
        axes = int(name[-2])
    elif "Transpose" in name:
        axes = rank
    return getattr(layers, name)(*arguments())(d.image(axes, d.few()))


def repeated_vector(d: Draw) -> Any:
    return layers.RepeatVector(d.size())(np.ones((2, 3), np.float32))


def shaped(d: Draw) -> Any:
    x, shape = d.array(2, 3, 4), tuple(d.size() for _ in range(d.random.choice((1, 2, 3))))
    function = d.random.choice(
        [
            lambda: ops.reshape(x, shape),
            lambda: ops.broadcast_to(x, shape),
            lambda: ops.zeros(shape),
            lambda: ops.ones(shape),
            lambda: ops.one_hot(np.array([0, 1]), d.size()),
            lambda: ops.split(x, d.size(), d.size()),
            lambda: ops.split(x, shape),
            lambda: ops.transpose(x, shape),
            lambda: ops.slice(x, shape, shape),
            lambda: ops.expand_dims(x, d.size()),
            lambda: ops.flip(x, d.size()),
            lambda: ops.take(x, d.size(), d.random.choice((0, d.size()))),
            lambda: ops.take_along_axis(x, shape, d.size()),
            lambda: ops.sum(x, d.size()),
            lambda: ops.argmax(x, d.size()),
            lambda: ops.softmax(x, d.size()),
            lambda: random.normal(shape, seed=1),
            lambda: random.uniform(shape, seed=1),
            lambda: random.truncated_normal(shape, seed=1),
            lambda: random.randint(shape, 0, 5, seed=1),
            lambda: random.categorical(x[0], d.size(), seed=1),
        ]
    )
    return function()


def bordered(d: Draw) -> Any:
    sides = [(d.size(), d.size()) for _ in range(4)] if d.random.random() < 0.5 else d.size()
    return ops.pad(d.image(2, 3), sides, d.random.choice(("constant", "edge", "reflect", "symmetric")))


def cropped(d: Draw) -> Any:
    x = d.image(2, 3)
    function = d.random.choice(
        [
            lambda: ops.image.pad_images(x, d.size(), d.size(), d.size(), d.size()),
            lambda: ops.image.pad_images(x, d.size(), d.size(), target_height=d.size(), target_width=d.size()),
            lambda: ops.image.crop_images(x, d.size(), d.size(), d.size(), d.size()),
            lambda: ops.image.crop_images(x, d.size(), d.size(), target_height=d.size(), target_width=d.size()),
            lambda: ops.image.resize(x, (d.size(), d.size()), d.random.choice(("nearest", "bilinear", "bicubic"))),
            lambda: ops.image.extract_patches(x, d.sizes(2), d.sizes(2), d.size(), "same"),
        ]
    )
    return function()


CALLS: tuple[Callable[[Draw], Any], ...] = (
    convolution, convolution, convolution, depthwise, transposed, transposed, pooling, pooling, pooled_gradient, layer,
    layer, layer, repeated_vector, shaped, shaped, bordered, cropped,
)  # fmt: skip


def attempt(seed: int) -> None:
    """Make a single call. Raises its error unless that is an expected refusal."""
    draw = Draw(seed)
    call = draw.random.choice(CALLS)
    try:
        result = call(draw)
    except REFUSALS:
        return
    for array in result if isinstance(result, (list, tuple)) else [result]:
        if np.size(array) < READ:
            np.sum(np.asarray(array))


def give_up(*_: Any) -> None:
    raise TimeoutError


def main(first: int, count: int, checked: bool) -> int:
    """Return how many of `count` calls fail; report each failure with its seed.

    A call must end within a minute. If addresses are checked and memory is not limited, a slow call is given up.
    """
    failures = 0
    signal.signal(signal.SIGALRM, give_up)
    for seed in range(first, first + count):
        if checked:
            signal.alarm(10)
        else:
            faulthandler.dump_traceback_later(60, exit=True)
        try:
            attempt(seed)
        except TimeoutError:
            print(f"seed {seed}: given up", flush=True)
        except Exception as error:  # the report shall list all failures
            failures += 1
            print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
            if "trace" in sys.argv:
                traceback.print_exc()
    signal.alarm(0)
    faulthandler.cancel_dump_traceback_later()
    return failures


if __name__ == "__main__":
    is_checked = "asan" in sys.argv[3:]
    if not is_checked:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    warnings.simplefilter("ignore")
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), is_checked) > 0)
