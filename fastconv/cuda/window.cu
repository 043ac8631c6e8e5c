// How windows move over images of three spatial axes, z, y and x; lines and images have axes of one place and one tap.
//
// Which numbers a result is the sum of is the same story for a convolution and for its transpose: along an axis, the
// result at place q sums over taps j what the source holds at first + q stride + j hop. For the transpose, whose results
// are input pixels, that holds for pixels phase, phase + stride, ..: they meet every tap_step-th tap, and no other.

// An axis of the record `Convolution` of geometry.py, in its order: `taps` of its size, `before` of its padding.
struct Axis {
    int inputs, outputs, taps, stride, before, dilation;
};

struct Convolution {
    int images, groups, ci, co;  // channels of one group
    Axis z, y, x;
};

#define AXIS_PARAMETERS(a) int a##_inputs, int a##_outputs, int a##_taps, int a##_stride, int a##_before, int a##_dilation
#define AXIS(a) {a##_inputs, a##_outputs, a##_taps, a##_stride, a##_before, a##_dilation}
#define CONVOLUTION_PARAMETERS \
    int images, int groups, int ci, int co, AXIS_PARAMETERS(z), AXIS_PARAMETERS(y), AXIS_PARAMETERS(x)
#define CONVOLUTION {images, groups, ci, co, AXIS(z), AXIS(y), AXIS(x)}

struct Steps {
    int count, first, stride, hop;  // results, and where they read
    int taps, tap, tap_step;        // how many taps, and which
    int size;                       // of the source
    int place, place_step, places;  // where results lie, on an axis of so many places
};

__device__ __forceinline__ Steps forward_steps(const Axis& a) {
    return {a.outputs, -a.before, a.stride, a.dilation, a.taps, 0, 1, a.inputs, 0, 1, a.outputs};
}

__device__ __forceinline__ int greatest_common_divisor(int a, int b) {
    while (b) {
        int rest = a % b;
        a = b, b = rest;
    }
    return a;
}

__device__ __forceinline__ Steps backward_steps(const Axis& a, int phase) {
    int common = greatest_common_divisor(a.stride, a.dilation), step = a.stride / common, tap = 0;
    int candidates = step < a.taps ? step : a.taps;
    while (tap < candidates && (phase + a.before - tap * a.dilation) % a.stride) tap++;
    int taps = tap < candidates ? (a.taps - 1 - tap) / step + 1 : 0;
    int count = (a.inputs - 1 - phase) / a.stride + 1;
    int first = (phase + a.before - tap * a.dilation) / a.stride;
    return {count, first, 1, -(a.dilation / common), taps, tap, step, a.outputs, phase, a.stride, a.inputs};
}

// Phases with pixels: if the stride exceeds the size, each pixel of the axis is a phase of its own.
__device__ __forceinline__ int phases(const Axis& a) { return a.stride < a.inputs ? a.stride : a.inputs; }

// The steps along three axes of all results, or of the pixels of one phase.
struct Walk {
    Steps z, y, x;
};

__device__ __forceinline__ Walk forward_walk(const Convolution& c) {
    return {forward_steps(c.z), forward_steps(c.y), forward_steps(c.x)};
}

__device__ __forceinline__ Walk backward_walk(const Convolution& c, int phase) {
    int rest = phase / phases(c.x);
    return {backward_steps(c.z, rest / phases(c.y)), backward_steps(c.y, rest % phases(c.y)),
            backward_steps(c.x, phase % phases(c.x))};
}

__device__ __forceinline__ bool inside(int i, int n) { return (unsigned)i < (unsigned)n; }

// A result's number among those of its walk, taken apart.
struct Pixel {
    int z, y, x, image;

    __device__ __forceinline__ Pixel(int number, int depth, int height, int width) {
        x = number % width, number /= width;
        y = number % height, number /= height;
        z = number % depth, image = number / depth;
    }

    __device__ __forceinline__ void advance(int by, int depth, int height, int width) {
        for (x += by; x >= width; x -= width) {
            if (++y < height) continue;
            y = 0;
            if (++z < depth) continue;
            z = 0, image++;
        }
    }
};

// Where the result lies that is number `number` of the walk, in pixels.
__device__ __forceinline__ int place_of(const Walk& s, int number) {
    Pixel p(number, s.z.count, s.y.count, s.x.count);
    int z = s.z.place + p.z * s.z.place_step, y = s.y.place + p.y * s.y.place_step;
    return ((p.image * s.z.places + z) * s.y.places + y) * s.x.places + s.x.place + p.x * s.x.place_step;
}
