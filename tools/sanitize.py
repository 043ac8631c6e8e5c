"""Build the kernels with AddressSanitizer and UndefinedBehaviorSanitizer, and call them with absurd sizes.

    python tools/sanitize.py             # 3,000 calls on each instruction set of this processor
    python tools/sanitize.py 1 20000     # 20,000 calls from seed 1 on
    python tools/sanitize.py -- tests/backends/test_cpu_pool.py    # tests of your choice
    python tools/sanitize.py -- tests/backends/test_cpu_*.py tests/test_core.py    # all tests of kernels

It needs Linux, gcc with libasan and libubsan, and the packages of `pip install ".[test]"`. It builds in a temporary
folder; the checkout does not change. The exit status is 0 if no sanitizer has complained.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHECKS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g1"
INSTRUCTION_SETS = ("ref", "avx2", "avx512")


def build(folder: Path) -> None:
    """Copy the sources into `folder` and compile them there in place, with checks."""
    for name in (
        "fastconv",
        "tests",
        "benchmarks",
        "setup.py",
        "pyproject.toml",
        "conftest.py",
        "README.md",
        "LICENSE",
    ):
        source = ROOT / name
        ignore = shutil.ignore_patterns("*.so", "__pycache__", "_*.c")
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name, **({"ignore": ignore} if source.is_dir() else {}))
    environment = {**os.environ, "CFLAGS": f"{os.environ.get('CFLAGS', '')} {CHECKS}", "LDFLAGS": CHECKS}
    subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", "--inplace"], cwd=folder, env=environment, check=True
    )


def run(folder: Path, isa: str, arguments: list[str]) -> int:
    """Run Python in `folder` with checked addresses and return its exit status."""
    libraries = [
        subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    checks = {
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=2048",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
        "FASTCONV_ISA": isa,
        "FASTCONV_DEVICE": "cpu",
    }
    return subprocess.run([sys.executable, "-m", *arguments], cwd=folder, env={**os.environ, **checks}).returncode


def usable(isa: str) -> bool:
    """Return whether this processor has the instruction set."""
    flags = Path("/proc/cpuinfo").read_text()
    return isa == "ref" or {"avx2": " avx2 ", "avx512": " avx512f "}[isa] in flags


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--"]:
        command = ["pytest", "-q", "-x", *arguments[1:]]
    else:
        first, count = arguments or ("1", "3000")
        command = ["tests.absurd", first, count, "asan"]
    with tempfile.TemporaryDirectory() as name:
        build(Path(name))
        failed = [isa for isa in INSTRUCTION_SETS if usable(isa) and run(Path(name), isa, command)]
    print(f"complaints on: {', '.join(failed)}" if failed else "no complaints")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
