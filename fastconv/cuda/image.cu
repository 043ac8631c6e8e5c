// Images x (N, H, W, C) moved about, one thread an element of y. T is float or double, INDEX the type of offsets.

typedef ELEMENT T;

#define THREAD(i, n)                                                  \
    const INDEX i = (INDEX)blockIdx.x * blockDim.x + threadIdx.x;     \
    if (i >= n) return

enum Fill { CONSTANT, GRID_CONSTANT, NEAREST, REFLECT, MIRROR, GRID_WRAP, WRAP };

// The pixels of an axis that a coordinate is made of, -1 where the constant stands, and their weights.
struct Taps { int count; int pixels[2]; double weights[2]; };

// The pixel that stands at place i of an axis of n; -1 where the constant does.
__device__ int pixel_at(long long i, int n, int fill)
{
    if (fill == CONSTANT || fill == GRID_CONSTANT) return 0 <= i && i < n ? i : -1;
    if (fill == NEAREST || n == 1) return i < 0 ? 0 : i < n ? i : n - 1;
    const int once = fill == REFLECT;  // whether the outermost pixel is repeated
    const int period = fill == WRAP || fill == GRID_WRAP ? n : 2 * n - 2 + 2 * once;
    const int place = (i % period + period) % period;
    return place < n ? place : 2 * n - 2 + once - place;
}

// As `axis_taps` of reference.py: coordinate c of an axis of n.
__device__ Taps taps_of(double c, int n, bool nearest, int fill)
{
    if (fill == WRAP && n > 1) {
        if (c < 0) c += (n - 1) * (floor(-c / (n - 1)) + 1);
        if (c > n - 1) c = fmod(c, (double)(n - 1));
    }
    if (fill == CONSTANT && !(c >= 0 && c <= n - 1)) c = -2;
    c = c < -1e9 ? -1e9 : c > 1e9 ? 1e9 : c;
    if (nearest) return {1, {pixel_at((long long)copysign(floor(fabs(c) + 0.5), c), n, fill), 0}, {1, 0}};
    const long long first = (long long)floor(c);
    return {2, {pixel_at(first, n, fill), pixel_at(first + 1, n, fill)}, {1 - (c - first), c - first}};
}

// y[n, h, w] = x[n] at row t3 w + t4 h + t5 and column t0 w + t1 h + t2, where t = transform[n] (8 numbers)
extern "C" __global__ void affine_transform(T* y, const T* x, const double* transform, INDEX size, int h, int w, int c,
                                            int nearest, int fill, T value)
{
    THREAD(i, size);
    const int channel = i % c, column = i / c % w, row = i / c / w % h;
    const INDEX image = i / c / w / h;
    const double* t = transform + image * 8;
    const Taps rows = taps_of(t[5] + row * t[4] + column * t[3], h, nearest, fill);
    const Taps columns = taps_of(t[2] + row * t[1] + column * t[0], w, nearest, fill);
    T sum = 0;
    for (int a = 0; a < rows.count; a++)
        for (int b = 0; b < columns.count; b++) {
            const int p = rows.pixels[a], q = columns.pixels[b];
            const T pixel = p < 0 || q < 0 ? value : x[((image * h + p) * w + q) * c + channel];
            const T share = (T)(rows.weights[a] * columns.weights[b]);
            if (share != 0) sum += pixel * share;  // pixels may be infinite, or no numbers
        }
    y[i] = sum;
}

// y[m, o] = the sum over t of w[o, t] x[m, first[o] + t]; taps of weight 0 are not looked at
extern "C" __global__ void resample(T* y, const T* x, const T* w, const long long* first, INDEX size, int inputs, int outputs,
                                    int c, int taps)
{
    THREAD(i, size);
    const INDEX m = i / c / outputs;
    const int o = i / c % outputs;
    const T* from = x + (m * inputs + first[o]) * c + i % c;
    T sum = 0;
    for (int t = 0; t < taps; t++)
        if (w[(INDEX)o * taps + t] != 0) sum += w[(INDEX)o * taps + t] * from[(INDEX)t * c];
    y[i] = sum;
}

// y[n] = x[n], in reverse order along the rows, the columns or both where flips[n]
extern "C" __global__ void flip_some(T* y, const T* x, const bool* flips, INDEX size, int h, int w, int c, int down, int across)
{
    THREAD(i, size);
    const int column = i / c % w, row = i / c / w % h;
    const INDEX image = i / c / w / h;
    const bool flip = flips[image];
    const int p = flip && down ? h - 1 - row : row, q = flip && across ? w - 1 - column : column;
    y[i] = x[((image * h + p) * w + q) * c + i % c];
}

// y (N, height, width, C) = x[:, row : row + height, column : column + width], where starts = (row, column)
extern "C" __global__ void crop_at(T* y, const T* x, const long long* starts, INDEX size, int h, int w, int c, int height,
                                   int width)
{
    THREAD(i, size);
    const INDEX pixel = i / c, image = pixel / width / height;
    const INDEX row = starts[0] + pixel / width % height, column = starts[1] + pixel % width;
    y[i] = x[((image * h + row) * w + column) * c + i % c];
}
