"""One row for each layer: (class, arguments, input shape or shapes, output shape): the table of all tests."""

from fastconv import layers

IMAGE = (6, 8, 3)

CASES = [
    (layers.Conv2D, {"filters": 4, "kernel_size": 3}, IMAGE, (4, 6, 4)),
    (layers.Conv2D, {"filters": 4, "kernel_size": (3, 2), "strides": 2, "padding": "same"}, IMAGE, (3, 4, 4)),
    (layers.Conv2D, {"filters": 4, "kernel_size": 3, "dilation_rate": 2, "use_bias": False}, IMAGE, (2, 4, 4)),
    (layers.Conv2D, {"filters": 6, "kernel_size": 1, "groups": 3, "activation": "tanh"}, IMAGE, (6, 8, 6)),
    (layers.Conv2D, {"filters": 4, "kernel_size": 3, "data_format": "channels_first"}, (3, 6, 8), (4, 4, 6)),
    (layers.Conv2D, {"filters": 2, "kernel_size": 3, "padding": ((1, 0), (0, 2))}, IMAGE, (5, 8, 2)),
    (layers.Conv2D, {"filters": 2, "kernel_size": 2, "kernel_regularizer": "l2"}, IMAGE, (5, 7, 2)),
    (layers.Dense, {"units": 5}, (7,), (5,)),
    (layers.Dense, {"units": 5, "activation": "sigmoid", "use_bias": False}, (4, 7), (4, 5)),
    (layers.MaxPooling2D, {}, IMAGE, (3, 4, 3)),
    (layers.MaxPooling2D, {"pool_size": 3, "strides": 2, "padding": "same"}, IMAGE, (3, 4, 3)),
    (layers.MaxPooling2D, {"data_format": "channels_first"}, (3, 6, 8), (3, 3, 4)),
    (layers.MinPooling2D, {"pool_size": (2, 3), "strides": 1}, IMAGE, (5, 6, 3)),
    (layers.AveragePooling2D, {}, IMAGE, (3, 4, 3)),
    (layers.AveragePooling2D, {"pool_size": 3, "strides": 2, "padding": "same"}, IMAGE, (3, 4, 3)),
    (layers.GlobalMaxPooling2D, {}, IMAGE, (3,)),
    (layers.GlobalMaxPooling2D, {"keepdims": True, "data_format": "channels_first"}, (3, 6, 8), (3, 1, 1)),
    (layers.GlobalAveragePooling2D, {}, IMAGE, (3,)),
    (layers.GlobalAveragePooling2D, {"keepdims": True}, IMAGE, (1, 1, 3)),
    (layers.ZeroPadding2D, {}, IMAGE, (8, 10, 3)),
    (layers.ZeroPadding2D, {"padding": ((1, 2), (0, 3))}, IMAGE, (9, 11, 3)),
    (layers.ZeroPadding2D, {"padding": (2, 1), "data_format": "channels_first"}, (3, 6, 8), (3, 10, 10)),
    (layers.Flatten, {}, IMAGE, (144,)),
    (layers.Flatten, {"data_format": "channels_first"}, IMAGE, (144,)),
    (layers.Reshape, {"target_shape": (12, -1)}, IMAGE, (12, 12)),
    (layers.Dropout, {"rate": 0.5, "seed": 3}, IMAGE, IMAGE),
    (layers.Activation, {"activation": "softmax"}, (7,), (7,)),
    (layers.Activation, {"activation": "gelu"}, (7,), (7,)),
    (layers.ReLU, {}, (7,), (7,)),
    (layers.ReLU, {"max_value": 0.5, "negative_slope": 0.1, "threshold": 0.2}, (7,), (7,)),
    (layers.LeakyReLU, {"negative_slope": 0.1}, (7,), (7,)),
    (layers.ELU, {"alpha": 0.5}, (7,), (7,)),
    (layers.Softmax, {}, (7,), (7,)),
    (layers.Softmax, {"axis": 1}, (5, 7), (5, 7)),
    (layers.BatchNormalization, {}, IMAGE, IMAGE),
    (layers.BatchNormalization, {"axis": 1, "momentum": 0.9, "epsilon": 1e-2}, IMAGE, IMAGE),
    (layers.BatchNormalization, {"center": False, "scale": False}, (7,), (7,)),
    (layers.Add, {}, [IMAGE, IMAGE, IMAGE], IMAGE),
    (layers.Concatenate, {}, [IMAGE, (6, 8, 2)], (6, 8, 5)),
    (layers.Concatenate, {"axis": 1}, [IMAGE, (2, 8, 3)], (8, 8, 3)),
]

IDS = [f"{cls.__name__}-{i}" for i, (cls, *_) in enumerate(CASES)]
