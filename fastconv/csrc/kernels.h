/* The contract between _core.pyx and the register tiles.
 *
 * A tile works on one small block held in registers. It starts no threads, allocates nothing, knows no Python and cannot
 * fail: whoever calls it has checked every size. Each instruction set exports one constant table of the same tiles. */
#ifndef FASTCONV_KERNELS_H
#define FASTCONV_KERNELS_H

#include <stdint.h>

/* Activations that a tile may apply to a value on its way to memory. */
enum activation { LINEAR = 0, RELU = 1, LEAKY_RELU = 2, ELU = 3, SIGMOID = 4, TANH = 5, CLIPPED_RELU = 6, SILU = 7 };

/* One register tile of a matrix product; tile_gemm.h says what it computes. */
typedef struct {
    const float *const *rows;    /* `height` pointers */
    const int64_t *offsets;      /* `segments` of them, added to each row pointer in turn */
    const int64_t *starts;       /* the row of b at which each begins; NULL where they follow each other */
    int64_t segments, depth;     /* `depth` elements of every segment, */
    int64_t step;                /* `step` floats apart */
    const float *b;              /* segments * depth rows, each of whole vectors, */
    int64_t b_step;              /* `b_step` floats apart */
    float *const *out;           /* `height` pointers; the tile writes columns [column, column + columns) */
    int64_t height, column, columns;
    int64_t ahead;               /* floats from a row to that of the next tile, fetched meanwhile; 0 at the last */
    const float *coming;         /* weights that a later tile reads, fetched meanwhile: */
    int64_t coming_step;         /* so many floats for every row of b; 0 if none are */
    int64_t accumulate;          /* start from what `out` holds; else from bias, or 0 where it is NULL */
    const float *bias;           /* of the tile's first column */
    int64_t residual;            /* floats from `out` to what is added to the sums before the activation; 0: nothing is */
    int64_t activation;
    float alpha;
} gemm_tile;

/* One tile of 4 x 4 or 2 x 2 outputs, cut to the image; tile_winograd.h and tile_winograd_2x2.h say what becomes of it. */
typedef struct {
    float *y;                            /* its first pixel */
    int64_t y_row, y_pixel;              /* floats from one to the next */
    int64_t rows, columns, channels;     /* those that are written */
    const float *bias;                   /* of the first channel, or NULL */
    int64_t residual;                    /* floats from y to what is added before the activation; 0: nothing is */
    int64_t activation;
    float alpha;
} winograd_tile;

enum { GEMM_VECTORS = 4, GEMM_ROWS = 14, DOT_COLUMNS = 4 };    /* no tile is wider or higher */

/* How the lanes of a vector of output channels find their factors among the channels of a pixel: each in its own place; all
 * in one place; or in places that a permutation of one vector reaches. */
enum { FETCH_SAME, FETCH_ONE, FETCH_PICK, FETCHES };

/* Pixels of x, `step` floats apart. */
typedef struct {
    const float *pixels;
    int64_t step;
} grouped_line;

/* One register tile of a convolution with few channels a group; tile_grouped.h and tile_depthwise.h say what it computes. */
typedef struct {
    const float *const *pixels;      /* pointers to the pixels of x, line after line, */
    const int64_t *line_offsets;     /* and where the line of each of the */
    int64_t segments;                /* segments of the window begins among them */
    int64_t fresh, next;             /* those from the fresh one on are prefetched, `next` pointers ahead */
    const int64_t *w_offsets;        /* likewise its first tap in w or dw, */
    int64_t w_tap, w_row;            /* where taps, and the channels of a group, are so many floats apart */
    const float *w;
    float *dw;
    float *y;                        /* written, or dy, which is read: pixels */
    int64_t y_step, y_next;          /* so many floats apart, and from those of the next row, */
    int64_t columns, x_columns;      /* of which, and of whose pixels of x, so many channels */
    int64_t width, depth;            /* channels of a group in y and in x; FETCH_ONE: whole vectors of y */
    const int32_t *lanes;            /* FETCH_PICK: c / width * depth for the lanes c */
    const float *bias;               /* or NULL */
    int64_t activation;
    float alpha;
    const grouped_line *lines;       /* tile_depthwise.h: the lines of x that the windows read, */
    int64_t pixel, first, last;      /* from this pixel on; the floats of the first and last pixel inside of x: 0, or a vector or more */
} grouped_tile;

enum { GROUPED_ROWS = 8, GROUPED_TAPS = 7, GROUPED_STRIDE = 2, DEPTHWISE_ROWS = 2 };    /* no tile has more */
typedef void (*grouped_kernel)(const grouped_tile *tile);

/* A row of a convolution with few channels of the result; tile_planes.h says what it computes. */
typedef struct {
    const float *x;
    const int64_t *offsets;          /* of each tap in x */
    int64_t taps;
    const float *w;                  /* (taps, channels) */
    const float *bias;               /* or NULL */
    float *y;                        /* (pixels, channels) */
    int64_t pixels;
    int64_t channels;
} planes_tile;

enum { MOST_PLANE_CHANNELS = 8, PLANE_VECTORS = 2, MOST_PLANE_TAPS = 8 };

/* Rows of pixels that the gradient of a kernel with few output channels sums over; tile_planes.h says what it computes. */
typedef struct {
    const float *x;
    const int64_t *offsets;          /* of each tap in x */
    int64_t taps;
    const float *dy;                 /* (rows, channels, dy_row), zero after the pixels of a row */
    float *sums;                     /* (taps, channels, lanes) */
    int64_t rows, pixels;
    int64_t x_row, dy_row;           /* floats to the next row of x, and to the next channel of dy */
    int64_t channels;
} planes_gradient_tile;

/* Pooling of images (H, W, C) to (OH, OW, C): windows of (KH, KW) taps, (DH, DW) apart, every (SH, SW) pixels from (-top, -left). */
typedef struct {
    int64_t H, W, C, OH, OW, KH, KW, SH, SW, DH, DW, top, left;
    int64_t count_padding;    /* averages: over KH KW elements, else over those inside the image */
    int64_t packed;           /* how many neighbouring windows share a vector: one, unless C floats leave room for several */
    int32_t pick[16];         /* where the lanes of such a vector lie from the first on: (l / C) SW C + l % C */
    int32_t pair[32];         /* where pixel l / C of two such vectors, of the even and of the odd pixels, finds its channel l % C */
} pool_window;

/* What lies beyond the border of an image, by SciPy's names; tile_image.h says what each is. */
enum image_fill {
    FILL_GRID_CONSTANT, FILL_NEAREST, FILL_REFLECT, FILL_MIRROR, FILL_GRID_WRAP, FILL_CONSTANT, FILL_WRAP
};

/* One row of an image under an affine map. */
typedef struct {
    const float *x;                 /* the image that is looked up, (H, W, C) */
    int64_t H, W, C;
    double row, column;             /* where the row's first pixel lies in x, */
    double row_step, column_step;   /* and how far from it the next one does */
    int64_t nearest, fill;          /* whether the nearest pixel is taken, not all four; enum image_fill */
    const float *constant;          /* C floats */
} affine_row;

/* A function of one or two elements under its name in NumPy; tile_elementwise.h says what `run` computes. */
typedef struct {
    const char *name;
    void (*run)(float *y, const float *x, int64_t n, int nontemporal);
} unary_function;

typedef struct {
    const char *name;
    void (*run)(float *z, const float *x, const float *y, int64_t x_step, int64_t y_step, int64_t rows, int64_t n,
        int nontemporal);
} binary_function;

/* The rule of an optimizer; tile_update.h says what `run` computes. */
typedef struct {
    const char *name;
    int states;
    void (*run)(float *const *to, const float *const *from, int64_t n, const float *s, const float *h);
} update_rule;

enum { UNARY_FUNCTIONS = 7, BINARY_FUNCTIONS = 9, UPDATE_RULES = 15, UPDATE_STATES = 3 };

/* What makes one number of many. */
enum reduction { SUM, MAXIMUM, MINIMUM, REDUCTIONS };

/* Every tile that is one function: TILE(result, name, (parameters)). The struct below and the table of each instruction set
 * (table.h) are generated from this list; a test compares _core.pxd with it. */
#define FOR_EACH_TILE(TILE) \
    /* FMA peak: runs `steps` x 12 independent vector multiply-adds in registers; returns a value so that none is \
     * dropped. */ \
    TILE(float, f32_fma_peak, (int64_t steps)) \
    /* to[k][c] = from[k * step + c] or from[c * step + k] for c < columns, 0 up to `width`, a multiple of the \
     * vector. */ \
    TILE(void, f32_pack_rows, ( \
        float *to, int64_t width, const float *from, int64_t rows, int64_t step, int64_t columns)) \
    TILE(void, f32_pack_columns, ( \
        float *to, int64_t width, const float *from, int64_t rows, int64_t step, int64_t columns)) \
    /* The transforms of Winograd's algorithm; tile_winograd.h, tile_winograd_2x2.h. */ \
    TILE(void, f32_winograd_input, (float *to, int64_t step, const float *const *pixels, int64_t channels)) \
    TILE(void, f32_winograd_output, (const winograd_tile *tile, const float *m, int64_t step)) \
    TILE(void, f32_winograd_gradient, (float *to, int64_t step, const float *const *pixels, int64_t channels)) \
    TILE(void, f32_winograd_kernel, (float *u, int64_t u_step, const float *w, int64_t tap_step, int64_t n)) \
    TILE(void, f32_winograd_taps, ( \
        float *dw, int64_t row_step, int64_t tap_step, int64_t rows, int64_t columns, const float *m, int64_t m_step, \
        int64_t n)) \
    TILE(void, f32_winograd_2x2_input, (float *to, int64_t step, const float *const *pixels, int64_t channels)) \
    TILE(void, f32_winograd_2x2_output, (const winograd_tile *tile, const float *m, int64_t step)) \
    TILE(void, f32_winograd_2x2_kernel, (float *u, int64_t u_step, const float *w, int64_t tap_step, int64_t n)) \
    TILE(void, f32_planes, (const planes_tile *tile)) \
    TILE(void, f32_planes_gradient, (const planes_gradient_tile *tile)) \
    /* Fourier transforms of strips of columns; tile_fourier.h. */ \
    TILE(void, f32_fourier, (float *strip, int64_t points, const float *roots)) \
    TILE(void, f32_fourier_inverse, (float *strip, int64_t points, const float *roots)) \
    TILE(void, f32_fourier_multiply, (float *a, const float *w, int64_t rows)) \
    TILE(void, f32_fourier_accumulate, (float *sum, const float *a, const float *w, int64_t rows)) \
    TILE(void, f32_fourier_transpose, (float *to, const float *from)) \
    TILE(void, f32_fourier_read, ( \
        float *part, int64_t points, const float *from, int64_t step, int64_t row, int64_t rows, int64_t lane, \
        int64_t columns)) \
    TILE(void, f32_fourier_write, ( \
        float *to, int64_t step, const float *part, int64_t rows, int64_t columns, float bias, int64_t activation, \
        float alpha)) \
    /* Bound by memory; tile_<family>.h. If `nontemporal` is set, whole vectors of the output are written past the caches: \
     * these begin at multiples of their size. */ \
    TILE(void, f32_activate, (float *y, const float *x, int64_t n, int kind, float alpha, int nontemporal)) \
    TILE(void, f32_activate_backward, ( \
        float *dx, const float *dy, const float *y, int64_t n, int kind, float alpha, int nontemporal)) \
    TILE(void, f32_gate, (float *y, const float *x, int64_t n, float linear, float cubic, int nontemporal)) \
    TILE(void, f32_gate_backward, ( \
        float *dx, const float *dy, const float *x, int64_t n, float linear, float cubic, int nontemporal)) \
    TILE(void, f32_scale_shift, ( \
        float *y, const float *x, const float *scale, const float *shift, int64_t rows, int64_t n, int64_t step, \
        int nontemporal)) \
    TILE(void, f32_normalize, ( \
        float *y, int64_t y_step, const float *x, int64_t x_step, const float *center, const float *scale, \
        const float *shift, int64_t rows, int64_t n, int kind, float alpha, int nontemporal)) \
    TILE(void, f32_normalize_backward, ( \
        float *dx, const float *dy, const float *x, const float *wide, int64_t rows, int64_t n, int64_t step, int kind, \
        float alpha, int nontemporal)) \
    TILE(void, f32_column_moments, ( \
        float *center, float *sums, float *squares, const float *x, int64_t rows, int64_t n, int64_t step)) \
    TILE(void, f32_column_products, ( \
        float *sums, float *products, const float *dy, const float *x, const float *wide, int64_t rows, int64_t n, \
        int64_t step, int kind, float alpha)) \
    TILE(void, f32_softmax, (float *y, const float *x, int64_t rows, int64_t n)) \
    TILE(void, f32_softmax_backward, (float *dx, const float *dy, const float *y, int64_t rows, int64_t n)) \
    TILE(void, f32_log_softmax, (float *y, const float *x, int64_t rows, int64_t n)) \
    TILE(void, f32_log_softmax_backward, (float *dx, const float *dy, const float *y, int64_t rows, int64_t n)) \
    TILE(void, f32_softmax_cross_entropy, (float *loss, const float *x, const float *target, int64_t rows, int64_t n)) \
    TILE(void, f32_softmax_cross_entropy_backward, ( \
        float *dx, const float *dloss, const float *x, const float *target, int64_t rows, int64_t n)) \
    TILE(void, f32_sparse_softmax_cross_entropy, ( \
        float *loss, const float *x, const int64_t *target, int64_t rows, int64_t n)) \
    TILE(void, f32_sparse_softmax_cross_entropy_backward, ( \
        float *dx, const float *dloss, const float *x, const int64_t *target, int64_t rows, int64_t n)) \
    TILE(void, f32_standardize, (float *y, float *inverse, const float *x, int64_t rows, int64_t n, double epsilon)) \
    TILE(void, f32_standardize_backward, ( \
        float *dx, const float *dy, const float *y, const float *inverse, int64_t rows, int64_t n)) \
    TILE(void, f32_max_pool, ( \
        float *y, int32_t *argmax, const float *x, const pool_window *p, int64_t oh, int64_t first, int64_t end)) \
    TILE(void, f32_min_pool, ( \
        float *y, int32_t *argmax, const float *x, const pool_window *p, int64_t oh, int64_t first, int64_t end)) \
    TILE(void, f32_average_pool, ( \
        float *y, int32_t *argmax, const float *x, const pool_window *p, int64_t oh, int64_t first, int64_t end)) \
    TILE(void, f32_unpool, ( \
        float *dx, const float *dy, const int32_t *argmax, const pool_window *p, int64_t h, int64_t first, \
        int64_t end)) \
    TILE(void, f32_average_pool_backward, (float *dx, const float *dy, const pool_window *p, int64_t oh)) \
    TILE(void, f32_average_pool_gather, (float *dx, const float *dy, const pool_window *p, int64_t h, float *sums)) \
    TILE(void, f32_pad_row, ( \
        float *y, const float *x, const int64_t *source, int64_t before, int64_t W, int64_t OW, int64_t C, \
        float value, int nontemporal)) \
    TILE(void, f32_affine_row, (float *y, const affine_row *r)) \
    TILE(void, f32_reverse_row, (float *y, const float *x, int64_t W, int64_t C)) \
    TILE(void, f32_resample, ( \
        float *y, const float *x, const int64_t *first, const float *w, int64_t outputs, int64_t taps, int64_t C)) \
    TILE(void, f32_stretch, ( \
        float *y, const float *x, const float *shift, float scale, float low, float high, int64_t n, int64_t C, \
        int nontemporal)) \
    TILE(void, f32_dropout, ( \
        float *y, const float *x, int64_t n, uint64_t seed, uint64_t first, uint32_t threshold, float scale))

typedef struct {
    const char *name;    /* as FASTCONV_ISA spells it */
    int vector_floats;   /* lanes of one float32 vector */

    /* Matrix product tiles by [vectors of columns][rows], and the most rows that each width has (0: no such width).
     * Those of no vector are dot products with at most DOT_COLUMNS columns; tile_dot.h says what they compute. */
    int gemm_height[GEMM_VECTORS + 1];
    void (*f32_gemm[GEMM_VECTORS + 1][GEMM_ROWS + 1])(const gemm_tile *tile);

    /* Tiles of grouped convolutions and of their kernels' gradients, by [fetch][stride][taps][rows]; NULL: no such tile. */
    grouped_kernel f32_grouped[FETCHES][GROUPED_STRIDE + 1][GROUPED_TAPS + 1][GROUPED_ROWS + 1];
    grouped_kernel f32_depthwise[GROUPED_STRIDE + 1][DEPTHWISE_ROWS + 1][GROUPED_ROWS + 1];    /* by [stride][rows][outputs of a row] */
    grouped_kernel f32_grouped_gradient[FETCHES][GROUPED_STRIDE + 1][GROUPED_TAPS + 1][GROUPED_ROWS + 1];

    /* Functions by their names; tile_elementwise.h, tile_update.h. The first binary function is addition. */
    unary_function f32_unary[UNARY_FUNCTIONS];
    binary_function f32_binary[BINARY_FUNCTIONS];
    update_rule f32_update[UPDATE_RULES];

    /* By `enum reduction`; tile_reduce.h. */
    void (*f32_reduce_columns[REDUCTIONS])(float *y, const float *x, int64_t rows, int64_t n);
    void (*f32_reduce_rows[REDUCTIONS])(float *y, const float *x, int64_t rows, int64_t n);

#define DECLARE_TILE(result, name, parameters) result(*name) parameters;
    FOR_EACH_TILE(DECLARE_TILE)
#undef DECLARE_TILE
} kernel_table;

/* Every instruction set that this build holds, the best last: X(name, "is it usable on this processor"). */
#if defined(__x86_64__)
#define FOR_EACH_ISA(X)                                                                                       \
    X(ref, 1)                                                                                                 \
    X(avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))                                  \
    X(avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&                      \
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&                 \
                  __builtin_cpu_supports("avx512cd"))
#else
#define FOR_EACH_ISA(X) X(ref, 1)
#endif

#define DECLARE_TABLE(isa, usable) extern const kernel_table kernels_##isa;
FOR_EACH_ISA(DECLARE_TABLE)
#undef DECLARE_TABLE

/* The table called `name`, or the best usable one when name is NULL; NULL when it is unknown or unusable here. */
const kernel_table *fastconv_find_kernels(const char *name);

/* The i-th table usable on this processor, the best last; NULL past the end. */
const kernel_table *fastconv_usable_kernels(int i);

/* Flushes denormals to zero on the calling thread; returns the former state for fastconv_restore_denormals. */
unsigned fastconv_flush_denormals(void);
void fastconv_restore_denormals(unsigned state);

#endif
