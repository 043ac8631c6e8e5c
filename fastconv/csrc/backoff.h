/* How many threads to use while other processes keep the processors busy.
 *
 * A region ends when its last thread has ended. If that thread waits for a processor, the region takes longer than a
 * single thread would have taken. As TCP does when packets are lost (Jacobson 1988), the next regions then use fewer
 * threads, and after a pause more again; the pause doubles each time that the larger number fails. */
#ifndef FASTCONV_BACKOFF_H
#define FASTCONV_BACKOFF_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

enum { SLACK = 200 * 1000, SHORT_PAUSE = 10 * 1000 * 1000, LONG_PAUSE = 1000 * 1000 * 1000 };    /* nanoseconds */

static _Atomic int backoff_threads = 0;                    /* the most to use now; 0: no limit */
static _Atomic int64_t backoff_end = 0;                    /* the time at which more may be tried */
static _Atomic int64_t backoff_pause = SHORT_PAUSE;

static inline int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Return how many of `threads` to use. */
static inline int threads_to_use(int threads) {
    int most = atomic_load_explicit(&backoff_threads, memory_order_relaxed);
    if (most == 0 || threads <= most) return threads;
    int64_t now = nanoseconds();
    if (now < atomic_load_explicit(&backoff_end, memory_order_relaxed)) return most;
    atomic_store_explicit(&backoff_threads, most + 1, memory_order_relaxed);
    atomic_store_explicit(&backoff_end, now + SHORT_PAUSE, memory_order_relaxed);
    return most + 1;
}

/* Use fewer threads for a while if a region of `threads` threads took longer than the calling thread `alone`. */
static inline void judge_region(int threads, double alone, int64_t start, int64_t end) {
    if (end - start <= alone + SLACK) return;
    int64_t pause = atomic_load_explicit(&backoff_pause, memory_order_relaxed);
    int64_t since = end - atomic_load_explicit(&backoff_end, memory_order_relaxed);
    pause = since > LONG_PAUSE ? SHORT_PAUSE : pause < LONG_PAUSE / 2 ? 2 * pause : LONG_PAUSE;
    atomic_store_explicit(&backoff_pause, pause, memory_order_relaxed);
    atomic_store_explicit(&backoff_end, end + pause, memory_order_relaxed);
    atomic_store_explicit(&backoff_threads, threads - (threads + 3) / 4, memory_order_relaxed);
}

#endif
