// Pooling of images x (N, H, W, C) to y (N, OH, OW, C), one thread an element of the result. A window of KH x KW taps,
// SH and SW apart from the next, its taps DH and DW apart, begins `top` above and `left` of the image.
// T is float or double, INDEX the type of offsets.

typedef ELEMENT T;

#define WINDOW int h, int w, int c, int oh, int ow, int kh, int kw, int sh, int sw, int dh, int dw, int top, int left
#define THREAD(i, n)                                                  \
    const INDEX i = (INDEX)blockIdx.x * blockDim.x + threadIdx.x;     \
    if (i >= n) return

// The largest (sign > 0) or smallest (sign < 0) of each window, and the number of the first tap that is it, unless
// `argmax` is null. Padding never wins, NaN always does; a window in the padding alone has -1.
extern "C" __global__ void extreme_pool(T* y, int* argmax, const T* x, INDEX size, int sign, WINDOW)
{
    THREAD(i, size);
    const int channel = i % c, column = i / c % ow * sw - left, row = i / c / ow % oh * sh - top;
    const T* image = x + i / c / ow / oh * h * w * c + channel;
    T best = sign > 0 ? -1 / (T)0 : 1 / (T)0;
    int winner = -1;
    for (int a = 0; a < kh; a++)
        for (int b = 0; b < kw; b++) {
            const int p = row + a * dh, q = column + b * dw;
            if (p < 0 || p >= h || q < 0 || q >= w || best != best) continue;
            const T tap = image[((INDEX)p * w + q) * c];
            if (winner < 0 || tap != tap || (sign > 0 ? tap > best : tap < best)) best = tap, winner = a * kw + b;
        }
    y[i] = best;
    if (argmax) argmax[i] = winner;
}

// Whether output o of a line, and which, meets input p by tap a.
__device__ bool meets(int p, int a, int stride, int dilation, int before, int outputs, int& o)
{
    const int distance = p + before - a * dilation;
    o = distance / stride;
    return distance >= 0 && distance % stride == 0 && o < outputs;
}

// dx: the sum, tap by tap, of the dy of windows that this element has won
extern "C" __global__ void extreme_pool_backward(T* dx, const T* dy, const int* argmax, INDEX size, WINDOW)
{
    THREAD(i, size);
    const int channel = i % c, column = i / c % w, row = i / c / w % h;
    const INDEX image = i / c / w / h * oh * ow;
    T sum = 0;
    int p, q;
    for (int a = 0; a < kh; a++)
        for (int b = 0; b < kw; b++)
            if (meets(row, a, sh, dh, top, oh, p) && meets(column, b, sw, dw, left, ow, q)) {
                const INDEX from = (image + (INDEX)p * ow + q) * c + channel;
                if (argmax[from] == a * kw + b) sum += dy[from];
            }
    dx[i] = sum;
}

// How many of n places, from `first` on, lie in a line of `length`
__device__ int within(int first, int n, int length)
{
    return min(first + n, length) - max(first, 0);
}

// What a window's sum is divided by.
__device__ T count_of(int row, int column, int h, int w, int kh, int kw, int all)
{
    return all ? (T)kh * kw : max((T)max(within(row, kh, h), 0) * max(within(column, kw, w), 0), (T)1);
}

// The mean of each window: over its size where `all` are counted, or over the part of it that lies in the image
extern "C" __global__ void average_pool(T* y, const T* x, INDEX size, int all, WINDOW)
{
    THREAD(i, size);
    const int channel = i % c, column = i / c % ow * sw - left, row = i / c / ow % oh * sh - top;
    const T* image = x + i / c / ow / oh * h * w * c + channel;
    T sum = 0, lost = 0; // Kahan 1965, since a float of 2^24 stays as it is if 1 is added
    for (int p = max(row, 0); p < min(row + kh, h); p++)
        for (int q = max(column, 0); q < min(column + kw, w); q++) {
            const T tap = image[((INDEX)p * w + q) * c] - lost, more = sum + tap;
            lost = isfinite(more) ? more - sum - tap : 0;
            sum = more;
        }
    y[i] = sum / count_of(row, column, h, w, kh, kw, all);
}

// dx: the sum, tap by tap, of dy over the counts of their windows
extern "C" __global__ void average_pool_backward(T* dx, const T* dy, INDEX size, int all, WINDOW)
{
    THREAD(i, size);
    const int channel = i % c, column = i / c % w, row = i / c / w % h;
    const INDEX image = i / c / w / h * oh * ow;
    T sum = 0;
    int p, q;
    for (int a = 0; a < kh; a++)
        for (int b = 0; b < kw; b++)
            if (meets(row, a, sh, 1, top, oh, p) && meets(column, b, sw, 1, left, ow, q))
                sum += dy[(image + (INDEX)p * ow + q) * c + channel]
                       / count_of(p * sh - top, q * sw - left, h, w, kh, kw, all);
    dx[i] = sum;
}
