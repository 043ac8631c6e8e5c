"""The backend of the CPU: NumPy arrays and the compiled kernels."""
