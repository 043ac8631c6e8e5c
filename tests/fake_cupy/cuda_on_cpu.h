// CUDA C as plain C++ for tests: blocks run after each other, the threads of a block are coroutines.
//
// Errors that a GPU may not report are reported: threads that wait at different barriers, shuffles that not all threads of
// a warp reach, more than 48 KiB of shared memory, shared memory read before it is written (it holds NaN), addresses
// outside all arrays.
// cuda.py prepends this file to the kernels of a module, and defines COOPERATES if they synchronise.

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <type_traits>
#include <ucontext.h>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __constant__ static const
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __CUDA_ARCH__ 700

struct dim3 { unsigned x, y, z; };

#define VECTOR(T, scalar)                                                                              \
    struct alignas(2 * sizeof(scalar)) T##2 { scalar x, y; };                                          \
    struct alignas(4 * sizeof(scalar) > 16 ? 16 : 4 * sizeof(scalar)) T##4 { scalar x, y, z, w; };      \
    inline T##2 make_##T##2(scalar x, scalar y) { return {x, y}; }                                     \
    inline T##4 make_##T##4(scalar x, scalar y, scalar z, scalar w) { return {x, y, z, w}; }
VECTOR(float, float)
VECTOR(double, double)
VECTOR(int, int)
VECTOR(uint, unsigned)

namespace shim {

constexpr int MOST_THREADS = 1024, WARP = 32, STACK = 64 << 10, MOST_SHARED = 48 << 10;

enum Wait { RUNNING, AT_BARRIER, AT_WARP, DONE };

struct Thread {
    dim3 index;
    Wait wait;
    int site;         // the line of the barrier at which it waits
    bool begun;
    int parity;
    uint64_t slot[2];  // its values for shuffles, used in turns
    jmp_buf at;
};

struct Slot { long block; size_t offset; };  // offset of a shared array in the block that placed it last

inline Thread threads[MOST_THREADS];
inline int turns[MOST_THREADS];   // the order in which threads run between two barriers
inline int current, count;
inline dim3 block_index, block_dim, grid_dim;
inline jmp_buf scheduler;
inline sigjmp_buf failed;
inline char error[256];
inline char* stacks;
alignas(16) inline char arena[MOST_SHARED];
inline size_t used, dynamic;
inline long block_number;
inline void (*body)(void**);
inline void** arguments;

[[noreturn]] inline void fail(const char* message, int line = 0) {
    snprintf(error, sizeof error, line ? "%s (line %d)" : "%s", message, line);
    siglongjmp(failed, 1);
}

[[noreturn]] inline void on_fault(int) { fail("a kernel reached outside all arrays"); }

inline void* place(Slot& slot, size_t size) {
    if (slot.block != block_number) {
        slot = {block_number, used};
        used += (size + 15) / 16 * 16;
        if (used > MOST_SHARED) fail("a block has at most 48 KiB of shared memory");
    }
    return arena + slot.offset;
}

__attribute__((noinline)) inline void wait_at(Wait wait, int site) {
    Thread& self = threads[current];
    self.wait = wait, self.site = site;
    if (_setjmp(self.at) == 0) _longjmp(scheduler, 1);
}

inline void run_thread_forever() {  // a coroutine serves its thread of every block
    for (;;) {
        body(arguments);
        wait_at(DONE, 0);
    }
}

__attribute__((noinline)) inline void resume(int t) {
    current = t;
    Thread& self = threads[t];
    self.wait = RUNNING;
    if (_setjmp(scheduler)) return;
    if (self.begun) _longjmp(self.at, 1);
    self.begun = true;
    static ucontext_t context;
    getcontext(&context);
    context.uc_stack.ss_sp = stacks + (size_t)t * STACK;
    context.uc_stack.ss_size = STACK;
    context.uc_link = nullptr;
    makecontext(&context, run_thread_forever, 0);
    setcontext(&context);
}

// Returns whether threads [first, last) all wait at the same place, and may continue.
inline bool together(int first, int last, Wait wait) {
    for (int t = first; t < last; t++)
        if (threads[t].wait != wait || threads[t].site != threads[first].site) return false;
    return true;
}

inline void release(int first, int last) {
    for (int t = first; t < last; t++) threads[t].wait = RUNNING;
}

inline void run_cooperating() {
    release(0, count);
    while (!together(0, count, DONE)) {
        for (int i = 0; i < count; i++)
            if (threads[turns[i]].wait == RUNNING) resume(turns[i]);
        bool released = together(0, count, AT_BARRIER);
        if (released) release(0, count);
        for (int first = 0; first < count; first += WARP) {
            int last = first + WARP < count ? first + WARP : count;
            if (together(first, last, AT_WARP)) release(first, last), released = true;
        }
        if (released || together(0, count, DONE)) continue;
        int site = 0;
        for (int t = 0; t < count; t++) site = threads[t].site ? threads[t].site : site;
        fail("not all threads of a block or warp reach the same barrier or shuffle", site);
    }
}

inline void run_block() {
    block_number++;
    used = (dynamic + 15) / 16 * 16;
    memset(arena, 0xff, sizeof arena);
#ifdef COOPERATES
    run_cooperating();
#else
    for (int i = 0; i < count; i++) current = turns[i], body(arguments);
#endif
}

inline void begin(dim3 grid, dim3 block, size_t shared, const int* order) {
    grid_dim = grid, block_dim = block, dynamic = shared;
    count = block.x * block.y * block.z;
    if (!stacks)
        stacks = (char*)mmap(nullptr, (size_t)STACK * MOST_THREADS, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned t = 0; t < (unsigned)count; t++) {
        threads[t] = {};
        threads[t].index = {t % block.x, t / block.x % block.y, t / (block.x * block.y)};
        turns[t] = order[t];
    }
}

// Runs the listed blocks after each other. Returns an error message, or null.
inline const char* launch(dim3 grid, dim3 block, size_t shared, const int* thread_order, const int* block_order,
                          void (*kernel)(void**), void** args) {
    struct sigaction before[2], handler = {};
    handler.sa_handler = on_fault;
    handler.sa_flags = SA_NODEFER;
    const char* result = nullptr;
    sigaction(SIGSEGV, &handler, &before[0]);
    sigaction(SIGBUS, &handler, &before[1]);
    if (sigsetjmp(failed, 1)) {
        result = error;
    } else {
        begin(grid, block, shared, thread_order);
        body = kernel, arguments = args;
        for (size_t i = 0; i < (size_t)grid.x * grid.y * grid.z; i++) {
            unsigned b = block_order[i];
            block_index = {b % grid.x, b / grid.x % grid.y, b / (grid.x * grid.y)};
            run_block();
        }
    }
    sigaction(SIGSEGV, &before[0], nullptr);
    sigaction(SIGBUS, &before[1], nullptr);
    return result;
}

template <class... P, size_t... I> void call(void (*kernel)(P...), void** args, std::index_sequence<I...>) {
    kernel(*static_cast<std::remove_cv_t<P>*>(args[I])...);
}

template <class... P> void call(void (*kernel)(P...), void** args) {
    call(kernel, args, std::index_sequence_for<P...>{});
}

// A letter and a size for each parameter: P pointer, f float, b bool, i integer, s other types.
template <class P> const char* kind() {
    return std::is_pointer_v<P>          ? "P"
           : std::is_same_v<P, bool>     ? "b"
           : std::is_floating_point_v<P> ? "f"
           : std::is_integral_v<P>       ? "i"
                                         : "s";
}

template <class... P> const char* signature(void (*)(P...)) {
    static char text[1024];
    size_t end = 0;
    text[0] = 0;
    ((end += snprintf(text + end, sizeof text - end, "%s%zu ", kind<P>(), sizeof(P))), ...);
    return text;
}

template <class T> T exchange(T value, int lane, int site) {
    static_assert(sizeof(T) <= 8);
    Thread& self = threads[current];
    int parity = self.parity ^= 1, first = current / WARP * WARP, mine = current - first;
    memcpy(&self.slot[parity], &value, sizeof(T));
    wait_at(AT_WARP, site);
    int other = first + (lane < 0 || lane >= WARP ? mine : lane);
    memcpy(&value, &threads[other < count ? other : current].slot[parity], sizeof(T));
    return value;
}

inline int lane() { return current % WARP; }

}  // namespace shim

#define threadIdx (shim::threads[shim::current].index)
#define blockIdx shim::block_index
#define blockDim shim::block_dim
#define gridDim shim::grid_dim
#define warpSize 32

#ifdef COOPERATES
#define __syncthreads() shim::wait_at(shim::AT_BARRIER, __LINE__)
#define __syncwarp(...) shim::wait_at(shim::AT_WARP, __LINE__)
#define __shfl_sync(mask, v, from) shim::exchange(v, from, __LINE__)
#define __shfl_down_sync(mask, v, by) shim::exchange(v, shim::lane() + (by), __LINE__)
#define __shfl_up_sync(mask, v, by) shim::exchange(v, shim::lane() - (by), __LINE__)
#define __shfl_xor_sync(mask, v, by) shim::exchange(v, shim::lane() ^ (by), __LINE__)
#endif

template <class T> T __ldg(const T* p) { return *p; }
inline int min(int a, int b) { return a < b ? a : b; }
inline int max(int a, int b) { return a > b ? a : b; }
inline unsigned min(unsigned a, unsigned b) { return a < b ? a : b; }
inline unsigned max(unsigned a, unsigned b) { return a > b ? a : b; }
inline long long min(long long a, long long b) { return a < b ? a : b; }
inline long long max(long long a, long long b) { return a > b ? a : b; }
inline float min(float a, float b) { return fminf(a, b); }
inline float max(float a, float b) { return fmaxf(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline int __float_as_int(float x) { int i; memcpy(&i, &x, 4); return i; }
inline float __int_as_float(int i) { float x; memcpy(&x, &i, 4); return x; }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned long long)a * b >> 32; }
