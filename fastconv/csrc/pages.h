/* Large pages for large blocks of memory: the processor then finds the addresses of their many numbers sooner. */
#ifndef FASTCONV_PAGES_H
#define FASTCONV_PAGES_H

#include <stddef.h>
#include <stdint.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

enum { PAGE = 4096, LARGE_BYTES = 4 << 20 };    /* bytes; NumPy asks for large pages from the same size on */

/* Ask for large pages for a block of memory if it is large. */
static inline void ask_for_large_pages(void *memory, size_t bytes) {
#if defined(MADV_HUGEPAGE)
    if (memory == NULL || bytes < LARGE_BYTES) return;
    char *page = (char *)memory + (PAGE - (uintptr_t)memory % PAGE) % PAGE;
    madvise(page, (char *)memory + bytes - page, MADV_HUGEPAGE);
#endif
}

#endif
