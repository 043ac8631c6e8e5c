from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t


cdef extern from "kernels.h" nogil:
    ctypedef struct gemm_tile:
        const float **rows
        const int64_t *offsets
        const int64_t *starts
        int64_t segments, depth, step
        const float *b
        int64_t b_step
        float **out
        int64_t height, column, columns, ahead
        const float *coming
        int64_t coming_step
        int64_t accumulate
        const float *bias
        int64_t residual
        int64_t activation
        float alpha

    ctypedef struct winograd_tile:
        float *y
        int64_t y_row, y_pixel
        int64_t rows, columns, channels
        const float *bias
        int64_t residual
        int64_t activation
        float alpha

    enum: FETCH_SAME
    enum: FETCH_ONE
    enum: FETCH_PICK
    enum: GROUPED_ROWS

    ctypedef struct grouped_line:
        const float *pixels
        int64_t step

    ctypedef struct grouped_tile:
        const float **pixels
        const int64_t *line_offsets
        int64_t segments
        int64_t fresh, next
        const int64_t *w_offsets
        int64_t w_tap, w_row
        const float *w
        float *dw
        float *y
        int64_t y_step, y_next
        int64_t columns, x_columns
        int64_t width, depth
        const int32_t *lanes
        const float *bias
        int64_t activation
        float alpha
        const grouped_line *lines
        int64_t pixel, first, last

    ctypedef void (*grouped_kernel)(const grouped_tile *tile) noexcept nogil

    enum:
        MOST_PLANE_CHANNELS
        PLANE_VECTORS

    ctypedef struct planes_tile:
        const float *x
        const int64_t *offsets
        int64_t taps
        const float *w
        const float *bias
        float *y
        int64_t pixels
        int64_t channels

    ctypedef struct planes_gradient_tile:
        const float *x
        const int64_t *offsets
        int64_t taps
        const float *dy
        float *sums
        int64_t rows, pixels
        int64_t x_row, dy_row
        int64_t channels

    ctypedef struct pool_window:
        int64_t H, W, C, OH, OW, KH, KW, SH, SW, DH, DW, top, left
        int64_t count_padding
        int64_t packed
        int32_t *pick
        int32_t *pair

    ctypedef struct affine_row:
        const float *x
        int64_t H, W, C
        double row, column, row_step, column_step
        int64_t nearest, fill
        const float *constant

    ctypedef struct unary_function:
        const char *name
        void (*run)(float *y, const float *x, int64_t n, int nontemporal) noexcept nogil

    ctypedef struct update_rule:
        const char *name
        int states
        void (*run)(
            float *const *to, const float *const *from_, int64_t n, const float *s, const float *h) noexcept nogil

    ctypedef struct binary_function:
        const char *name
        void (*run)(
            float *z, const float *x, const float *y, int64_t x_step, int64_t y_step, int64_t rows, int64_t n,
            int nontemporal) noexcept nogil

    enum: UNARY_FUNCTIONS
    enum: UPDATE_RULES
    enum: UPDATE_STATES
    enum: BINARY_FUNCTIONS

    enum reduction:
        SUM
        MAXIMUM
        MINIMUM

    ctypedef struct kernel_table:
        const char *name
        int vector_floats
        float (*f32_fma_peak)(int64_t steps) noexcept nogil
        int *gemm_height
        void (*(*f32_gemm)[15])(const gemm_tile *tile) noexcept nogil
        grouped_kernel (*f32_grouped)[3][8][9]
        grouped_kernel (*f32_depthwise)[3][9]
        grouped_kernel (*f32_grouped_gradient)[3][8][9]
        void (*f32_pack_rows)(
            float *to, int64_t width, const float *source, int64_t rows, int64_t step, int64_t columns) noexcept nogil
        void (*f32_pack_columns)(
            float *to, int64_t width, const float *source, int64_t rows, int64_t step, int64_t columns) noexcept nogil

        void (*f32_planes)(const planes_tile *tile) noexcept nogil
        void (*f32_planes_gradient)(const planes_gradient_tile *tile) noexcept nogil
        void (*f32_fourier)(float *strip, int64_t points, const float *roots) noexcept nogil
        void (*f32_fourier_inverse)(float *strip, int64_t points, const float *roots) noexcept nogil
        void (*f32_fourier_multiply)(float *a, const float *w, int64_t rows) noexcept nogil
        void (*f32_fourier_accumulate)(float *sum, const float *a, const float *w, int64_t rows) noexcept nogil
        void (*f32_fourier_transpose)(float *to, const float *source) noexcept nogil
        void (*f32_fourier_read)(
            float *part, int64_t points, const float *source, int64_t step, int64_t row, int64_t rows, int64_t lane,
            int64_t columns) noexcept nogil
        void (*f32_fourier_write)(
            float *to, int64_t step, const float *part, int64_t rows, int64_t columns, float bias, int64_t activation,
            float alpha) noexcept nogil
        void (*f32_winograd_input)(float *to, int64_t step, const float **pixels, int64_t channels) noexcept nogil
        void (*f32_winograd_output)(const winograd_tile *tile, const float *m, int64_t step) noexcept nogil
        void (*f32_winograd_gradient)(float *to, int64_t step, const float **pixels, int64_t channels) noexcept nogil
        void (*f32_winograd_kernel)(
            float *u, int64_t u_step, const float *w, int64_t tap_step, int64_t n) noexcept nogil
        void (*f32_winograd_taps)(
            float *dw, int64_t row_step, int64_t tap_step, int64_t rows, int64_t columns, const float *m,
            int64_t m_step, int64_t n) noexcept nogil
        void (*f32_winograd_2x2_input)(
            float *to, int64_t step, const float **pixels, int64_t channels) noexcept nogil
        void (*f32_winograd_2x2_output)(const winograd_tile *tile, const float *m, int64_t step) noexcept nogil
        void (*f32_winograd_2x2_kernel)(
            float *u, int64_t u_step, const float *w, int64_t tap_step, int64_t n) noexcept nogil

        void (*f32_activate)(float *y, const float *x, int64_t n, int kind, float alpha, int nontemporal) noexcept nogil
        void (*f32_activate_backward)(
            float *dx, const float *dy, const float *y, int64_t n, int kind, float alpha,
            int nontemporal) noexcept nogil
        void (*f32_gate)(float *y, const float *x, int64_t n, float linear, float cubic, int nontemporal) noexcept nogil
        void (*f32_gate_backward)(
            float *dx, const float *dy, const float *x, int64_t n, float linear, float cubic,
            int nontemporal) noexcept nogil
        unary_function *f32_unary
        binary_function *f32_binary
        void (*f32_scale_shift)(
            float *y, const float *x, const float *scale, const float *shift, int64_t rows, int64_t n, int64_t step,
            int nontemporal) noexcept nogil
        void (*f32_normalize)(
            float *y, int64_t y_step, const float *x, int64_t x_step, const float *center, const float *scale,
            const float *shift, int64_t rows, int64_t n, int kind, float alpha, int nontemporal) noexcept nogil
        void (*f32_normalize_backward)(
            float *dx, const float *dy, const float *x, const float *wide, int64_t rows, int64_t n, int64_t step,
            int kind, float alpha, int nontemporal) noexcept nogil
        void (**f32_reduce_columns)(float *y, const float *x, int64_t rows, int64_t n) noexcept nogil
        void (**f32_reduce_rows)(float *y, const float *x, int64_t rows, int64_t n) noexcept nogil
        void (*f32_column_moments)(
            float *center, float *sums, float *squares, const float *x, int64_t rows, int64_t n,
            int64_t step) noexcept nogil
        void (*f32_column_products)(
            float *sums, float *products, const float *dy, const float *x, const float *wide, int64_t rows,
            int64_t n, int64_t step, int kind, float alpha) noexcept nogil
        void (*f32_softmax)(float *y, const float *x, int64_t rows, int64_t n) noexcept nogil
        void (*f32_softmax_backward)(float *dx, const float *dy, const float *y, int64_t rows, int64_t n) noexcept nogil
        void (*f32_log_softmax)(float *y, const float *x, int64_t rows, int64_t n) noexcept nogil
        void (*f32_log_softmax_backward)(
            float *dx, const float *dy, const float *y, int64_t rows, int64_t n) noexcept nogil
        void (*f32_softmax_cross_entropy)(
            float *loss, const float *x, const float *target, int64_t rows, int64_t n) noexcept nogil
        void (*f32_softmax_cross_entropy_backward)(
            float *dx, const float *dloss, const float *x, const float *target, int64_t rows,
            int64_t n) noexcept nogil
        void (*f32_sparse_softmax_cross_entropy)(
            float *loss, const float *x, const int64_t *target, int64_t rows, int64_t n) noexcept nogil
        void (*f32_sparse_softmax_cross_entropy_backward)(
            float *dx, const float *dloss, const float *x, const int64_t *target, int64_t rows,
            int64_t n) noexcept nogil
        void (*f32_standardize)(
            float *y, float *inverse, const float *x, int64_t rows, int64_t n, double epsilon) noexcept nogil
        void (*f32_standardize_backward)(
            float *dx, const float *dy, const float *y, const float *inverse, int64_t rows, int64_t n) noexcept nogil
        void (*f32_max_pool)(
            float *y, int32_t *argmax, const float *x, const pool_window *p, int64_t oh, int64_t first,
            int64_t end) noexcept nogil
        void (*f32_min_pool)(
            float *y, int32_t *argmax, const float *x, const pool_window *p, int64_t oh, int64_t first,
            int64_t end) noexcept nogil
        void (*f32_average_pool)(
            float *y, int32_t *argmax, const float *x, const pool_window *p, int64_t oh, int64_t first,
            int64_t end) noexcept nogil
        void (*f32_unpool)(
            float *dx, const float *dy, const int32_t *argmax, const pool_window *p, int64_t h, int64_t first,
            int64_t end) noexcept nogil
        void (*f32_average_pool_backward)(float *dx, const float *dy, const pool_window *p, int64_t oh) noexcept nogil
        void (*f32_average_pool_gather)(
            float *dx, const float *dy, const pool_window *p, int64_t h, float *sums) noexcept nogil
        void (*f32_pad_row)(
            float *y, const float *x, const int64_t *source, int64_t before, int64_t W, int64_t OW, int64_t C,
            float value, int nontemporal) noexcept nogil
        void (*f32_affine_row)(float *y, const affine_row *r) noexcept nogil
        void (*f32_reverse_row)(float *y, const float *x, int64_t W, int64_t C) noexcept nogil
        void (*f32_resample)(
            float *y, const float *x, const int64_t *first, const float *w, int64_t outputs, int64_t taps,
            int64_t C) noexcept nogil
        void (*f32_stretch)(
            float *y, const float *x, const float *shift, float scale, float low, float high, int64_t n,
            int64_t C, int nontemporal) noexcept nogil
        void (*f32_dropout)(
            float *y, const float *x, int64_t n, uint64_t seed, uint64_t first, uint32_t threshold,
            float scale) noexcept nogil
        update_rule *f32_update

    const kernel_table *fastconv_find_kernels(const char *name)
    const kernel_table *fastconv_usable_kernels(int i)


# Functions for the sibling modules. Cython shares no variables between modules.
cdef const kernel_table *tiles() noexcept nogil
cdef int threads_for(double work) noexcept nogil

cdef extern from "tasks.h":
    ctypedef void (*task_function)(const void *work, int64_t task, char *scratch) noexcept nogil
    ctypedef struct task_phase:
        task_function run
        int64_t tasks

cdef void run_phases(
    const task_phase *phases, int count, const void *work, size_t work_bytes, int threads, char *scratch,
    int64_t scratch_bytes
) noexcept nogil
cdef void pack_and_run(
    const task_phase *phases, int count, const void *work, size_t work_bytes, int threads, char *scratch,
    int64_t scratch_bytes
) noexcept nogil
cdef bint keeps_weights(size_t bytes) noexcept nogil
cdef void run_tasks(
    task_function run, const void *work, size_t work_bytes, int64_t tasks, int threads, char *scratch,
    int64_t scratch_bytes
) noexcept nogil
cdef void *borrow_scratch(size_t bytes) except NULL
cdef void *borrow_parts(int64_t count, int64_t bytes, int64_t shared) except NULL
cdef void *borrow_with_weights(
    int64_t count, int64_t bytes, int64_t shared, int64_t weights_bytes, void **weights) except NULL
cdef int64_t size_product(int64_t a, int64_t b) noexcept nogil
cdef void give_scratch_back(void *memory) noexcept
