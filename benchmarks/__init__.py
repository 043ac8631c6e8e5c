"""Measure the speed of fastconv and of its rivals: suites of pytest-benchmark (`test_suites.py`) and scripts to run.

The code that they share is in `support`, each rival in `rivals`, the measured shapes in `shapes`.
"""
