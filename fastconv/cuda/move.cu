// Elements moved: padding and its gradient, the gradient of `take`. T is any type of elements, INDEX that of offsets.

typedef ELEMENT T;

#define THREAD(i, n)                                                  \
    const INDEX i = (INDEX)blockIdx.x * blockDim.x + threadIdx.x;     \
    if (i >= n) return

enum Mode { CONSTANT, EDGE, REFLECT, SYMMETRIC };

// Which of n elements stands at place i, which may lie outside of them; -1 for the constant.
__device__ int source(int i, int n, int mode)
{
    if (0 <= i && i < n) return i;
    if (mode == CONSTANT) return -1;
    if (mode == EDGE || n == 1) return i < 0 ? 0 : n - 1;
    const int twice = mode == SYMMETRIC, period = 2 * (n - 1 + twice);  // the outermost element is repeated, or not
    const int place = (i % period + period) % period;
    return place < n ? place : period - twice - place;
}

// y (.., d + .., h + .., w + .., inner) = x (.., d, h, w, inner) with borders; front, top and left come before.
extern "C" __global__ void pad(T* y, const T* x, INDEX size, int mode, T value, int d, int h, int w, int inner, int depth,
                               int height, int width, int front, int top, int left)
{
    THREAD(i, size);
    const INDEX pixel = i / inner;
    const int column = source(pixel % width - left, w, mode), row = source(pixel / width % height - top, h, mode);
    const int slice = source(pixel / width / height % depth - front, d, mode);
    const INDEX image = pixel / width / height / depth;
    y[i] = column < 0 || row < 0 || slice < 0 ? value : x[(((image * d + slice) * h + row) * w + column) * inner + i % inner];
}

// dx (.., n, inner) of y (.., before + n + after, inner) = x with borders: first its own dy, then those of its copies
extern "C" __global__ void pad_backward(T* dx, const T* dy, INDEX size, int mode, int n, int inner, int before, int after)
{
    THREAD(i, size);
    const int place = i / inner % n;
    dy += i / inner / n * (before + n + after) * inner + i % inner;
    T sum = dy[(INDEX)(before + place) * inner];
    for (int j = 0; j < before; j++)
        if (source(j - before, n, mode) == place) sum += dy[(INDEX)j * inner];
    for (int j = before + n; j < before + n + after; j++)
        if (source(j - before, n, mode) == place) sum += dy[(INDEX)j * inner];
    dx[i] = sum;
}

// dx (.., n, inner): the sum, in their order, of what of dy (.., count, inner) was taken here
extern "C" __global__ void take_backward(T* dx, const T* dy, const long long* indices, INDEX size, int n, int count,
                                         int inner)
{
    THREAD(i, size);
    const int place = i / inner % n;
    dy += i / inner / n * count * inner + i % inner;
    T sum = 0;
    for (int j = 0; j < count; j++)
        if (indices[j] == place || indices[j] + n == place) sum += dy[(INDEX)j * inner];
    dx[i] = sum;
}

// dx (.., n, inner) of y (.., count, inner): the sum, in their order, of dy along the line whose index is the place
extern "C" __global__ void take_along_axis_backward(T* dx, const T* dy, const long long* indices, INDEX size, int n,
                                                    int count, int inner)
{
    THREAD(i, size);
    const int place = i / inner % n;
    const INDEX line = i / inner / n * count * inner + i % inner;
    T sum = 0;
    for (int j = 0; j < count; j++) {
        const long long index = indices[line + (INDEX)j * inner];
        if (index == place || index + n == place) sum += dy[line + (INDEX)j * inner];
    }
    dx[i] = sum;
}
