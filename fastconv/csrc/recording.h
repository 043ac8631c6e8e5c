/* Calls of `run_phases` that are kept, and run again without Python. */
#ifndef FASTCONV_RECORDING_H
#define FASTCONV_RECORDING_H

#include <stdlib.h>
#include <string.h>

#include "pages.h"
#include "scratch.h"
#include "tasks.h"

enum { MOST_PHASES = 4 };

typedef struct {
    task_phase phases[MOST_PHASES];
    int count, threads;
    int packs;                /* 1 if the first phase packs weights into memory that the plan keeps */
    void *work;               /* a copy */
    char *scratch;
    int64_t scratch_bytes;    /* of each thread */
} recorded_call;

/* A list of calls. */
typedef struct {
    recorded_call *calls;
    int64_t count, capacity;
    char *scratch;            /* of the kernel that is recorded now; NULL if its size is to be found */
    size_t borrowed;          /* bytes of it */
    char *kept;               /* for the packed weights of the kernel; NULL if their size is to be found */
    size_t kept_bytes;        /* bytes of it */
    size_t most_kept;         /* the most of them, if its weights are constant; else 0 */
    int packing;              /* 1 if the first phase of its next call packs weights */
    int failed;               /* 1 if no memory was left for a call */
} recording;

/* The recording to which the calls of this thread go; NULL if they run at once. */
static _Thread_local recording *recorder = NULL;

static inline void record_call(
    const task_phase *phases, int count, const void *work, size_t work_bytes, int threads, char *scratch,
    int64_t scratch_bytes
) {
    recording *r = recorder;
    if (r->count == r->capacity) {
        int64_t capacity = 2 * r->capacity + 8;
        recorded_call *calls = realloc(r->calls, capacity * sizeof(recorded_call));
        if (calls == NULL) { r->failed = 1; return; }
        r->calls = calls;
        r->capacity = capacity;
    }
    recorded_call *call = &r->calls[r->count];
    *call = (recorded_call){.count = count, .threads = threads, .scratch = scratch, .scratch_bytes = scratch_bytes};
    call->packs = r->packing && r->kept_bytes > 0;
    r->packing = 0;
    memcpy(call->phases, phases, count * sizeof(task_phase));
    call->work = malloc(work_bytes);
    if (call->work == NULL) { r->failed = 1; return; }
    memcpy(call->work, work, work_bytes);
    r->count++;
}

enum { LARGE_PAGE = 2 << 20 };    /* bytes */

/* Return memory on a cache line, on large pages if it is large: then each of its many weights is found sooner. */
static inline void *recording_memory(size_t bytes) {
    if (bytes < LARGE_BYTES) return aligned_alloc(64, (bytes + 63) / 64 * 64);
    bytes = (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
    void *memory = aligned_alloc(LARGE_PAGE, bytes);
    ask_for_large_pages(memory, bytes);
    return memory;
}

/* Whether the kernel that is recorded now may keep `bytes` of packed weights. */
static inline int recording_keeps(size_t bytes) {
    return recorder != NULL && bytes > 0 && bytes <= recorder->most_kept;
}

/* Return its memory for packed weights, which no other kernel uses. */
static inline void *recording_keep(size_t bytes) {
    recorder->kept_bytes = (bytes + 63) / 64 * 64;
    return recorder->kept;
}

static inline void forget_calls(recording *r) {
    for (int64_t i = 0; i < r->count; i++) free(r->calls[i].work);
    r->count = 0;
}

/* Return scratch memory for the kernel that is recorded now, or NULL if none is left. */
static inline void *recording_borrow(size_t bytes) {
    recording *r = recorder;
    if (bytes >= (size_t)SCRATCH_MOST) return NULL;
    size_t start = r->borrowed;
    r->borrowed += (bytes + 63) / 64 * 64;
    if (r->scratch != NULL) return r->scratch + start;
    return scratch_borrow(bytes);
}

#endif
