// y[i] = parts[0, i] + parts[1, i] + .., added in this order.

extern "C" __global__ void add_parts(const float* __restrict__ parts, float* __restrict__ y, int count, int size) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= size) return;
    float sum = 0;
    for (int part = 0; part < count; part++) sum += parts[(long long)part * size + i];
    y[i] = sum;
}
