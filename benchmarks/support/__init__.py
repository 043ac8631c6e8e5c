"""The code that the suites and scripts of `benchmarks` share: cases, timing, rows, goals, summaries and plots."""
