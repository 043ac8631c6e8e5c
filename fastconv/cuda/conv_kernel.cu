// The gradient of a convolution by its kernel: for every (tap, channel) and column the sum over output pixels of what
// the tap sees times dy. A part of the pixels is summed by each of blockIdx.z / groups, to be added by parts.cu.

template <int ROWS, int COLUMNS, bool WHOLE_ROWS, bool WHOLE_COLUMNS> struct Correlate {
    static constexpr int N = THREADS<ROWS, COLUMNS>;
    static constexpr int A_LOADS = ROWS * DEPTH / QUAD / N, B_LOADS = COLUMNS * DEPTH / QUAD / N;
    static constexpr int A_STEP = N / (ROWS / QUAD), B_STEP = N / (COLUMNS / QUAD);  // in pixels, between two loads
    static constexpr int TERMS = WHOLE_ROWS ? 1 : QUAD;  // a quad of rows belongs to one tap, or to as many as four

    const Convolution& g;
    const float *x, *dy;
    int number, end, column;  // the first pixel of the chunk, the pixel after the last chunk, the first column
    int z[TERMS], y[TERMS], at_x[TERMS], channel[TERMS];  // what this thread's rows are: where taps see, and of what
    Pixel pixel;                                          // of its first load of a
    float4 a[A_LOADS], b[B_LOADS];

    __device__ __forceinline__ Correlate(const Convolution& g, const float* x, const float* dy, int row, int column,
                                         int begin, int end)
        : g(g), x(x), dy(dy), number(begin), end(end), column(column),
          pixel(begin + threadIdx.x / (ROWS / QUAD), g.z.outputs, g.y.outputs, g.x.outputs) {
        row += threadIdx.x % (ROWS / QUAD) * QUAD;
#pragma unroll
        for (int j = 0; j < TERMS; j++) {
            channel[j] = (row + j) % g.ci;
            Pixel tap((row + j) / g.ci, g.z.taps, g.y.taps, g.x.taps);
            z[j] = tap.image ? -(1 << 30) : tap.z * g.z.dilation - g.z.before;  // after the last tap: outside
            y[j] = tap.y * g.y.dilation - g.y.before, at_x[j] = tap.x * g.x.dilation - g.x.before;
        }
    }

    __device__ __forceinline__ const float* left(const Pixel& p, int j) const {
        int in_z = p.z * g.z.stride + z[j], in_y = p.y * g.y.stride + y[j], in_x = p.x * g.x.stride + at_x[j];
        if (!inside(in_z, g.z.inputs) || !inside(in_y, g.y.inputs) || !inside(in_x, g.x.inputs)) return nullptr;
        int from = ((p.image * g.z.inputs + in_z) * g.y.inputs + in_y) * g.x.inputs + in_x;
        return x + (long long)from * (g.ci * g.groups) + channel[j];
    }

    __device__ __forceinline__ void load() {
        int k = threadIdx.x / (ROWS / QUAD);
#pragma unroll
        for (int i = 0; i < A_LOADS; i++) {
            bool exists = number + k + i * A_STEP < end;
            if (WHOLE_ROWS)
                a[i] = four_or_none(exists ? left(pixel, 0) : nullptr);
            else
#pragma unroll
                for (int j = 0; j < TERMS; j++) part(a[i], j) = one_or_none(exists ? left(pixel, j) : nullptr);
            pixel.advance(A_STEP, g.z.outputs, g.y.outputs, g.x.outputs);
        }
        int c = column + threadIdx.x % (COLUMNS / QUAD) * QUAD;
#pragma unroll
        for (int i = 0; i < B_LOADS; i++) {
            int from = number + threadIdx.x / (COLUMNS / QUAD) + i * B_STEP;
            b[i] = four<WHOLE_COLUMNS>(dy + (long long)from * (g.co * g.groups) + c, from < end ? g.co - c : 0);
        }
        number += DEPTH;
    }

    __device__ __forceinline__ void store(Panel<ROWS>& to_a, Panel<COLUMNS>& to_b) const {
#pragma unroll
        for (int i = 0; i < A_LOADS; i++)
            put_row<ROWS>(to_a, threadIdx.x / (ROWS / QUAD) + i * A_STEP, threadIdx.x % (ROWS / QUAD) * QUAD, a[i]);
#pragma unroll
        for (int i = 0; i < B_LOADS; i++)
            put_row<COLUMNS>(
                to_b, threadIdx.x / (COLUMNS / QUAD) + i * B_STEP, threadIdx.x % (COLUMNS / QUAD) * QUAD, b[i]);
    }
};

template <int ROWS, int COLUMNS, bool WHOLE_ROWS, bool WHOLE_COLUMNS>
__global__ void __launch_bounds__(THREADS<ROWS, COLUMNS>, RESIDENT<ROWS, COLUMNS, WHOLE_ROWS && WHOLE_COLUMNS>)
    conv_kernel(const float* __restrict__ x, const float* __restrict__ dy, float* __restrict__ parts,
                int pixels_of_part, CONVOLUTION_PARAMETERS) {
    const Convolution g = CONVOLUTION;
    int group = blockIdx.z % groups, row = blockIdx.x * ROWS, column = blockIdx.y * COLUMNS;
    int rows = z_taps * y_taps * x_taps * ci, pixels = images * z_outputs * y_outputs * x_outputs;
    int begin = blockIdx.z / groups * pixels_of_part, end = min(pixels, begin + pixels_of_part);

    float sums[8][8] = {};
    Correlate<ROWS, COLUMNS, WHOLE_ROWS, WHOLE_COLUMNS> loader(
        g, x + group * ci, dy + group * co, row, column, begin, end);
    product<ROWS, COLUMNS>(loader, (end - begin + DEPTH - 1) / DEPTH, sums);

    float* dw = parts + (long long)(blockIdx.z / groups) * rows * (co * groups) + group * co;
#pragma unroll
    for (int i = 0; i < 8; i++) {
        int to = row + spread<ROWS>(threadIdx.x / (COLUMNS / 8), i);
        if (to >= rows) continue;
#pragma unroll
        for (int j = 0; j < 8; j += QUAD) {
            int c = column + spread<COLUMNS>(threadIdx.x % (COLUMNS / 8), j);
            float4 v = make_float4(sums[i][j], sums[i][j + 1], sums[i][j + 2], sums[i][j + 3]);
            put_four<WHOLE_COLUMNS>(dw + (long long)to * (co * groups) + c, v, co - c);
        }
    }
}
