"""fastconv: convolutional neural networks on the CPU, shaped like ``keras``."""

__version__ = "0.1.0"
