# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""What kernels know about arrays: which arrays they take, how results are allocated, and pointers to their elements."""
cimport numpy as cnp
from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memcpy

import numpy as np

cdef extern from "aligned.h":
    cnp.PyDataMem_Handler aligned_memory
    object aligned_array(int axes, const cnp.npy_intp *sizes, size_t bytes, object owner)

cnp.import_array()

cdef enum:
    NONTEMPORAL_FLOATS = 3 << 20   # floats: outputs of at least this size bypass the caches
    COPIED_WITH_GIL = 1 << 14      # bytes: NumPy copies larger arrays, in 0.4 us and without the GIL
    ALIGNED = 4096                 # bytes: NumPy allocates smaller arrays, in 0.1 us; aligned arrays take 0.15 us


cdef bint _is_float32(array):
    return (
        cnp.PyArray_Check(array) and cnp.PyArray_TYPE(array) == cnp.NPY_FLOAT32 and cnp.PyArray_ISNOTSWAPPED(array)
    )


def dense_float32(tuple arrays):
    """Return `arrays` in C order, copied if necessary, or None if an array is not native float32. A None stays None."""
    cdef bint dense = True
    for array in arrays:
        if array is None:
            continue
        if not _is_float32(array):
            return None
        dense = dense and cnp.PyArray_ISCARRAY_RO(array)
    return arrays if dense else tuple(map(contiguous, arrays))


def contiguous(array):
    """Return `array` itself if it is in C order, else a copy in C order."""
    return array if array is None or cnp.PyArray_ISCARRAY_RO(array) else np.array(array, order="C")


def copy_into(buffer, array):
    """Write `array` into `buffer`, an array of the same shape in C order.

    Raises:
        TypeError: if its dtype is of another kind, such as float for a buffer of integers.
    """
    cdef cnp.npy_intp bytes = cnp.PyArray_NBYTES(buffer)
    if (
        bytes > COPIED_WITH_GIL or not cnp.PyArray_Check(array) or not cnp.PyArray_ISCARRAY_RO(array)
        or cnp.PyArray_TYPE(array) != cnp.PyArray_TYPE(buffer) or cnp.PyArray_NBYTES(array) != bytes
    ):
        np.copyto(buffer, array, casting="same_kind")
    else:
        memcpy(cnp.PyArray_DATA(buffer), cnp.PyArray_DATA(array), bytes)


def copies(list arrays) -> list:
    """Return copies of `arrays` in C order."""
    return [cnp.PyArray_NewCopy(<cnp.ndarray?> array, cnp.NPY_CORDER) for array in arrays]


cdef object aligned_owner = PyCapsule_New(&aligned_memory, "mem_handler", NULL)


cdef empty(tuple shape):
    """Return a new float32 array of `shape` in C order; a large array begins on a cache line."""
    cdef cnp.npy_intp sizes[MOST_AXES]
    cdef double bytes = sizeof(float)
    cdef int axes = len(shape), i
    if axes > MOST_AXES:
        raise ValueError(f"arrays have at most {MOST_AXES} axes. Received: shape={shape}")
    for i in range(axes):
        sizes[i] = shape[i]
        bytes *= sizes[i]
    if not ALIGNED <= bytes < 1 << 48:
        return cnp.PyArray_EMPTY(axes, sizes, cnp.NPY_FLOAT32, 0)
    return aligned_array(axes, sizes, <size_t> bytes, aligned_owner)


def output_array(out, tuple shape, bint slices=False):
    """Return a float32 array of `shape` in C order for a result: `out` itself if it matches, else a new array.

    If `slices`, `out` may be a slice of the channels of an array in C order.
    """
    if (
        out is not None and cnp.PyArray_Check(out) and cnp.PyArray_TYPE(out) == cnp.NPY_FLOAT32
        and (cnp.PyArray_ISCARRAY(out) or (slices and cnp.PyArray_ISWRITEABLE(out) and is_slice(out)))
        and out.shape == shape
    ):
        return out
    return empty(shape)


def integer_output_array(out, tuple shape):
    """Return an int32 array of `shape` in C order for a result: `out` itself if it matches, else a new array."""
    if (
        out is not None and cnp.PyArray_Check(out) and cnp.PyArray_TYPE(out) == cnp.NPY_INT32
        and cnp.PyArray_ISCARRAY(out) and out.shape == shape
    ):
        return out
    return np.empty(shape, np.int32)


def output_arrays(out, *shapes) -> tuple:
    """Return `output_array` for each of several results; `out` is a tuple of arrays or None."""
    if out is None:
        return tuple([empty(shape) for shape in shapes])
    return tuple([output_array(array, shape) for array, shape in zip(out, shapes)])


cdef void *data(object array, int type_number, int64_t size) except? NULL:
    """Return the data pointer of `array`; raise ValueError unless it holds `size` elements of a type in C order."""
    if (
        not cnp.PyArray_Check(array) or cnp.PyArray_TYPE(array) != type_number
        or not cnp.PyArray_ISCARRAY_RO(array) or cnp.PyArray_SIZE(array) != size
    ):
        raise ValueError(
            f"A kernel needs {size} elements of {cnp.PyArray_DescrFromType(type_number)} in C order. Received: "
            f"{type(array).__name__} of shape={getattr(array, 'shape', None)}, dtype={getattr(array, 'dtype', None)}"
        )
    return cnp.PyArray_DATA(array)


cdef float *floats(object array, int64_t size) except? NULL:
    return <float *> data(array, cnp.NPY_FLOAT32, size)


cdef int64_t row_step(object array) noexcept:
    """Return the floats from a row of channels to the next, or -1 unless `array` is a slice whole[..., first:end] of
    an array in C order, or the whole array."""
    cdef int axes = cnp.PyArray_NDIM(array), axis
    cdef const cnp.npy_intp *sizes = cnp.PyArray_DIMS(array)
    cdef const cnp.npy_intp *strides = cnp.PyArray_STRIDES(array)
    cdef int64_t channels = sizes[axes - 1] if axes else 1, row = 0, rows = 1
    if not cnp.PyArray_ISALIGNED(array) or (channels > 1 and strides[axes - 1] != sizeof(float)):
        return -1
    for axis in range(axes - 2, -1, -1):
        if sizes[axis] > 1:
            row = row or strides[axis]
            if row <= 0 or strides[axis] != row * rows:
                return -1
        rows *= sizes[axis]
    if row == 0:
        return channels
    row = row // <int64_t> sizeof(float) if row % <int64_t> sizeof(float) == 0 else -1
    return row if row >= channels else -1


def is_slice(array) -> bool:
    """Return True if `array` is None, or float32 channels of an array in C order: whole[..., first:end]."""
    return array is None or (_is_float32(array) and row_step(array) >= 0)


cdef float *float_rows(object array, int64_t size, int64_t *step) except? NULL:
    """Return the data pointer of a slice of channels, and store its `row_step`; raise ValueError for other arrays."""
    if not cnp.PyArray_Check(array) or not is_slice(array) or cnp.PyArray_SIZE(array) != size:
        floats(array, size)
    step[0] = row_step(array)
    return <float *> cnp.PyArray_DATA(array)


cdef int32_t *integers(object array, int64_t size) except? NULL:
    return <int32_t *> data(array, cnp.NPY_INT32, size)


cdef bint past_caches(const float *y, int64_t n, int64_t step) noexcept nogil:
    """Return whether to write y, n floats in rows of `step`, to memory by nontemporal stores, which bypass the caches.

    A nontemporal store does not read the cache line before, but the next reader has to fetch it. A chain of functions
    that each read the result of the function before runs 0.83 times as fast with 6.4 MB, 1.14 times with 12.8 MB, 1.5
    times with 25.7 MB.
    """
    return n >= NONTEMPORAL_FLOATS and step % 16 == 0 and <size_t> y % 64 == 0
