/* NumPy arrays that begin on a cache line. NumPy's own begin 16 bytes behind one as often as not, and then each vector of 64
 * bytes lies on two lines. The including file has called import_array(). */
#ifndef FASTCONV_ALIGNED_H
#define FASTCONV_ALIGNED_H

#include <numpy/arrayobject.h>
#include <stdint.h>
#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

enum { CACHE_LINE = 64 };

/* At least `bytes` on a cache line, of large pages where NumPy asks for them: from 4 MB on. */
static void *aligned_new(void *context, size_t bytes) {
    void *memory = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
#if defined(MADV_HUGEPAGE)
    enum { PAGE = 4096, MANY = 1 << 22 };
    const size_t offset = PAGE - (uintptr_t)memory % PAGE;
    if (memory != NULL && bytes >= MANY) madvise((char *)memory + offset, bytes - offset, MADV_HUGEPAGE);
#endif
    return memory;
}

/* Zeros, and an array that is resized, begin anywhere. */
static void *aligned_zeros(void *context, size_t count, size_t bytes) { return calloc(count, bytes); }
static void *aligned_resize(void *context, void *memory, size_t bytes) { return realloc(memory, bytes); }
static void aligned_free(void *context, void *memory, size_t bytes) { free(memory); }

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
        free(memory);
        return NULL;
    }
    Py_INCREF(owner);
    ((PyArrayObject_fields *)array)->mem_handler = owner;
    PyArray_ENABLEFLAGS((PyArrayObject *)array, NPY_ARRAY_OWNDATA);
    return array;
}

#endif
