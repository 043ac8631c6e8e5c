// Sums over the rows of x (rows, columns), in two steps cut by shape: block (j, p) adds up `length` rows of part p for
// blockDim.x columns, its threads every blockDim.y-th row each and then together; a second launch adds up the parts.
// T is float or double, INDEX the type of offsets. blockDim.y is a power of two.

typedef ELEMENT T;

// The sum of `value` over the threads of each column, which all of them receive.
__device__ T sum_of_column(T value)
{
    extern __shared__ T sums[];
    const int own = threadIdx.y * blockDim.x + threadIdx.x;
    sums[own] = value;
    for (int half = blockDim.y / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.y < half) sums[own] += sums[own + half * blockDim.x];
    }
    __syncthreads();
    const T total = sums[threadIdx.x];
    __syncthreads();
    return total;
}

struct Part { int column, first, last; bool inside; };

// The rows and the column of this thread; one beyond the last column works on that and writes nothing.
__device__ Part part_of(int rows, int columns, int length)
{
    const int column = blockIdx.x * blockDim.x + threadIdx.x, first = blockIdx.y * length;
    return {min(column, columns - 1), first, min(first + length, rows), column < columns};
}

// y[p, c] = factor * the sum of x[:, c] over part p
extern "C" __global__ void sum_rows(T* y, const T* x, int rows, int columns, int length, T factor)
{
    const Part part = part_of(rows, columns, length);
    T sum = 0;
    for (int row = part.first + threadIdx.y; row < part.last; row += blockDim.y)
        sum += x[(INDEX)row * columns + part.column];
    sum = sum_of_column(sum);
    if (part.inside && threadIdx.y == 0) y[(INDEX)blockIdx.y * columns + part.column] = factor * sum;
}

// The mean of each part and the sum of squares about it: two passes, the second one through the cache.
extern "C" __global__ void part_moments(T* means, T* squares, const T* x, int rows, int columns, int length)
{
    const Part part = part_of(rows, columns, length);
    T sum = 0, square = 0;
    for (int row = part.first + threadIdx.y; row < part.last; row += blockDim.y)
        sum += x[(INDEX)row * columns + part.column];
    const T mean = sum_of_column(sum) / (part.last - part.first);
    for (int row = part.first + threadIdx.y; row < part.last; row += blockDim.y) {
        const T distance = x[(INDEX)row * columns + part.column] - mean;
        square += distance * distance;
    }
    square = sum_of_column(square);
    if (part.inside && threadIdx.y == 0) {
        means[(INDEX)blockIdx.y * columns + part.column] = mean;
        squares[(INDEX)blockIdx.y * columns + part.column] = square;
    }
}

// The mean and variance of all rows from those of their parts; Chan, Golub and LeVeque 1983, section 2.
extern "C" __global__ void merge_moments(T* mean, T* variance, const T* means, const T* squares, int rows, int columns,
                                         int length, int parts)
{
    const int column = part_of(parts, columns, parts).column;
    T sum = 0, square = 0;
    for (int p = threadIdx.y; p < parts; p += blockDim.y)
        sum += means[(INDEX)p * columns + column] * min(length, rows - p * length);
    const T all = sum_of_column(sum) / rows;
    for (int p = threadIdx.y; p < parts; p += blockDim.y) {
        const T distance = means[(INDEX)p * columns + column] - all;
        square += squares[(INDEX)p * columns + column] + distance * distance * min(length, rows - p * length);
    }
    square = sum_of_column(square);
    if (threadIdx.y == 0) {
        mean[column] = all;
        variance[column] = square / rows;
    }
}

// dbeta and dgamma of batch normalisation by parts: the sums of dy and of dy (x - mean) / sqrt(variance + epsilon)
extern "C" __global__ void part_gradients(T* dbetas, T* dgammas, const T* dy, const T* x, const T* mean,
                                          const T* variance, int rows, int columns, int length, T epsilon)
{
    const Part part = part_of(rows, columns, length);
    const T centre = mean[part.column], inverse = 1 / sqrt(variance[part.column] + epsilon);
    T plain = 0, weighted = 0;
    for (int row = part.first + threadIdx.y; row < part.last; row += blockDim.y) {
        const INDEX i = (INDEX)row * columns + part.column;
        plain += dy[i];
        weighted += dy[i] * ((x[i] - centre) * inverse);
    }
    plain = sum_of_column(plain);
    weighted = sum_of_column(weighted);
    if (part.inside && threadIdx.y == 0) {
        dbetas[(INDEX)blockIdx.y * columns + part.column] = plain;
        dgammas[(INDEX)blockIdx.y * columns + part.column] = weighted;
    }
}
