// Softmax, its relatives and the losses made of them, over the rows of x (rows, k). blockDim.x threads, a power of two,
// share a row, and blockDim.y rows a block. T is float or double, INDEX the type of offsets.

typedef ELEMENT T;

// The row of this thread; one beyond the last row works on that and writes nothing.
struct Row { int number; INDEX start; bool inside; };

__device__ Row row_of(int rows, int k)
{
    const int number = blockIdx.x * blockDim.y + threadIdx.y;
    const int clipped = min(number, rows - 1);
    return {clipped, (INDEX)clipped * k, number < rows};
}

// `value` of the threads of a row, added or the largest, which all of them receive.
template <bool LARGEST> __device__ T across_row(T value)
{
    extern __shared__ T values[];
    T* own = values + threadIdx.y * blockDim.x + threadIdx.x;
    *own = value;
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) *own = LARGEST ? max(*own, own[half]) : *own + own[half];
    }
    __syncthreads();
    const T result = values[threadIdx.y * blockDim.x];
    __syncthreads();
    return result;
}

// The largest x of a row, and the sum of exp(x - largest): what softmax needs. NaN among x makes the sum NaN.
struct Scale { T largest, sum; };

__device__ Scale scale_of(const T* x, int k)
{
    T largest = x[0], sum = 0;
    for (int j = threadIdx.x; j < k; j += blockDim.x) largest = max(largest, x[j]);
    largest = across_row<true>(largest);
    for (int j = threadIdx.x; j < k; j += blockDim.x) sum += exp(x[j] - largest);
    return {largest, across_row<false>(sum)};
}

// The largest x of a row, and log(sum of exp(x - largest)), from what the sum exceeds 1 by: that may be small beside 1.
struct LogScale { T largest, logarithm; };

__device__ LogScale log_scale_of(const T* x, int k)
{
    T largest = x[0], sum = 0, count = 0;
    for (int j = threadIdx.x; j < k; j += blockDim.x) largest = max(largest, x[j]);
    largest = across_row<true>(largest);
    for (int j = threadIdx.x; j < k; j += blockDim.x) {
        const T distance = x[j] - largest;
        if (distance == 0) count += 1;
        else sum += exp(distance);
    }
    const T others = across_row<false>(count) - 1;
    return {largest, log1p(others + across_row<false>(sum))};
}

// The sum over a row of x, or of x y
__device__ T sum_of(const T* x, const T* y, int k)
{
    T sum = 0;
    for (int j = threadIdx.x; j < k; j += blockDim.x) sum += y ? x[j] * y[j] : x[j];
    return across_row<false>(sum);
}

#define EACH(j) if (row.inside) for (int j = threadIdx.x; j < k; j += blockDim.x)

extern "C" __global__ void softmax(T* y, const T* x, int rows, int k)
{
    const Row row = row_of(rows, k);
    x += row.start;
    const Scale scale = scale_of(x, k);
    EACH(j) y[row.start + j] = exp(x[j] - scale.largest) / scale.sum;
}

// dx = y (dy - sum(dy y))
extern "C" __global__ void softmax_backward(T* dx, const T* dy, const T* y, int rows, int k)
{
    const Row row = row_of(rows, k);
    const T sum = sum_of(dy + row.start, y + row.start, k);
    EACH(j) dx[row.start + j] = y[row.start + j] * (dy[row.start + j] - sum);
}

extern "C" __global__ void log_softmax(T* y, const T* x, int rows, int k)
{
    const Row row = row_of(rows, k);
    x += row.start;
    const LogScale scale = log_scale_of(x, k);
    EACH(j) y[row.start + j] = x[j] - scale.largest - scale.logarithm;
}

// dx = dy - exp(y) sum(dy)
extern "C" __global__ void log_softmax_backward(T* dx, const T* dy, const T* y, int rows, int k)
{
    const Row row = row_of(rows, k);
    const T sum = sum_of(dy + row.start, nullptr, k);
    EACH(j) dx[row.start + j] = dy[row.start + j] - exp(y[row.start + j]) * sum;
}

// y = (x - mean) inverse, where inverse = 1 / sqrt(variance + epsilon); the mean of the distances from the rounded mean corrects both
extern "C" __global__ void standardize(T* y, T* inverse, const T* x, int rows, int k, T epsilon)
{
    const Row row = row_of(rows, k);
    x += row.start;
    const T centre = sum_of(x, nullptr, k) / k;
    const T unit = sizeof(T) == 4 ? 35184372088832 : 1; // 2^45: squares of 1e30 stay floats
    T rest = 0, square = 0;
    for (int j = threadIdx.x; j < k; j += blockDim.x) {
        const T distance = (x[j] - centre) / unit;
        rest += distance;
        square += distance * distance;
    }
    rest = across_row<false>(rest) / k;
    square = across_row<false>(square) / k - rest * rest;
    const T scale = 1 / sqrt((square < 0 ? 0 : square) * (double)unit * unit + epsilon);
    rest *= unit;
    EACH(j) y[row.start + j] = (x[j] - centre - rest) * scale;
    if (row.inside && threadIdx.x == 0) inverse[row.number] = scale;
}

// dx = inverse (dy - mean(dy) - y mean(dy y))
extern "C" __global__ void standardize_backward(T* dx, const T* dy, const T* y, const T* inverse, int rows, int k)
{
    const Row row = row_of(rows, k);
    const T offset = sum_of(dy + row.start, nullptr, k) / k, slope = sum_of(dy + row.start, y + row.start, k) / k;
    EACH(j) dx[row.start + j] = (dy[row.start + j] - offset - y[row.start + j] * slope) * inverse[row.number];
}

// loss = -sum of target log_softmax(x), where target is not 0
extern "C" __global__ void softmax_cross_entropy(T* loss, const T* x, const T* target, int rows, int k)
{
    const Row row = row_of(rows, k);
    x += row.start;
    target += row.start;
    const LogScale scale = log_scale_of(x, k);
    T sum = 0;
    for (int j = threadIdx.x; j < k; j += blockDim.x)
        if (target[j] != 0) sum += target[j] * (x[j] - scale.largest - scale.logarithm);
    sum = across_row<false>(sum);
    if (row.inside && threadIdx.x == 0) loss[row.number] = -sum;
}

// dx = (softmax(x) sum(target) - target) dloss
extern "C" __global__ void softmax_cross_entropy_backward(T* dx, const T* dloss, const T* x, const T* target, int rows,
                                                          int k)
{
    const Row row = row_of(rows, k);
    x += row.start;
    target += row.start;
    const Scale scale = scale_of(x, k);
    const T sum = sum_of(target, nullptr, k);
    EACH(j) dx[row.start + j] = (exp(x[j] - scale.largest) / scale.sum * sum - target[j]) * dloss[row.number];
}

// A label that is none: its row + 1 and the number of classes, and what it is. Written at once; any of several stays.
struct alignas(16) Fault { int place, classes; long long label; };

__device__ bool is_class(long long label, const Row& row, int k, Fault* fault)
{
    const bool fine = 0 <= label && label < k;
    if (!fine && row.inside && threadIdx.x == 0) *fault = Fault{row.number + 1, k, label};
    return fine;
}

// loss = -log_softmax(x)[target]; NaN, and a fault, for a target outside [0, k)
extern "C" __global__ void sparse_softmax_cross_entropy(T* loss, const T* x, const long long* target, Fault* fault,
                                                        int rows, int k)
{
    const Row row = row_of(rows, k);
    x += row.start;
    const long long label = target[row.number];
    const bool fine = is_class(label, row, k, fault);
    const LogScale scale = log_scale_of(x, k);
    if (row.inside && threadIdx.x == 0)
        loss[row.number] = fine ? -(x[label] - scale.largest - scale.logarithm) : (T)nan("");
}

// dx = (softmax(x) - one_hot(target)) dloss; 0, and a fault, for a target outside [0, k), so that weights stay as they are
extern "C" __global__ void sparse_softmax_cross_entropy_backward(T* dx, const T* dloss, const T* x,
                                                                 const long long* target, Fault* fault, int rows, int k)
{
    const Row row = row_of(rows, k);
    x += row.start;
    const long long label = target[row.number];
    const bool fine = is_class(label, row, k, fault);
    const Scale scale = scale_of(x, k);
    EACH(j) dx[row.start + j] =
        fine ? (exp(x[j] - scale.largest) / scale.sum - (j == label)) * dloss[row.number] : (T)0;
}
