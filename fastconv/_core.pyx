# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""The compiled core: the tiles in use, the number of threads, and scratch memory.

C computes a register tile. This file owns threads and scratch memory. Its siblings cut the work into tiles.
"""
import os

from libc.stdint cimport int64_t
from libc.stdlib cimport free

cdef extern from "recording.h" nogil:
    enum:
        MOST_PHASES
    ctypedef struct recorded_call:
        task_phase phases[MOST_PHASES]
        int count
        int threads
        int packs
        void *work
        char *scratch
        int64_t scratch_bytes
    ctypedef struct recording:
        recorded_call *calls
        int64_t count
        char *scratch
        size_t borrowed
        char *kept
        size_t kept_bytes
        size_t most_kept
        int packing
        int failed
    recording *recorder
    void record_call(
        const task_phase *phases, int count, const void *work, size_t work_bytes, int threads, char *scratch,
        int64_t scratch_bytes)
    void *recording_memory(size_t bytes)
    int recording_keeps(size_t bytes)
    void *recording_keep(size_t bytes)
    void forget_calls(recording *r)
    void *recording_borrow(size_t bytes)

cdef extern from "scratch.h" nogil:
    void *scratch_borrow(size_t bytes)
    int64_t scratch_product(int64_t a, int64_t b)
    void scratch_give_back(void *memory)
    void scratch_free()
    size_t scratch_measure()

cdef extern from "backoff.h" nogil:
    int threads_to_use(int threads)
    int64_t nanoseconds()

cdef extern from "tasks.h" nogil:
    void run_phases_on_threads(
        const task_phase *phases, int count, const void *work, int threads, char *scratch, int64_t scratch_bytes)
    void run_phases_alone(const task_phase *phases, int count, const void *work, char *scratch)

cdef extern from "observed.h" nogil:
    ctypedef struct observed_phase:
        int64_t phase, tasks, threads
        double seconds
    ctypedef struct observation:
        int threads, count
        observed_phase *phases
    observation *observing
    void observe_phase(int64_t phase, int64_t tasks, int64_t threads, double seconds)
cdef extern from *:
    """
    #ifdef _OPENMP
    #include <omp.h>
    enum { FASTCONV_OPENMP = 1 };
    #else
    enum { FASTCONV_OPENMP = 0 };
    static int omp_get_max_threads(void) { return 1; }
    #endif
    """
    int FASTCONV_OPENMP
    int omp_get_max_threads() nogil


# ---- settings --------------------------------------------------------------------------------------------------------

cdef int64_t _changes = 0


def settings_have_changed() -> None:
    """Note that a setting has changed on which kernels depend, other than the number of threads."""
    global _changes
    _changes += 1


def settings_number() -> int:
    """Return an integer that differs if a setting has changed on which kernels depend."""
    return _changes << 16 | _threads()


# ---- tiles -----------------------------------------------------------------------------------------------------------

cdef const kernel_table *_tiles = NULL


cdef const kernel_table *tiles() noexcept nogil:
    return _tiles


def usable_isas() -> list:
    """Return the names of the instruction sets that this build holds and this processor can run, the best last."""
    cdef int i = 0
    names = []
    while fastconv_usable_kernels(i) != NULL:
        names.append(fastconv_usable_kernels(i).name.decode())
        i += 1
    return names


def set_isa(name: str | None) -> None:
    """Use the tiles called `name` from now on; if it is None, use the best tiles that this processor can run."""
    global _tiles
    cdef const char *wanted = NULL
    if name is not None:
        encoded = name.encode()
        wanted = encoded
    cdef const kernel_table *found = fastconv_find_kernels(wanted)
    if found == NULL:
        raise ValueError(f"FASTCONV_ISA must be one of {usable_isas()} on this processor. Received: {name!r}")
    if found != _tiles:
        settings_have_changed()
    _tiles = found


def get_isa() -> str:
    """Return the name of the instruction set whose tiles are in use."""
    return _tiles.name.decode()


def vector_floats() -> int:
    """Return the number of lanes of a float32 vector of the instruction set in use."""
    return _tiles.vector_floats


set_isa(os.environ.get("FASTCONV_ISA") or None)


# ---- arguments -------------------------------------------------------------------------------------------------------

def is_plain(value) -> bool:
    """Return True if `value` is an int, a str, None or a tuple of plain values.

    If plain values are equal, they mean the same, unlike 1, 1.0 and True.
    """
    return _is_plain(value)


cdef bint _is_plain(object value):
    if type(value) is int or type(value) is str or value is None:
        return True
    if type(value) is not tuple:
        return False
    for part in <tuple> value:
        if not _is_plain(part):
            return False
    return True


# ---- threads ---------------------------------------------------------------------------------------------------------

# Below this number of multiply-adds (or work that takes as long) a second thread costs more than it saves: the parallel
# region itself takes about 5 us.
cdef double WORK_PER_THREAD = 400_000.0

cdef int _chosen_threads = 0      # by set_num_threads or FASTCONV_NUM_THREADS; 0: not chosen
cdef int _default_threads = 1     # of the machine
cdef bint _forked = False         # libgomp does not survive a fork: its next parallel region would hang


def has_openmp() -> bool:
    """Return True if this build can run threads."""
    return FASTCONV_OPENMP == 1


def set_default_threads(int n) -> None:
    global _default_threads
    _default_threads = n


def set_num_threads(int n) -> None:
    global _chosen_threads
    _chosen_threads = n


cdef int _threads() noexcept nogil:
    if observing != NULL and observing.threads > 0:
        return observing.threads
    if _forked or not FASTCONV_OPENMP:
        return 1
    if _chosen_threads > 0:
        return _chosen_threads
    return min(_default_threads, omp_get_max_threads())


def get_num_threads() -> int:
    return _threads()


cdef int threads_for(double work) noexcept nogil:
    """Return the number of threads that are worth starting for `work` multiply-adds."""
    cdef double worth = work / WORK_PER_THREAD
    cdef int threads = _threads()
    if worth < threads:
        threads = <int> worth
    return 1 if threads < 1 else threads


def threads_worth(double work) -> int:
    """Return the number of threads that a kernel of `work` multiply-adds would run on now."""
    return threads_for(work)


def run_serially() -> None:
    """Compute on a single thread from now on; called in a forked child."""
    global _forked
    _forked = True


os.register_at_fork(after_in_child=run_serially)


cdef void run_phases(
    const task_phase *phases, int count, const void *work, size_t work_bytes, int threads, char *scratch,
    int64_t scratch_bytes
) noexcept nogil:
    """Run the phases of `work`, one after the other, on threads that have `scratch_bytes` of their own.

    `work` is a struct of `work_bytes` that may be copied: it points to arrays, to scratch memory and to tables, never
    into the stack of its caller.
    """
    if recorder != NULL:
        record_call(phases, count, work, work_bytes, threads, scratch, scratch_bytes)
    else:
        run_now(phases, count, work, threads, scratch, scratch_bytes)


cdef void run_now(
    const task_phase *phases, int count, const void *work, int threads, char *scratch, int64_t scratch_bytes
) noexcept nogil:
    """Run phases, and note them if `observe_tasks` asks for it."""
    if observing == NULL:
        run_region(phases, count, work, threads, scratch, scratch_bytes)
    else:
        run_observed(phases, count, work, threads, scratch, scratch_bytes)


cdef void run_region(
    const task_phase *phases, int count, const void *work, int threads, char *scratch, int64_t scratch_bytes
) noexcept nogil:
    cdef int64_t most = 0
    cdef int p
    for p in range(count):
        most = max(most, phases[p].tasks)
    threads = threads_to_use(<int> min(<int64_t> threads, most))
    if threads > 1:
        run_phases_on_threads(phases, count, work, threads, scratch, scratch_bytes)
    else:
        run_phases_alone(phases, count, work, scratch)


cdef void pack_and_run(
    const task_phase *phases, int count, const void *work, size_t work_bytes, int threads, char *scratch,
    int64_t scratch_bytes
) noexcept nogil:
    """Run phases of which the first packs weights into scratch memory, and reads nothing else.

    A plan runs it only if the weights have changed.
    """
    if recorder != NULL:
        recorder.packing = True
    run_phases(phases, count, work, work_bytes, threads, scratch, scratch_bytes)


cdef bint keeps_weights(size_t bytes) noexcept nogil:
    """Return True if weights packed into `bytes` will be used again, since they are constant in a plan."""
    return recording_keeps(bytes)


cdef void run_tasks(
    task_function run, const void *work, size_t work_bytes, int64_t tasks, int threads, char *scratch,
    int64_t scratch_bytes
) noexcept nogil:
    """Run the tasks 0 .. tasks - 1 of `work`, as `run_phases` does."""
    cdef task_phase phase = task_phase(run, tasks)
    run_phases(&phase, 1, work, work_bytes, threads, scratch, scratch_bytes)


cdef void run_observed(
    const task_phase *phases, int count, const void *work, int threads, char *scratch, int64_t scratch_bytes
) noexcept nogil:
    """Note the phases for `observe_tasks`, and run each of them in a region of its own, or none."""
    cdef int64_t started
    cdef int p
    for p in range(count):
        started = nanoseconds()
        if observing.threads == 0:
            run_region(&phases[p], 1, work, threads, scratch, scratch_bytes)
        observe_phase(p, phases[p].tasks, threads, 1e-9 * (nanoseconds() - started))


cdef inline bint counts_only() noexcept nogil:
    """Return True if tasks are only counted."""
    return observing != NULL and observing.threads > 0


def observe_tasks(run, int threads=0) -> list:
    """Call `run`, and return the phases of the parallel regions that this Python thread began meanwhile.

    Args:
        run: function without arguments that calls kernels.
        threads: int, a number of threads to assume. Kernels then cut their work for it, and compute none of it, so that
            their results are undefined. 0: the kernels compute, on the threads in use.

    Returns:
        List of (phase, tasks, threads, seconds): the number of the phase in its region, the number of its tasks, the
        threads that its work is worth, and the time that it took.
    """
    global observing
    cdef observation seen
    cdef observation *outer = observing
    cdef int i
    seen.threads, seen.count = threads, 0
    observing = &seen
    try:
        run()
    finally:
        observing = outer
    phases = [seen.phases[i] for i in range(seen.count)]
    return [(phase["phase"], phase["tasks"], phase["threads"], phase["seconds"]) for phase in phases]


cdef class Recording:
    """Kernels and their arrays, to run again and again in one call without Python.

    A kernel is called once, which records the tasks that it would run, and its copy of all sizes and addresses.

    Args:
        launches: tuples (function, arguments, True if its weights are constant). The functions are compiled kernels
            that compute in `run_phases` only.
        most_kept: the most bytes to keep packed weights in.
        alike: a recording of the same launches with other arrays and the same weights, whose packed weights this
            recording uses too.
    """
    cdef recording calls
    cdef readonly list launches
    cdef list ends              # of the calls of each launch
    cdef char *scratch          # used by the kernels in turn
    cdef char *own_kept         # the same memory, if no other recording owns it
    cdef char *kept             # packed weights of kernels with constant weights, one after the other
    cdef list places            # the place of each kernel in them
    cdef Recording first        # the recording that owns these packed weights; None if this recording does
    cdef bint packed            # True if the weights of this recording, as their owner, are packed
    cdef readonly size_t kept_bytes

    def __init__(self, launches: list, size_t most_kept=0, Recording alike=None) -> None:
        self.launches = launches    # keeps the arrays alive
        while not self.record_all(most_kept, self.measure(most_kept), alike):
            self.free_memory()      # a setting on which sizes depend has changed meanwhile

    def __dealloc__(self):
        self.free_memory()
        free(self.calls.calls)

    cdef void free_memory(self) noexcept:
        forget_calls(&self.calls)
        free(self.scratch)
        free(self.own_kept)
        self.scratch = self.own_kept = self.kept = NULL

    cdef size_t measure(self, size_t most_kept) except? 0:
        """Find the places of packed weights and their size; return the bytes of scratch memory."""
        cdef size_t scratch_bytes = 0
        self.places, self.kept_bytes = [], 0
        for launch in self.launches:
            self.places.append(self.kept_bytes)
            self.record(launch, NULL, NULL, most_kept - self.kept_bytes)
            scratch_bytes = max(scratch_bytes, self.calls.borrowed)
            self.kept_bytes += self.calls.kept_bytes
        forget_calls(&self.calls)
        return scratch_bytes

    cdef bint record_all(self, size_t most_kept, size_t scratch_bytes, Recording alike) except? False:
        """Record all kernels; return False if one does not fit into its measured memory."""
        cdef size_t place, end
        self.scratch = <char *> new_memory(scratch_bytes)
        self.take_memory(alike)
        self.ends = []
        for launch, place, end in zip(self.launches, self.places, [*self.places[1:], self.kept_bytes]):
            self.record(launch, self.scratch, self.kept + place, most_kept - place)
            self.ends.append(self.calls.count)
            if self.calls.borrowed > scratch_bytes or place + self.calls.kept_bytes != end:
                return False
        return True

    cdef take_memory(self, Recording alike):
        """Take the packed weights of another recording, or memory for them if there is none that has the same."""
        if alike is not None and (alike.places, alike.kept_bytes) == (self.places, self.kept_bytes):
            self.first = alike if alike.first is None else alike.first
            self.kept = alike.kept
        else:
            self.first = None
            self.kept = self.own_kept = <char *> new_memory(self.kept_bytes)

    cdef record(self, tuple launch, char *scratch, char *kept, size_t most_kept):
        """Record a kernel that works in `scratch` and may keep packed weights in `kept`; NULL: to measure both."""
        global recorder
        self.calls.scratch, self.calls.kept = scratch, kept
        self.calls.most_kept = most_kept if launch[2] else 0
        self.calls.borrowed = self.calls.kept_bytes = self.calls.packing = 0
        recorder = &self.calls
        try:
            launch[0](*launch[1])
        finally:
            recorder = NULL
        if self.calls.failed:
            raise MemoryError("no memory left to record a plan")

    def run(self) -> None:
        """Run all kernels on the present values of their arrays."""
        if not self.weights_owner().packed and not counts_only():
            self.pack()
        with nogil:
            self.run_calls(0, self.calls.count)

    def run_kernel(self, int i) -> None:
        """Run only the kernel of launch `i`. Its weights must be packed, if they are constant."""
        cdef int64_t start = self.ends[i - 1] if i > 0 else 0, end = self.ends[i]
        with nogil:
            self.run_calls(start, end)

    cdef void run_calls(self, int64_t start, int64_t end) noexcept nogil:
        """Run the calls start..end - 1, without the phases that pack weights."""
        cdef recorded_call *call
        cdef int64_t i
        cdef int threads = _threads()
        for i in range(start, end):
            call = &self.calls.calls[i]
            run_now(
                call.phases + call.packs, call.count - call.packs, call.work, min(call.threads, threads), call.scratch,
                call.scratch_bytes)

    def pack(self) -> None:
        """Pack the present values of the constant weights."""
        cdef recorded_call *call
        cdef int64_t i
        cdef int threads = _threads()
        with nogil:
            for i in range(self.calls.count):
                call = &self.calls.calls[i]
                if call.packs:
                    run_region(
                        call.phases, 1, call.work, min(call.threads, threads), call.scratch, call.scratch_bytes)
        self.weights_owner().packed = True

    @property
    def owns_weights(self) -> bool:
        """True if no other recording packs the weights that it keeps."""
        return self.first is None and self.kept_bytes > 0

    cdef Recording weights_owner(self):
        return self if self.first is None else self.first


cdef void *new_memory(size_t bytes) except? NULL:
    """Return memory on a cache line."""
    cdef void *memory = recording_memory(bytes)
    if memory == NULL:
        raise MemoryError(f"no {bytes} bytes left for scratch memory")
    return memory


def fma_peak(int64_t steps=4_000_000) -> float:
    """Return the GFLOP/s of a thread in a loop of multiply-adds that touches no memory."""
    import time
    cdef float kept
    started = time.perf_counter()
    with nogil:
        kept = _tiles.f32_fma_peak(steps)
    seconds = time.perf_counter() - started
    return 2.0 * 12 * _tiles.vector_floats * steps / seconds / 1e9 + 0.0 * (kept == kept)


# ---- scratch memory --------------------------------------------------------------------------------------------------

cdef void *borrow_scratch(size_t bytes) except NULL:
    """Return at least `bytes` of memory on a cache line, to be given back by `give_scratch_back`."""
    cdef void *memory = scratch_borrow(bytes) if recorder == NULL else recording_borrow(bytes)
    if memory == NULL:
        raise MemoryError(f"no {bytes} bytes left for scratch memory")
    return memory


cdef int64_t size_product(int64_t a, int64_t b) noexcept nogil:
    """Return a b, or a size that `borrow_scratch` refuses if the product is too large."""
    return scratch_product(a, b)


cdef void *borrow_parts(int64_t count, int64_t bytes, int64_t shared) except NULL:
    """Return scratch memory of `count` threads, followed by the memory that they share."""
    return borrow_scratch(scratch_product(count, bytes) + shared)


cdef void *borrow_with_weights(
    int64_t count, int64_t bytes, int64_t shared, int64_t weights_bytes, void **weights
) except NULL:
    """Return the same memory as `borrow_parts`; store in `weights` memory for packed weights.

    Packed weights follow the shared memory, unless a plan keeps them. `bytes` and `shared` are multiples of 64.
    """
    cdef char *scratch
    if keeps_weights(weights_bytes):
        weights[0] = recording_keep(weights_bytes)
        return borrow_parts(count, bytes, shared)
    scratch = <char *> borrow_parts(count, bytes, shared + weights_bytes)
    weights[0] = scratch + count * bytes + shared
    return scratch


cdef void give_scratch_back(void *memory) noexcept:
    if recorder == NULL or recorder.scratch == NULL:
        scratch_give_back(memory)


def free_scratch() -> None:
    """Free the scratch memory that is kept between calls."""
    scratch_free()


def measure_scratch() -> int:
    """Return the most bytes that a call has borrowed since the last call of this function."""
    return scratch_measure()
