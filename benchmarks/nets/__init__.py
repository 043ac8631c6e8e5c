"""Compare whole nets with PyTorch, ONNX Runtime and OpenVINO: ``python -m benchmarks.nets``.

The processes of the rivals import `side`, `engines` and `modules`, and nothing of fastconv.
"""
