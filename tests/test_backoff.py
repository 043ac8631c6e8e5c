"""The number of threads on busy processors: csrc/backoff.h, compiled into a program with times of its own."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

CSRC = Path(__file__).parents[1] / "fastconv" / "csrc"
PROGRAM = """
#include <assert.h>
#include <time.h>
static struct timespec present;
static int read_clock(clockid_t clock, struct timespec *now) { (void)clock; *now = present; return 0; }
#define clock_gettime read_clock
#include "backoff.h"

enum { MS = 1000 * 1000 };

static void wait(int64_t ns) {
    ns += nanoseconds();
    present = (struct timespec){ns / 1000000000, ns % 1000000000};
}

/* A region of `threads` threads that takes `taken`, for which one thread would need `alone`. */
static void region(int threads, int64_t taken, int64_t alone) {
    int64_t start = nanoseconds();
    wait(taken);
    judge_region(threads, alone, start, nanoseconds());
}

int main(void) {
    wait((int64_t)5 * LONG_PAUSE);
    assert(threads_to_use(8) == 8);
    region(8, 1 * MS, 4 * MS);                      /* worth its threads */
    assert(threads_to_use(8) == 8);
    region(8, 9 * MS, 4 * MS);                      /* slower than one thread */
    assert(threads_to_use(8) == 6 && threads_to_use(2) == 2);
    wait(SHORT_PAUSE / 2);
    assert(threads_to_use(8) == 6);
    wait(SHORT_PAUSE);
    assert(threads_to_use(8) == 7);                 /* one more after a pause */
    wait(2 * SHORT_PAUSE);
    assert(threads_to_use(8) == 8);
    region(2, 9 * MS, 4 * MS);                      /* too soon: a longer pause */
    assert(threads_to_use(8) == 1);
    wait(SHORT_PAUSE + 1);
    assert(threads_to_use(8) == 1);
    wait(SHORT_PAUSE);
    assert(threads_to_use(8) == 2);
    for (int i = 0; i < 20; i++) region(2, 9 * MS, 4 * MS);
    wait(LONG_PAUSE / 2);
    assert(threads_to_use(2) == 1);
    wait(LONG_PAUSE);                               /* no pause is longer */
    assert(threads_to_use(2) == 2);
    wait((int64_t)2 * LONG_PAUSE);
    region(2, 9 * MS, 4 * MS);                      /* after a quiet time, pauses are short again */
    wait(SHORT_PAUSE + 1);
    assert(threads_to_use(2) == 2);
    return 0;
}
"""


def test_threads_are_given_up_and_tried_again(tmp_path):
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    (tmp_path / "program.c").write_text(PROGRAM)
    command = [compiler, "-std=gnu11", "-O1", f"-I{CSRC}", "program.c", "-o", "program"]
    subprocess.run(command, cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "program"], check=True)
