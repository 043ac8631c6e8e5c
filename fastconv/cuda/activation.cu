// The end of a convolution: f(x), by the number of f in gpu_conv.ACTIVATION_NUMBERS. NaN stays NaN.

__device__ __forceinline__ float activated(float x, int activation, float alpha) {
    switch (activation) {
        case 1: return x < 0 ? 0 : x;                       // relu
        case 2: return x < 0 ? alpha * x : x;               // leaky_relu
        case 3: return x < 0 ? alpha * expm1f(x) : x;       // elu
        case 4: return 0.5f * (1 + tanhf(0.5f * x));        // sigmoid
        case 5: return tanhf(x);                            // tanh
        case 6: return x < 0 ? 0 : x > alpha ? alpha : x;   // clipped_relu
        default: return x;
    }
}
