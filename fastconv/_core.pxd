from libc.stdint cimport int64_t


cdef extern from "kernels.h" nogil:
    ctypedef struct gemm_tile:
        const float **rows
        const int64_t *offsets
        int64_t segments, depth, step
        const float *b
        int64_t b_step
        float **out
        int64_t height, column, columns
        int64_t accumulate
        const float *bias
        int64_t activation
        float alpha

    ctypedef struct kernel_table:
        const char *name
        int vector_floats
        float (*f32_fma_peak)(int64_t steps) noexcept nogil
        int *gemm_height
        void (*(*f32_gemm)[15])(const gemm_tile *tile) noexcept nogil
        void (*f32_pack_rows)(
            float *to, int64_t width, const float *source, int64_t rows, int64_t step, int64_t columns) noexcept nogil
        void (*f32_pack_columns)(
            float *to, int64_t width, const float *source, int64_t rows, int64_t step, int64_t columns) noexcept nogil
        void (*f32_gemv)(
            float *y, const float *a, const float *b, int64_t b_step, int64_t columns, int64_t depth) noexcept nogil

    const kernel_table *fastconv_find_kernels(const char *name)
    const kernel_table *fastconv_usable_kernels(int i)
    unsigned fastconv_flush_denormals()
    void fastconv_restore_denormals(unsigned state)


# What the sibling modules need of this one; plain functions, since Cython shares no variables between modules.
cdef const kernel_table *tiles() noexcept nogil
cdef int threads_for(double work) noexcept nogil
cdef unsigned flush_denormals() noexcept nogil
cdef void restore_denormals(unsigned state) noexcept nogil
