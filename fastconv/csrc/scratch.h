/* Scratch memory of one call at a time. The last block is kept for the next call, so that its pages stay mapped; a call that
 * finds it taken by another thread, or too small, allocates its own. */
#ifndef FASTCONV_SCRATCH_H
#define FASTCONV_SCRATCH_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    _Alignas(64) size_t bytes;
} scratch_block;

enum { SCRATCH_KEPT_BYTES = 64 << 20 };    /* a larger block is not kept */
#define SCRATCH_MOST ((int64_t)1 << 56)    /* more than any machine has, and few enough to be added up */

/* a b, two sizes, or SCRATCH_MOST if that is less. */
static inline int64_t scratch_product(int64_t a, int64_t b) {
    int64_t product;
    return __builtin_mul_overflow(a, b, &product) || product > SCRATCH_MOST ? SCRATCH_MOST : product;
}

static _Atomic(scratch_block *) scratch_kept = NULL;
static _Atomic size_t scratch_largest = 0;    /* bytes that one call has borrowed since scratch_measure */

/* What `scratch_largest` has become; it begins again at 0. */
static inline size_t scratch_measure(void) { return atomic_exchange(&scratch_largest, 0); }

/* At least `bytes` of memory on a cache line, or NULL where there is none. */
static inline void *scratch_borrow(size_t bytes) {
    if (bytes >= (size_t)SCRATCH_MOST) return NULL;
    size_t largest = atomic_load(&scratch_largest);
    while (largest < bytes && !atomic_compare_exchange_weak(&scratch_largest, &largest, bytes)) continue;
    scratch_block *block = atomic_exchange(&scratch_kept, NULL);
    if (block == NULL || block->bytes < bytes) {
        free(block);
        bytes = (bytes + 63) / 64 * 64;
        block = aligned_alloc(64, sizeof(scratch_block) + bytes);
        if (block == NULL) return NULL;
        block->bytes = bytes;
    }
    return block + 1;
}

static inline void scratch_give_back(void *memory) {
    scratch_block *block = (scratch_block *)memory - 1;
    free(block->bytes > SCRATCH_KEPT_BYTES ? block : atomic_exchange(&scratch_kept, block));
}

static inline void scratch_free(void) { free(atomic_exchange(&scratch_kept, NULL)); }

#endif
