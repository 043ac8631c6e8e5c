/* The parallel region of the package: threads that share out numbered tasks, phase after phase. */
#ifndef FASTCONV_TASKS_H
#define FASTCONV_TASKS_H

#include <stdatomic.h>
#include <stdint.h>

#include "backoff.h"
#include "kernels.h"

#ifdef _OPENMP
#include <omp.h>
#else
static inline int omp_get_thread_num(void) { return 0; }
#endif

typedef void (*task_function)(const void *work, int64_t task, char *scratch);

/* Tasks 0 .. tasks - 1, in any order. All of them end before the next phase begins. */
typedef struct {
    task_function run;
    int64_t tasks;
} task_phase;

/* The tasks that a thread computes first, next .. end - 1, on a cache line of their own. */
typedef struct {
    _Alignas(64) _Atomic int64_t next;
    int64_t end;
} task_share;

static inline void share_out(task_share *shares, int64_t tasks, int threads) {
    for (int i = 0; i < threads; i++) {
        atomic_init(&shares[i].next, tasks * i / threads);
        shares[i].end = tasks * (i + 1) / threads;
    }
}

/* Compute the thread's own share, whose neighbours it computed in the kernel before and has in its cache. Then take
 * tasks from the shares of slower threads. Return the number of tasks computed. */
static inline int64_t run_shares(
    task_function run, const void *work, task_share *shares, int threads, int thread, char *scratch
) {
    int64_t task, done = 0;
    for (int i = 0; i < threads; i++) {
        task_share *share = &shares[(thread + i) % threads];
        for (; (task = atomic_fetch_add_explicit(&share->next, 1, memory_order_relaxed)) < share->end; done++)
            run(work, task, scratch);
    }
    return done;
}

static inline void run_phases_on_threads(
    const task_phase *phases, int count, const void *work, int threads, char *scratch, int64_t scratch_bytes
) {
    task_share shares[count * threads];
    for (int p = 0; p < count; p++) share_out(shares + p * threads, phases[p].tasks, threads);
    int64_t start = nanoseconds();
    double alone = 0;    /* the time that the calling thread would have taken for all tasks */
    #pragma omp parallel num_threads(threads)
    {
        int thread = omp_get_thread_num();
        unsigned state = fastconv_flush_denormals();
        for (int p = 0; p < count; p++) {
            if (p > 0) {
                #pragma omp barrier
            }
            int64_t began = thread == 0 ? nanoseconds() : 0;
            int64_t done = run_shares(
                phases[p].run, work, shares + p * threads, threads, thread, scratch + thread * scratch_bytes);
            if (thread == 0) alone += (double)(nanoseconds() - began) * phases[p].tasks / (done > 0 ? done : 1);
        }
        fastconv_restore_denormals(state);
    }
    judge_region(threads, alone, start, nanoseconds());
}

static inline void run_phases_alone(const task_phase *phases, int count, const void *work, char *scratch) {
    unsigned state = fastconv_flush_denormals();
    for (int p = 0; p < count; p++)
        for (int64_t task = 0; task < phases[p].tasks; task++) phases[p].run(work, task, scratch);
    fastconv_restore_denormals(state);
}

#endif
