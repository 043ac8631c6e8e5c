"""The backend of a GPU: CuPy arrays, CUDA C kernels, cuBLAS and cuDNN."""
