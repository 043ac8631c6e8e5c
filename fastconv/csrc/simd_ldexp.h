/* v_ldexp(a, n) = a 2^n for instruction sets without a word of their own; n is integral, -252 <= n <= 254. */
static inline vec v_power_of_two(ivec n) { return (vec)((n + 127) << 23); }
static inline vec v_ldexp(vec a, vec n) {
    const ivec whole = __builtin_convertvector(n, ivec), half = whole >> 1;
    return a * v_power_of_two(half) * v_power_of_two(whole - half);  /* two steps: 2^n itself may lie outside float32 */
}
