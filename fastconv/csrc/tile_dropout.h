/* Dropout by a counter: element i keeps its value where the 24 bits drawn for it are at least `threshold`. The draw is
 * splitmix64 (Steele, Lea and Flood 2014) of the element's index alone, so that the gradient meets the same mask. */
enum { DRAWS = 256 };

static inline uint32_t draw(uint64_t seed, uint64_t i) {
    uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ (z >> 31)) >> 40);
}

/* y = x scale or 0; x[0] has index `first`. Two loops over a block of draws: each then has lanes of one width. */
static void f32_dropout(
    float *y, const float *x, int64_t n, uint64_t seed, uint64_t first, uint32_t threshold, float scale) {
    uint32_t draws[DRAWS];
    for (int64_t start = 0; start < n; start += DRAWS) {
        const int64_t count = n - start < DRAWS ? n - start : DRAWS;
        for (int64_t i = 0; i < DRAWS; i++) draws[i] = draw(seed, first + start + i);
        for (int64_t i = 0; i < count; i++) y[start + i] = draws[i] >= threshold ? x[start + i] * scale : 0;
    }
}
