/* The parallel regions that a thread begins while it observes them, so that a profile can show their tasks. */
#ifndef FASTCONV_OBSERVED_H
#define FASTCONV_OBSERVED_H

#include <stdint.h>

/* A phase of a region: its place in the region, its tasks, the threads offered to them, and the time that it took. */
typedef struct {
    int64_t phase, tasks, threads;
    double seconds;
} observed_phase;

enum { OBSERVED_PHASES = 256 };    /* later phases are not noted */

typedef struct {
    int threads;    /* the number of threads to assume; tasks are then noted, and none is computed. 0: compute them */
    int count;
    observed_phase phases[OBSERVED_PHASES];
} observation;

static _Thread_local observation *observing = NULL;    /* of the calling thread; NULL if it observes nothing */

static inline void observe_phase(int64_t phase, int64_t tasks, int64_t threads, double seconds) {
    if (observing->count < OBSERVED_PHASES)
        observing->phases[observing->count++] = (observed_phase){phase, tasks, threads, seconds};
}

#endif
