from libc.stdint cimport int32_t, int64_t

cdef enum:
    BLOCK = 32768      # floats of a task: 128 KB, which leaves room for two more streams in every L2 cache
    MOST_AXES = 64     # axes of a NumPy array

cdef enum:
    # The time of an element in multiply-adds, for threads_for.
    PLAIN = 8
    EXPONENTIAL = 20

cdef empty(tuple shape)
cdef void *data(object array, int type_number, int64_t size) except? NULL
cdef float *floats(object array, int64_t size) except? NULL
cdef float *float_rows(object array, int64_t size, int64_t *step) except? NULL
cdef int32_t *integers(object array, int64_t size) except? NULL
cdef bint past_caches(const float *y, int64_t n, int64_t step) noexcept nogil
