// Convolution and its transpose: a matrix product whose left factor is gathered from the source as it is needed.
//
//     result[pixel, column] = f(bias[column] + sum over terms of source[pixel moved by tap, channel] w[tap, ..])
//
// Terms are pairs (tap, channel) in the order in which w holds them. For the transpose the channels of w change places,
// and blocks are dealt out by phase: see window.cu.

struct Term {
    int channel, x, y, z;

    __device__ __forceinline__ void advance(int by, int channels, const Walk& s) {
        for (channel += by; channel >= channels; channel -= channels) {
            if (++x < s.x.taps) continue;
            x = 0;
            if (++y < s.y.taps) continue;
            y = 0, z++;
        }
    }
};

// Loads of one block. A thread fetches the same four terms of all its rows of a; of b, for the transpose, likewise.
template <int ROWS, int COLUMNS, bool WHOLE_TERMS, bool WHOLE_COLUMNS, bool BACK> struct Gather {
    static constexpr int N = THREADS<ROWS, COLUMNS>;
    static constexpr int A_LOADS = ROWS * DEPTH / QUAD / N, B_LOADS = COLUMNS * DEPTH / QUAD / N;

    const Walk& s;
    const Convolution& g;
    const float *source, *w;
    int channels, columns, column;  // of one group: what is summed over, and what is not; where this block begins
    Term term = {0, 0, 0, 0};
    int line;                                                // of w, which this thread fetches of b
    int image[A_LOADS], z[A_LOADS], y[A_LOADS], x[A_LOADS];  // where its rows begin to read
    float4 a[A_LOADS], b[B_LOADS];

    __device__ __forceinline__ Gather(const Walk& s, const Convolution& g, const float* source, const float* w, int row,
                                      int rows, int column)
        : s(s), g(g), source(source), w(w), channels(BACK ? g.co : g.ci), columns(BACK ? g.ci : g.co), column(column) {
        term.advance(threadIdx.x % 2 * QUAD, channels, s);
        line = threadIdx.x / (COLUMNS / QUAD);
#pragma unroll
        for (int i = 0; i < A_LOADS; i++) {
            int number = row + (threadIdx.x + i * N) / 2;
            Pixel p(number, s.z.count, s.y.count, s.x.count);
            image[i] = p.image;
            z[i] = number < rows ? s.z.first + p.z * s.z.stride : -(1 << 30);  // outside, whatever the tap
            y[i] = s.y.first + p.y * s.y.stride, x[i] = s.x.first + p.x * s.x.stride;
        }
    }

    // What row i multiplies with term t, or as many neighbouring terms.
    __device__ __forceinline__ const float* left(int i, const Term& t) const {
        int at_z = z[i] + t.z * s.z.hop, at_y = y[i] + t.y * s.y.hop, at_x = x[i] + t.x * s.x.hop;
        if (t.z >= s.z.taps || !inside(at_z, s.z.size) || !inside(at_y, s.y.size) || !inside(at_x, s.x.size)) return nullptr;
        int pixel = ((image[i] * s.z.size + at_z) * s.y.size + at_y) * s.x.size + at_x;
        return source + (long long)pixel * (channels * g.groups) + t.channel;
    }

    // The weight of the transpose between term t and this thread's column i.
    __device__ __forceinline__ const float* right(int i, const Term& t) const {
        int c = column + (threadIdx.x + i * N) / 2;
        if (t.z >= s.z.taps || c >= columns) return nullptr;
        int tap_z = s.z.tap + t.z * s.z.tap_step, tap_y = s.y.tap + t.y * s.y.tap_step;
        int tap = (tap_z * g.y.taps + tap_y) * g.x.taps + s.x.tap + t.x * s.x.tap_step;
        return w + ((long long)tap * columns + c) * (channels * g.groups) + t.channel;
    }

    __device__ __forceinline__ void load() {
        if (WHOLE_TERMS) {
#pragma unroll
            for (int i = 0; i < A_LOADS; i++) a[i] = four_or_none(left(i, term));
            if (BACK)
#pragma unroll
                for (int i = 0; i < B_LOADS; i++) b[i] = four_or_none(right(i, term));
            term.advance(DEPTH, channels, s);
        } else {
#pragma unroll
            for (int j = 0; j < QUAD; j++) {
#pragma unroll
                for (int i = 0; i < A_LOADS; i++) part(a[i], j) = one_or_none(left(i, term));
                if (BACK)
#pragma unroll
                    for (int i = 0; i < B_LOADS; i++) part(b[i], j) = one_or_none(right(i, term));
                term.advance(1, channels, s);
            }
            term.advance(DEPTH - QUAD, channels, s);
        }
        if (!BACK) load_lines();
    }

    __device__ __forceinline__ void load_lines() {
        int lines = s.z.taps * s.y.taps * s.x.taps * channels;
        int c = column + threadIdx.x % (COLUMNS / QUAD) * QUAD;
#pragma unroll
        for (int i = 0; i < B_LOADS; i++) {
            int at = line + i * N / (COLUMNS / QUAD);
            const float* p = w + (long long)at * (columns * g.groups) + c;
            b[i] = four<WHOLE_COLUMNS>(p, at < lines ? columns - c : 0);
        }
        line += DEPTH;
    }

    __device__ __forceinline__ void store(Panel<ROWS>& to_a, Panel<COLUMNS>& to_b) const {
#pragma unroll
        for (int i = 0; i < A_LOADS; i++)
            put_column<ROWS>(to_a, threadIdx.x % 2 * QUAD, (threadIdx.x + i * N) / 2, a[i]);
#pragma unroll
        for (int i = 0; i < B_LOADS; i++) {
            int t = threadIdx.x + i * N;
            if (BACK)
                put_column<COLUMNS>(to_b, t % 2 * QUAD, t / 2, b[i]);
            else
                put_row<COLUMNS>(to_b, t / (COLUMNS / QUAD), t % (COLUMNS / QUAD) * QUAD, b[i]);
        }
    }
};

// Puts each row in the place of the one before it, so that a loop that is not unrolled finds it in the same registers.
__device__ __forceinline__ void next_row(float (&sums)[8][8]) {
#pragma unroll
    for (int i = 0; i < 7; i++)
#pragma unroll
        for (int j = 0; j < 8; j++) sums[i][j] = sums[i + 1][j];
}

template <int ROWS, int COLUMNS, bool WHOLE_TERMS, bool WHOLE_COLUMNS, bool BACK>
__global__ void __launch_bounds__(THREADS<ROWS, COLUMNS>, RESIDENT<ROWS, COLUMNS, WHOLE_TERMS && WHOLE_COLUMNS>)
    conv(const float* __restrict__ source, const float* __restrict__ w, const float* __restrict__ bias,
         float* __restrict__ result, int biased, int activation, float alpha, CONVOLUTION_PARAMETERS) {
    const Convolution g = CONVOLUTION;
    const Walk s = BACK ? backward_walk(g, blockIdx.z / groups) : forward_walk(g);
    int group = blockIdx.z % groups, columns = BACK ? ci : co, channels = BACK ? co : ci;
    int rows = images * s.z.count * s.y.count * s.x.count, row = blockIdx.x * ROWS, column = blockIdx.y * COLUMNS;
    if (row >= rows) return;

    float sums[8][8] = {};
    Gather<ROWS, COLUMNS, WHOLE_TERMS, WHOLE_COLUMNS, BACK> loader(
        s, g, source + group * channels, w + group * co, row, rows, column);
    int terms = s.z.taps * s.y.taps * s.x.taps * channels;
    product<ROWS, COLUMNS>(loader, (terms + DEPTH - 1) / DEPTH, sums);

#pragma unroll 1  // one copy of the formulas of activations for a row of sums, not eight
    for (int i = 0; i < 8; i++, next_row(sums)) {
        int number = row + spread<ROWS>(threadIdx.x / (COLUMNS / 8), i);
        if (number >= rows) return;
        float* line = result + (long long)place_of(s, number) * (columns * groups) + group * columns;
#pragma unroll
        for (int j = 0; j < 8; j += QUAD) {
            int c = column + spread<COLUMNS>(threadIdx.x % (COLUMNS / 8), j);
            float4 v;
#pragma unroll
            for (int q = 0; q < QUAD; q++) {
                float end = biased && c + q < columns ? bias[group * columns + c + q] : 0;
                part(v, q) = activated(sums[0][j + q] + end, activation, alpha);
            }
            put_four<WHOLE_COLUMNS>(line + c, v, columns - c);
        }
    }
}
