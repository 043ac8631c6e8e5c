// Convolutions with one input channel to a group, which have too few products for a matrix product: a thread computes a
// result, and neighbouring threads read neighbouring channels. Filter c reads channel c / co, as co belong to each.

template <bool BACK>
__global__ void depthwise(const float* __restrict__ source, const float* __restrict__ w,
                          const float* __restrict__ bias, float* __restrict__ result, int biased, int activation,
                          float alpha, CONVOLUTION_PARAMETERS) {
    const Convolution g = CONVOLUTION;
    const Walk s = BACK ? backward_walk(g, blockIdx.y) : forward_walk(g);
    int filters = groups * co, columns = BACK ? groups : filters, channels = BACK ? filters : groups;
    long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    int number = i / columns, c = i % columns;
    if (number >= images * s.z.count * s.y.count * s.x.count) return;

    Pixel p(number, s.z.count, s.y.count, s.x.count);
    int from_z = s.z.first + p.z * s.z.stride, from_y = s.y.first + p.y * s.y.stride;
    int from_x = s.x.first + p.x * s.x.stride;
    float sum = 0;
    for (int z = 0; z < s.z.taps; z++)
        for (int y = 0; y < s.y.taps; y++)
            for (int x = 0; x < s.x.taps; x++) {
                int at_z = from_z + z * s.z.hop, at_y = from_y + y * s.y.hop, at_x = from_x + x * s.x.hop;
                if (!inside(at_z, s.z.size) || !inside(at_y, s.y.size) || !inside(at_x, s.x.size)) continue;
                int pixel = ((p.image * s.z.size + at_z) * s.y.size + at_y) * s.x.size + at_x;
                int tap_z = s.z.tap + z * s.z.tap_step, tap_y = s.y.tap + y * s.y.tap_step;
                int tap = (tap_z * y_taps + tap_y) * x_taps + s.x.tap + x * s.x.tap_step;
                const float *from = source + (long long)pixel * channels, *weights = w + (long long)tap * filters;
                if (BACK)
                    for (int f = c * co; f < (c + 1) * co; f++) sum += from[f] * weights[f];
                else
                    sum += from[c / co] * weights[c];
            }
    result[(long long)place_of(s, number) * columns + c] = activated(sum + (biased ? bias[c] : 0), activation, alpha);
}

// parts[part, tap, filter]: the sum over a part of the output pixels of what the tap sees times dy. 32 filters by 8
// pixels at a time; blockIdx is (filters, tap, part).
extern "C" __global__ void __launch_bounds__(256)
    depthwise_kernel(const float* __restrict__ x, const float* __restrict__ dy, float* __restrict__ parts,
                     int pixels_of_part, CONVOLUTION_PARAMETERS) {
    __shared__ float sums[8][32];
    int filters = groups * co, filter = blockIdx.x * 32 + threadIdx.x;
    int pixels = images * z_outputs * y_outputs * x_outputs;
    int begin = blockIdx.z * pixels_of_part, end = min(pixels, begin + pixels_of_part);
    Pixel tap(blockIdx.y, z_taps, y_taps, x_taps);
    Pixel p(begin + threadIdx.y, z_outputs, y_outputs, x_outputs);
    float sum = 0;
    for (int number = begin + threadIdx.y; number < end && filter < filters; number += 8) {
        int z = p.z * z_stride - z_before + tap.z * z_dilation, y = p.y * y_stride - y_before + tap.y * y_dilation;
        int at = p.x * x_stride - x_before + tap.x * x_dilation;
        if (inside(z, z_inputs) && inside(y, y_inputs) && inside(at, x_inputs)) {
            int pixel = ((p.image * z_inputs + z) * y_inputs + y) * x_inputs + at;
            sum += x[(long long)pixel * groups + filter / co] * dy[(long long)number * filters + filter];
        }
        p.advance(8, z_outputs, y_outputs, x_outputs);
    }
    sums[threadIdx.y][threadIdx.x] = sum;
    __syncthreads();
    if (threadIdx.y || filter >= filters) return;
    for (int i = 1; i < 8; i++) sum += sums[i][threadIdx.x];
    parts[((long long)blockIdx.z * gridDim.y + blockIdx.y) * filters + filter] = sum;
}
