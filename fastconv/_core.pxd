from libc.stdint cimport int64_t


cdef extern from "kernels.h" nogil:
    ctypedef struct kernel_table:
        const char *name
        int vector_floats
        float (*f32_fma_peak)(int64_t steps) noexcept nogil

    const kernel_table *fastconv_find_kernels(const char *name)
    const kernel_table *fastconv_usable_kernels(int i)
    unsigned fastconv_flush_denormals()
    void fastconv_restore_denormals(unsigned state)


# What the sibling modules need of this one; plain functions, since Cython shares no variables between modules.
cdef const kernel_table *tiles() noexcept nogil
cdef int threads_for(double work) noexcept nogil
cdef unsigned flush_denormals() noexcept nogil
cdef void restore_denormals(unsigned state) noexcept nogil
