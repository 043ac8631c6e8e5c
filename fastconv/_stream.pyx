# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Kernels that are bound by memory: each passes over its arrays once, on as many threads as are worth it.

Shapes, dtypes and contiguity have been checked by the caller (`backends/cpu.py`).
"""
