"""Division of work among threads along axes that are not summed over, so that results do not depend on it."""
from libc.stdint cimport int64_t

from fastconv._geometry cimport ceil_div

cdef enum:
    MOST_ROUNDS = 4                        # tasks of a thread, beyond the fewest: more tasks balance hardly better
    WAIT = 8                               # threads wait for 1/8 of the last task, since not all are equally fast
    GAIN = 20                              # less than 1/20 of the time does not repay other sizes of tasks


cdef inline int64_t even_block(int64_t n, int64_t most, int64_t unit, int64_t threads) noexcept nogil:
    """Return the size of a task, of at most `most`, if each of n elements takes as long: threads have equally many.

    Sizes are multiples of `unit`, which divides `most`.
    """
    cdef int64_t tasks = ceil_div(max(ceil_div(n, most), 1), threads) * threads
    return max(ceil_div(ceil_div(n, tasks), unit), 1) * unit


cdef struct Side:
    # An axis of the work: `size` units, of which a task takes at most `most`. For each unit of the other axis, a task
    # also prepares data, which takes as long as `extra` units.
    int64_t size, most
    double extra


cdef struct Work:
    # `others` times rows x columns units of work, for a number of threads
    int64_t threads, others
    Side rows, columns


cdef struct Share:
    # The units of a task along both axes, and the time of the thread that has the most tasks
    int64_t rows, columns
    double time


cdef inline Share share_of(const Work *w, int64_t rows, int64_t columns) noexcept nogil:
    """Return tasks of `rows` x `columns` units."""
    cdef int64_t tasks = w.others * ceil_div(w.rows.size, rows) * ceil_div(w.columns.size, columns)
    cdef double rounds = ceil_div(tasks, w.threads) + 1.0 / WAIT
    return Share(rows, columns, rounds * (rows + w.rows.extra) * (columns + w.columns.extra))


cdef inline Share cut_rows(const Work *w, int64_t columns, Share best) noexcept nogil:
    """Return `best`, or a faster share with some columns and rows such that threads have equally many tasks."""
    cdef int64_t strips = w.others * ceil_div(w.columns.size, columns), fewest = ceil_div(w.rows.size, w.rows.most)
    cdef int64_t first = ceil_div(strips * fewest, w.threads), rounds
    cdef Share share
    for rounds in range(first, first + MOST_ROUNDS):
        share = share_of(w, ceil_div(w.rows.size, max(rounds * w.threads // strips, fewest)), columns)
        if share.time < best.time:
            best = share
    return best


cdef inline Share share_out(const Work *w, int64_t rows, int64_t columns) noexcept nogil:
    """Return the fastest share, or `rows` x `columns` if it is hardly faster."""
    cdef int64_t fewest = ceil_div(w.columns.size, w.columns.most), most = min(w.columns.size, w.threads), parts, width
    cdef Share now = share_of(w, rows, columns), best = now
    for parts in range(fewest, max(fewest, most) + 1):
        width = ceil_div(w.columns.size, parts)
        if ceil_div(w.columns.size, width) == parts:
            best = cut_rows(w, width, best)
    return best if best.time < now.time - now.time / GAIN else now
