"""How fast fastconv is beside its rivals: pytest-benchmark suites, and `python -m benchmarks.report`."""
