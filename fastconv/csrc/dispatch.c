/* Chooses the table of tiles for the processor at hand. Compiled for the baseline: runs everywhere. */
#include "kernels.h"

#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#include <xmmintrin.h>
enum { FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO = 0x8040 };
#endif

const kernel_table *fastconv_usable_kernels(int i) {
    int found = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
#define RETURN_IF_WANTED(isa, usable) \
    if ((usable) && found++ == i) return &kernels_##isa;
    FOR_EACH_ISA(RETURN_IF_WANTED)
#undef RETURN_IF_WANTED
    return NULL;
}

const kernel_table *fastconv_find_kernels(const char *name) {
    const kernel_table *best = NULL;
    for (int i = 0; fastconv_usable_kernels(i) != NULL; i++) {
        best = fastconv_usable_kernels(i);
        if (name != NULL && strcmp(name, best->name) == 0) return best;
    }
    return name == NULL ? best : NULL;
}

unsigned fastconv_flush_denormals(void) {
#if defined(__x86_64__)
    unsigned state = _mm_getcsr();
    _mm_setcsr(state | FLUSH_TO_ZERO_AND_DENORMALS_ARE_ZERO);
    return state;
#elif defined(__aarch64__)
    uint64_t state;
    __asm__ volatile("mrs %0, fpcr" : "=r"(state));
    __asm__ volatile("msr fpcr, %0" ::"r"(state | (1u << 24)));
    return (unsigned)state;
#else
    return 0;
#endif
}

void fastconv_restore_denormals(unsigned state) {
#if defined(__x86_64__)
    _mm_setcsr(state);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" ::"r"((uint64_t)state));
#else
    (void)state;
#endif
}
