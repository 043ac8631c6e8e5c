"""Cases of the memory-bound kernels: arrays of a given number of rows and channels for each kernel."""

from __future__ import annotations

import numpy as np

from fastconv import _elementwise
from fastconv.backends.formulas import ACTIVATIONS, PIECEWISE


def normal(rng, *shape):
    return rng.standard_normal(shape, np.float32)


def positive(rng, *shape):
    return np.abs(normal(rng, *shape)) + np.float32(0.1)


# name of a case: (method, its arrays for (rows, channels), its other arguments).
# functions that NumPy has
UNARY, BINARY = ([f for f in table if hasattr(np, f)] for table in (_elementwise.UNARY, _elementwise.BINARY))
SCALARS = np.array([0.9, 0.05, 0.03, 1.5], np.float32)

CASES = {
    **{
        activation: ("activate", lambda r, m, c: [normal(r, m, c)], {"activation": activation, "alpha": 0.3})
        for activation in ACTIVATIONS
    },
    **{
        f"{activation}_backward": (
            "activate_backward",
            lambda r, m, c: [normal(r, m, c), normal(r, m, c)],
            {"activation": activation, "alpha": 0.3},
        )
        for activation in ACTIVATIONS
    },
    **{
        f"gate{name}": (f"gate{name}", lambda r, m, c, n=n: [4 * normal(r, m, c) for _ in range(n)], parameters)
        for name, n in (("", 1), ("_backward", 2))
        for parameters in ({"linear": 1.6, "cubic": 0.07},)
    },
    "softmax": ("softmax", lambda r, m, c: [normal(r, m, c)], {}),
    "softmax_backward": ("softmax_backward", lambda r, m, c: [normal(r, m, c), positive(r, m, c)], {}),
    "log_softmax": ("log_softmax", lambda r, m, c: [normal(r, m, c)], {}),
    "log_softmax_backward": ("log_softmax_backward", lambda r, m, c: [normal(r, m, c), -positive(r, m, c)], {}),
    "cross_entropy": ("softmax_cross_entropy", lambda r, m, c: [normal(r, m, c), positive(r, m, c)], {}),
    "cross_entropy_backward": (
        "softmax_cross_entropy_backward",
        lambda r, m, c: [normal(r, m), normal(r, m, c), positive(r, m, c)],
        {},
    ),
    "sparse_cross_entropy": (
        "sparse_softmax_cross_entropy",
        lambda r, m, c: [normal(r, m, c), r.integers(0, c, m, np.int32)],
        {},
    ),
    "sparse_cross_entropy_backward": (
        "sparse_softmax_cross_entropy_backward",
        lambda r, m, c: [normal(r, m), normal(r, m, c), r.integers(0, c, m, np.int32)],
        {},
    ),
    "batch_norm": ("batch_norm", lambda r, m, c: [normal(r, m, c), normal(r, c), normal(r, c)], {"epsilon": 1e-3}),
    "batch_norm_backward": (
        "batch_norm_backward",
        lambda r, m, c: [normal(r, m, c), normal(r, m, c), normal(r, c), positive(r, c), normal(r, c)],
        {"epsilon": 1e-3},
    ),
    "normalize": (
        "normalize",
        lambda r, m, c: [normal(r, m, c), normal(r, c), positive(r, c), normal(r, c), normal(r, c)],
        {"epsilon": 1e-3},
    ),
    "standardize": ("standardize", lambda r, m, c: [normal(r, m, c)], {"epsilon": 1e-3}),
    "standardize_backward": (
        "standardize_backward",
        lambda r, m, c: [normal(r, m, c), normal(r, m, c), positive(r, m, 1)],
        {},
    ),
    "scale_shift": ("scale_shift", lambda r, m, c: [normal(r, m, c), normal(r, c), normal(r, c)], {}),
    "add": ("add", lambda r, m, c: [normal(r, m, c), normal(r, m, c)], {}),
    "add_channels": ("add", lambda r, m, c: [normal(r, m, c), normal(r, c)], {}),
    "add_number": ("add", lambda r, m, c: [normal(r, m, c), normal(r, 1)], {}),
    "multiply": ("multiply", lambda r, m, c: [normal(r, m, c), normal(r, m, c)], {}),
    **{function: ("elementwise", lambda r, m, c: [positive(r, m, c)], {"function": function}) for function in UNARY},
    **{
        f"{function}_of_two": (
            "elementwise",
            lambda r, m, c: [normal(r, m, c), positive(r, m, c)],
            {"function": function},
        )
        for function in BINARY
    },
    **{
        f"{function}_channels": (
            "elementwise",
            lambda r, m, c: [normal(r, m, c), positive(r, 1, c)],
            {"function": function},
        )
        for function in BINARY
    },
    **{
        f"{function}_of_channels": (
            "elementwise",
            lambda r, m, c: [normal(r, c), positive(r, m, c)],
            {"function": function},
        )
        for function in BINARY
    },
    "one_minus": ("elementwise", lambda r, m, c: [np.float32(1)[...], normal(r, m, c)], {"function": "subtract"}),
    **{
        f"{kind}{name}": (kind, lambda r, m, c, x=x: [x(r, m, c)], parameters)
        for kind, x in (("sum", positive), ("mean", positive), ("max", normal), ("min", normal))
        for name, parameters in (
            ("", {}),
            ("_rows", {"axis": -1}),
            ("_channels", {"axis": (0,), "keepdims": True}),
        )
    },
    **{
        f"{kind}_middle": (kind, lambda r, m, c, x=x: [x(r, 3, m, c)], {"axis": (1,)})
        for kind, x in (("sum", positive), ("max", normal), ("min", normal))
    },
    "gelu": ("gelu", lambda r, m, c: [4 * normal(r, m, c)], {}),
    **{
        name: (name, lambda r, m, c: [9 * normal(r, m, c), np.round(4 * positive(r, m, c)) / 4], {})
        for name in ("sigmoid_loss", "sigmoid_loss_slope")
    },
    "gelu_backward": ("gelu_backward", lambda r, m, c: [normal(r, m, c), 4 * normal(r, m, c)], {}),
    "dropout": ("dropout", lambda r, m, c: [normal(r, m, c), np.array([2**63 + 11], np.uint64)], {"rate": 0.3}),
    **{
        rule: (
            "update",
            lambda r, m, c, n=n: [
                *(normal(r, m, c) for _ in range(2)),
                *(positive(r, m, c) for _ in range(n)),
                SCALARS,
            ],
            {"rule": rule, "constants": constants},
        )
        for rule, n, constants in (
            ("descend", 0, ()),
            ("momentum", 1, (0.9,)),
            ("nesterov", 1, (0.9,)),
            ("adam", 2, (0.1, 0.001, 1e-7)),
            ("amsgrad", 3, (0.1, 0.001, 1e-7)),
            ("adamax", 2, (0.1, 0.999, 1e-7)),
            ("nadam", 2, (0.1, 0.001, 1e-7)),
            ("rmsprop", 1, (0.9, 0.1, 1e-7)),
            ("rmsprop_momentum", 2, (0.9, 0.1, 1e-7, 0.8)),
            ("rmsprop_centered", 2, (0.0, 1.0, 100.0)),
            ("rmsprop_centered_momentum", 3, (0.0, 1.0, 100.0, 0.8)),
            ("adagrad", 1, (1e-7,)),
            ("adadelta", 2, (0.9, 0.1, 1e-7)),
            ("ftrl", 2, (0.2, 0.1, 0.3, 0.4)),
            ("lion", 1, (0.9, 0.1, 0.99, 0.01)),
        )
    },
    **{
        f"batch_norm_{activation}": (
            "batch_norm_activate",
            lambda r, m, c: [normal(r, m, c), normal(r, c), normal(r, c)],
            {"epsilon": 1e-3, "activation": activation, "alpha": 0.3},
        )
        for activation in sorted(PIECEWISE)
    },
    **{
        f"batch_norm_{activation}_backward": (
            "batch_norm_activate_backward",
            lambda r, m, c: [
                *(normal(r, m, c) for _ in range(2)),
                *(x(r, c) for x in (normal, positive, normal, normal, normal)),
            ],
            {"epsilon": 1e-3, "activation": activation, "alpha": 0.3},
        )
        for activation in sorted(PIECEWISE)
    },
    **{
        f"normalize_{activation}": (
            "normalize",
            lambda r, m, c: [normal(r, m, c), normal(r, c), positive(r, c), normal(r, c), normal(r, c)],
            {"epsilon": 1e-3, "activation": activation, "alpha": 0.3},
        )
        for activation in ("relu", "elu", "clipped_relu")
    },
    **{
        name: ("concatenate", lambda r, m, c, n=n: [normal(r, m, c) for _ in range(n)], {"axis": axis})
        for name, n, axis in (("concatenate_channels", 3, 1), ("concatenate_rows", 2, 0), ("concatenate_forty", 40, 1))
    },
}

# name of a case: indices of the arrays that receive the results
IN_PLACE = {
    "relu": [0], "tanh": [0], "elu_backward": [0], "sigmoid_backward": [1], "softmax": [0], "softmax_backward": [1],
    "log_softmax": [0], "log_softmax_backward": [1], "cross_entropy_backward": [1], "scale_shift": [0], "add": [1],
    "standardize_backward": [1],
    "sparse_cross_entropy_backward": [1], "multiply_channels": [0], "subtract_of_channels": [1], "exp": [0],
    "dropout": [0], "descend": [0], "nesterov": [0, 2], "adam": [0, 2, 3], "amsgrad": [0, 2, 3, 4], "lion": [0, 2],
    "rmsprop_centered_momentum": [0, 2, 3, 4],
}  # fmt: skip
