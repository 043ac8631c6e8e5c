/* NumPy arrays that begin on a cache line, and large ones not all at the same place of a page. NumPy's own begin 16 bytes after
 * a line as often as not, and then each vector of 64 bytes lies on two lines. Large ones begin 16 bytes after a page, as all large
 * blocks of malloc do: a kernel that reads one and writes another then waits wherever it reads just after a write, by the lower 12 bits of
 * the address, what it has yet to write. That takes up to 1.4 times as long. The including file has called import_array(). */
#ifndef FASTCONV_ALIGNED_H
#define FASTCONV_ALIGNED_H

#include <numpy/arrayobject.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pages.h"

enum { CACHE_LINE = 64, SPREAD = 1 << 16 };    /* bytes; arrays of at least SPREAD begin at several places of a page */

/* What stands in front of an array. */
typedef struct {
    void *block;
    size_t bytes;
} aligned_header;

/* Where in a page the next large array is to begin: any two in succession half or a quarter of one apart, and none near the start
 * where other libraries' are. */
static inline size_t aligned_place(void) {
    static const size_t places[] = {512, 2560, 1536, 3584};
    static atomic_uint count = 0;
    return places[atomic_fetch_add_explicit(&count, 1, memory_order_relaxed) % 4];
}

static void *aligned_new(void *context, size_t bytes) {
    const int spread = bytes >= SPREAD;
    const size_t unit = spread ? PAGE : CACHE_LINE, place = spread ? aligned_place() : 0;
    char *block = malloc(bytes + sizeof(aligned_header) + unit);
    if (block == NULL) return NULL;
    const size_t after = ((uintptr_t)block + sizeof(aligned_header) - place) % unit;
    char *memory = block + sizeof(aligned_header) + (unit - after) % unit;
    ((aligned_header *)memory)[-1] = (aligned_header){block, bytes};
    ask_for_large_pages(memory, bytes);
    return memory;
}

static void aligned_free(void *context, void *memory, size_t bytes) {
    if (memory != NULL) free(((aligned_header *)memory)[-1].block);
}

static void *aligned_zeros(void *context, size_t count, size_t bytes) {
    void *memory = aligned_new(NULL, count * bytes);
    return memory == NULL ? NULL : memset(memory, 0, count * bytes);
}

static void *aligned_resize(void *context, void *memory, size_t bytes) {
    void *moved = aligned_new(NULL, bytes);
    if (moved != NULL && memory != NULL) {
        const size_t before = ((aligned_header *)memory)[-1].bytes;
        memcpy(moved, memory, before < bytes ? before : bytes);
        aligned_free(NULL, memory, before);
    }
    return moved;
}

/* How NumPy frees and resizes such memory; an array keeps a capsule of it, its `owner`. */
static PyDataMem_Handler aligned_memory = {
    "fastconv_aligned", 1, {NULL, aligned_new, aligned_zeros, aligned_resize, aligned_free}};

/* A new float32 array in C order that owns its memory. The owner is set here rather than by PyDataMem_SetHandler around NumPy's
 * own allocation, which takes 200 ns more. */
static PyObject *aligned_array(int axes, const npy_intp *sizes, size_t bytes, PyObject *owner) {
    void *memory = aligned_new(NULL, bytes);
    if (memory == NULL) return PyErr_NoMemory();
    PyObject *array = PyArray_New(
        &PyArray_Type, axes, (npy_intp *)sizes, NPY_FLOAT32, NULL, memory, 0, NPY_ARRAY_CARRAY, NULL);
    if (array == NULL) {
        aligned_free(NULL, memory, bytes);
        return NULL;
    }
    Py_INCREF(owner);
    ((PyArrayObject_fields *)array)->mem_handler = owner;
    PyArray_ENABLEFLAGS((PyArrayObject *)array, NPY_ARRAY_OWNDATA);
    return array;
}

#endif
