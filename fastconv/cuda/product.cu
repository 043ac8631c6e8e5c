// The matrix product at the heart of every convolution here: a block computes ROWS x COLUMNS sums, a thread 8 x 8.
//
// Factors come in chunks of DEPTH through shared memory, which holds two chunks: while one is multiplied, the next is on
// its way from global memory in the registers of a Loader, whose `load` fetches a chunk and whose `store` puts it down as
// a[k][row] and b[k][column]. Every sum adds its terms in the order of k, whatever the tile.

constexpr int DEPTH = 8;
constexpr int QUAD = 4;
constexpr int SKEW = 4;  // so that threads of a warp that write a column meet different banks

template <int ROWS, int COLUMNS> constexpr int THREADS = ROWS * COLUMNS / 64;

// Blocks that share a multiprocessor: as many as its registers hold with hardly a spill, says ptxas for sm_70 to sm_90.
template <int ROWS, int COLUMNS, bool WHOLE> constexpr int RESIDENT = ROWS * COLUMNS < 128 * 128 ? 6 : WHOLE ? 2 : 1;

template <int N> using Panel = float[DEPTH][N + SKEW];

// The row of a tile that element i of a thread's 8 lies in: two runs of 4, half a tile apart.
template <int N> __device__ __forceinline__ int spread(int thread, int i) {
    return thread * QUAD + i % QUAD + i / QUAD * (N / 2);
}

template <int N> __device__ __forceinline__ void fetch(const Panel<N>& panel, int k, int thread, float (&values)[8]) {
    *reinterpret_cast<float4*>(values) = *reinterpret_cast<const float4*>(&panel[k][thread * QUAD]);
    *reinterpret_cast<float4*>(values + QUAD) = *reinterpret_cast<const float4*>(&panel[k][thread * QUAD + N / 2]);
}

template <int ROWS, int COLUMNS>
__device__ __forceinline__ void multiply(const Panel<ROWS>& a, const Panel<COLUMNS>& b, int row, int column,
                                         float (&sums)[8][8]) {
#pragma unroll
    for (int k = 0; k < DEPTH; k++) {
        float x[8], y[8];
        fetch<ROWS>(a, k, row, x);
        fetch<COLUMNS>(b, k, column, y);
#pragma unroll
        for (int i = 0; i < 8; i++)
#pragma unroll
            for (int j = 0; j < 8; j++) sums[i][j] += x[i] * y[j];
    }
}

template <int ROWS, int COLUMNS, class Loader>
__device__ __forceinline__ void product(Loader& loader, int chunks, float (&sums)[8][8]) {
    __shared__ __align__(16) float a[2][DEPTH][ROWS + SKEW];
    __shared__ __align__(16) float b[2][DEPTH][COLUMNS + SKEW];
    int row = threadIdx.x / (COLUMNS / 8), column = threadIdx.x % (COLUMNS / 8);
    if (chunks == 0) return;
    loader.load();
    loader.store(a[0], b[0]);
    __syncthreads();
    for (int chunk = 0; chunk < chunks; chunk++) {
        int now = chunk % 2;
        if (chunk + 1 < chunks) loader.load();
        multiply<ROWS, COLUMNS>(a[now], b[now], row, column, sums);
        if (chunk + 1 < chunks) loader.store(a[1 - now], b[1 - now]);
        __syncthreads();
    }
}

// ---- four neighbours in memory: at once where addresses are multiples of 16 bytes (WHOLE) -----------------------------

__device__ __forceinline__ float& part(float4& v, int i) { return reinterpret_cast<float*>(&v)[i]; }

__device__ __forceinline__ float one_or_none(const float* p) { return p ? *p : 0; }

__device__ __forceinline__ float4 four_or_none(const float* p) {
    return p ? *reinterpret_cast<const float4*>(p) : make_float4(0, 0, 0, 0);
}

// The first `count` of four, and zeros.
template <bool WHOLE> __device__ __forceinline__ float4 four(const float* p, int count) {
    if (WHOLE) return four_or_none(count > 0 ? p : nullptr);
    return make_float4(count > 0 ? p[0] : 0, count > 1 ? p[1] : 0, count > 2 ? p[2] : 0, count > 3 ? p[3] : 0);
}

template <bool WHOLE> __device__ __forceinline__ void put_four(float* p, float4 v, int count) {
    if (WHOLE) {
        if (count > 0) *reinterpret_cast<float4*>(p) = v;
    } else {
#pragma unroll
        for (int i = 0; i < QUAD; i++)
            if (i < count) p[i] = part(v, i);
    }
}

template <int N> __device__ __forceinline__ void put_row(Panel<N>& panel, int k, int at, float4 v) {
    *reinterpret_cast<float4*>(&panel[k][at]) = v;
}

template <int N> __device__ __forceinline__ void put_column(Panel<N>& panel, int k, int at, float4 v) {
    panel[k][at] = v.x, panel[k + 1][at] = v.y, panel[k + 2][at] = v.z, panel[k + 3][at] = v.w;
}
