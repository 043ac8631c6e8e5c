"""Small datasets for experiments, as NumPy arrays."""

from fastconv.datasets import cifar10, cifar100, digits, fashion_mnist, mnist, photos

__all__ = ["cifar10", "cifar100", "digits", "fashion_mnist", "mnist", "photos"]
