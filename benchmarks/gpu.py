"""Compare convolutions and training steps on a GPU with PyTorch and cuDNN: ``python -m benchmarks.gpu``.

Both sides compute in float32 without TF32, channels last, and take turns in one process; GPU events measure the time,
and medians are compared. The last column is the fraction of the multiplications and additions per second that the GPU
reached in the same run. The exit status is 2 if there is no GPU.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.rivals import ours, pytorch
from benchmarks.support.cases import Case, Conv, Model, expand, load
from fastconv import backends, config, device
from fastconv.backends.gpu.cudnn import describe
from fastconv.backends.reference import Reference
from fastconv.geometry import Convolution

PEAK = r"""
extern "C" __global__ void multiply_add(float* y, int rounds) {
    float a[8] = {}, x = 1e-3f * threadIdx.x;
    for (int i = 0; i < rounds; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) a[j] = a[j] * x + 0.5f;
    y[blockIdx.x * blockDim.x + threadIdx.x] = a[0] + a[1] + a[2] + a[3] + a[4] + a[5] + a[6] + a[7];
}
"""

LARGE = (  # nets that take a CPU seconds per step, and so are not in shapes/*.txt
    *expand("resnet50", "model resnet50 image=224x224x3 classes=1000 direction=train batch=32,64"),
    *expand("vgg16", "model vgg16 image=224x224x3 classes=1000 direction=train batch=32,64"),
)

Call = Callable[[], Any]


class Row(NamedTuple):
    """Seconds of a case on each side."""

    case: Case
    ours: float
    theirs: float | None

    def text(self, peak: float) -> str:
        rival = f"{1e6 * self.theirs:10.1f} {self.theirs / self.ours:6.2f}" if self.theirs else f"{'-':>10} {'-':>6}"
        share = f"{self.case.flops / self.ours / peak:7.1%}" if self.case.flops else f"{'-':>7}"
        return f"{self.case!s:58} {1e6 * self.ours:10.1f} {rival} {share}"


# ---- clocks ----------------------------------------------------------------------------------------------------------


def seconds_by_events(event: Callable[[], Any], elapsed: Callable[[Any, Any], float], call: Call, times: int) -> float:
    """Return the seconds of each of `times` calls by events of their stream; `elapsed` returns milliseconds."""
    start, end = event(), event()
    start.record()
    for _ in range(times):
        call()
    end.record()
    end.synchronize()
    return elapsed(start, end) / 1e3 / times


def seconds_by_clock(call: Call, times: int) -> float:
    """Return the seconds of each of `times` calls that wait for their results."""
    started = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - started) / times


def our_clock(xp: Any, case: Case) -> Callable[[Call, int], float]:
    if isinstance(case, Model):
        return seconds_by_clock
    return lambda call, times: seconds_by_events(xp.cuda.Event, xp.cuda.get_elapsed_time, call, times)


def their_clock(case: Case) -> Callable[[Call, int], float]:
    if isinstance(case, Model):
        return seconds_by_clock
    cuda = pytorch.torch.cuda
    return lambda call, times: seconds_by_events(
        lambda: cuda.Event(enable_timing=True), lambda start, end: start.elapsed_time(end), call, times
    )


# ---- the two sides ---------------------------------------------------------------------------------------------------


def prepare_ours(xp: Any, case: Case) -> Call:
    if isinstance(case, Model):
        call = ours.model(case)
        return lambda: call() if case.direction == "inference" else float(np.mean(call()))
    assert isinstance(case, Conv)
    arrays = {name: xp.asarray(array) for name, array in case.arrays().items()}
    x, w, dy = arrays["x"], arrays["w"], arrays["dy"]
    gpu = backends.gpu_backend(0)
    convolution = Convolution.of(x.shape, w.shape, case.strides, case.sides, case.dilation)
    if case.direction == "forward":
        return gpu.prepare(Reference.conv, (x, w), {"convolution": convolution}, dy).run
    if case.direction == "backward_input":
        return gpu.prepare(Reference.conv_backward_input, (dy, w), {"convolution": convolution}, x).run
    return gpu.prepare(Reference.conv_backward_kernel, (x, dy), {"convolution": convolution}, w).run


class PyTorchOnGpu(pytorch.PyTorch):
    """Channels last; cuDNN chooses its algorithms by trial."""

    def __init__(self) -> None:
        super().__init__("channels_last")
        torch = pytorch.torch
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False

    def laid_out(self, tensor: Any) -> Any:
        return super().laid_out(tensor.cuda())

    def model(self, case: Model) -> Call:
        torch, arrays = pytorch.torch, case.arrays()
        net = pytorch.net(case).cuda().to(memory_format=torch.channels_last)
        x, labels = self.tensor(arrays["x"]), torch.from_numpy(arrays["labels"]).cuda()
        if case.direction != "inference":
            return pytorch.training_step(net, x, labels)
        predict = pytorch.no_grad(net.eval(), x)
        return lambda: predict().cpu()


def rival() -> PyTorchOnGpu | None:
    """Return PyTorch if it is installed and finds the GPU too."""
    torch = pytorch.torch
    return PyTorchOnGpu() if torch is not None and torch.cuda.is_available() else None


# ---- measurements ----------------------------------------------------------------------------------------------------


def measure_peak(xp: Any, blocks: int = 8192, rounds: int = 4096) -> float:
    """Return multiplications and additions in float32 per second; an instruction counts as two."""
    kernel = xp.RawModule(code=PEAK, options=("--std=c++17",)).get_function("multiply_add")
    y = xp.empty(blocks * 256, "float32")

    def call() -> None:
        kernel((blocks,), (256,), (y, np.int32(rounds)))

    call()
    seconds = min(seconds_by_events(xp.cuda.Event, xp.cuda.get_elapsed_time, call, 1) for _ in range(5))
    return 2 * 8 * rounds * y.size / seconds


def compare(xp: Any, side: PyTorchOnGpu | None, case: Case, repeats: int) -> Row:
    """Return medians of `repeats` measurements of each side, in turns; a measurement takes about 20 ms."""
    turns = [(prepare_ours(xp, case), our_clock(xp, case))]
    if side is not None:
        turns.append((side.prepare(case), their_clock(case)))
    looks = []
    for call, clock in turns:
        clock(call, 3)  # compile, plan and warm up
        looks.append((call, clock, min(1000, max(1, round(0.02 / max(clock(call, 1), 1e-6)))), []))
    for _ in range(repeats):
        for call, clock, times, seconds in looks:
            seconds.append(clock(call, times))
    found = [statistics.median(seconds) for *_, seconds in looks]
    return Row(case, found[0], found[1] if len(found) > 1 else None)


def run(xp: Any, cases: Iterable[Case], side: PyTorchOnGpu | None, repeats: int, peak: float) -> Iterator[str]:
    """Yield the lines of the table as soon as they are known."""
    yield f"float32 multiplies and adds at {peak / 1e12:.2f} TFLOP/s; convolutions by {describe(0)}"
    yield f"{'case':58} {'us':>10} {'PyTorch':>10} {'ratio':>6} {'of peak':>7}"
    for case in cases:
        yield compare(xp, side, case, repeats).text(peak)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--family", help="a file of benchmarks/shapes, such as resnet50; all of them otherwise")
    parser.add_argument("--batch", type=int, default=32, help="the batch size of the cases (32)")
    parser.add_argument("--repeats", type=int, default=9, help="measurements of each side (9)")
    chosen = parser.parse_args(arguments)
    try:
        device.set_device("gpu")
    except device.MissingGpuError as error:
        print(f"Nothing is measured: {error}", file=sys.stderr)
        return 2
    config.set_tf32(False)
    xp = device.cupy()
    cases = [c for c in (*load("conv", "model"), *LARGE) if c.batch == chosen.batch]
    cases = [c for c in cases if chosen.family in (None, c.family)]
    for line in run(xp, cases, rival(), chosen.repeats, measure_peak(xp)):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
