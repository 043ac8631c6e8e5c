# cython: boundscheck=False, wraparound=False, cdivision=True, freethreading_compatible=True
"""Correlations: row pointers times packed columns, tile by tile.

Convolution is a correlation. Its gradient with respect to the input is a correlation for every phase of the stride. A
matrix product is a correlation whose window is a single pixel. The caller (`backends/cpu/backend.py`) checks shapes,
dtypes and contiguity.
"""
cimport numpy as cnp
from libc.math cimport sqrt
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from fastconv._arrays cimport float_rows
from fastconv._core cimport (
    borrow_parts, borrow_with_weights, gemm_tile, give_scratch_back, keeps_weights, pack_and_run, run_tasks,
    task_phase, threads_for, tiles,
)
from fastconv._arrays cimport floats
from fastconv._geometry cimport (
    DOTS,
    KC,
    TASKS,
    Axis,
    Block,
    Cut,
    Image,
    Span,
    View,
    backward_image,
    ceil_div,
    cut_block,
    cut_pixels,
    equal,
    even_parts,
    fetch_meanwhile,
    forward_axis_of,
    forward_image,
    groups_of,
    in_place,
    kernel_element,
    multiply_and_fetch,
    pixels_of,
    reach,
    residual_of,
    sparse,
    taps_inside,
    taps_of,
    tile_vectors,
    view_block,
    widest,
    window_offset,
)
from fastconv._shares cimport Share, Side, Work, share_out

from fastconv._geometry import fill_bias, fill_unreached, phases

cnp.import_array()

cdef extern from "kernels.h":
    enum: DOT_COLUMNS
    enum: LINEAR

# Cuts of the summed axes depend only on shapes, so that the bits of a result do not depend on the number of threads.
cdef enum:
    FEWEST_PIXELS = 128                    # with fewer, packing the weights takes much of the time
    MOST_PIXELS = 1024
    ZONE_PIXELS = 8                        # of an image: if zones have fewer, blocks take rows of equal height from
    MOST_PLANES = 32                       # this number of planes

cdef double ZONE_GAIN = 16.0               # vector multiply-adds per pixel that repay shorter runs of pixels
# For each block of pixels, packing a column takes as long as multiplying it by PACKED_PIXELS pixels, and reading a
# packed column as long as KEPT_PIXELS. For each block of columns, copying or reading a pixel takes as long as
# multiplying it by COPIED_COLUMNS or READ_COLUMNS columns.
cdef double PACKED_PIXELS = 10.0, KEPT_PIXELS = 4.0, COPIED_COLUMNS = 24.0, READ_COLUMNS = 4.0


cdef struct Place:
    # A row of output pixels: its plane, counted over all images, and its index in the plane.
    int64_t plane, row


cdef struct Strip:
    # Neighbouring pixels in a row of a block. Rows and columns are counted from the first of the block.
    int64_t row, column, columns


cdef struct Zone:
    # Pixels of a block, from the end of the previous zone to `end`, whose windows meet the image with the same taps.
    int64_t end
    Span d, v, h


cdef struct Slice:
    # The products that are summed at a time: some input channels of a group times the taps of some kernel rows. These
    # are counted over all planes of the kernel and begin in `plane`, the first of the planes of which there is a view.
    int64_t group, channel, channels, plane, row, rows


cdef struct Memory:
    # The scratch memory of a task
    float *panel
    float *packed
    const float **inputs                   # the addresses of the windows of all pixels of a block
    float **outputs
    Zone *zones
    Strip *strips
    Place *places
    int64_t *offsets                       # of the segments of a tile
    int64_t *starts


cdef void choose_zones(Correlation *c) noexcept nogil:
    """Decide whether leaving out taps in the padding saves more than shorter runs of pixels and lower tiles cost."""
    cdef Image *x = &c.x
    cdef int64_t zones = 1
    cdef double inside = share_inside(&x.d, &zones) * share_inside(&x.v, &zones) * share_inside(&x.h, &zones)
    cdef double work = <double> taps_of(x) * x.ci * c.co / c.table.vector_floats
    cdef bint gain = pixels_of(x) * (work * (1 - inside) - ZONE_GAIN) > zones * work * inside
    c.zoned = not in_place(x) and (gain or c.dots or sparse(x))
    c.stack = 1
    if c.zoned and pixels_of(x) < ZONE_PIXELS * zones * x.images:
        c.stack = even_parts(x.images * x.d.outputs, MOST_PLANES)


cdef void align_rows(Cut *cut, int64_t all_rows, int64_t stack) noexcept nogil:
    """Cut between rows of different height, or cut the rows of the same height into equal parts."""
    cut.rows = cut.rows // stack * stack if cut.rows > stack else even_parts(stack, cut.rows)
    cut.row_blocks = ceil_div(all_rows, cut.rows)


cdef void share_pixels(Correlation *c, int threads, double extra_columns) noexcept nogil:
    """Cut pixels and columns again if threads would wait for each other."""
    cdef Image *x = &c.x
    cdef int64_t all_rows = x.images * x.d.outputs * x.v.outputs, row = x.h.outputs
    cdef int64_t unit = 1 if all_rows == 1 else min(c.stack, c.cut.rows)    # pixels of a single row, or rows
    cdef int64_t columns = c.nc if c.dots else c.table.vector_floats
    cdef double extra = KEPT_PIXELS if c.parts == 1 and keeps(c) else PACKED_PIXELS
    cdef Side across = Side(ceil_div(c.co, columns), ceil_div(c.co, columns), extra_columns / columns)
    cdef Side down
    cdef Share share
    cdef Work work
    if all_rows == 1:
        down = Side(row, c.cut.columns, extra)
    elif c.cut.column_blocks == 1:
        down = Side(ceil_div(all_rows, unit), c.cut.rows // unit, extra / (unit * row))
    else:
        return
    work = Work(threads, c.parts * x.groups, down, across)
    share = share_out(&work, down.most, c.nc // columns)
    c.nc = share.columns * columns
    c.nc_blocks = ceil_div(c.co, c.nc)
    if all_rows == 1:
        c.cut.columns = share.rows
        c.cut.column_blocks = ceil_div(row, share.rows)
    else:
        c.cut.rows = share.rows * unit
        c.cut.row_blocks = ceil_div(all_rows, c.cut.rows)


cdef void cut_correlation(Correlation *c, int threads) noexcept nogil:
    cdef Image *x = &c.x
    cdef int64_t tile_columns = widest(c.table) * c.table.vector_floats
    cdef int64_t pixels = pixels_of(x), taps = x.v.taps * x.h.taps, most
    cdef bint copied
    choose_zones(c)
    copied = not (in_place(x) or c.zoned)
    # Weights are packed fastest in long runs of channels, but panels hold few channels.
    most = taps_of(x) * x.ci if c.dots else KC    # dot products are not cut
    c.ci_block = even_parts(x.ci, max(most // (taps if copied else x.h.taps), 16))
    c.plane_block = even_parts(x.d.taps, max(most // (taps * c.ci_block), 1))
    c.row_block = min(c.plane_block * x.v.taps, max((1 + copied) * most // (x.h.taps * c.ci_block), 1))
    # Every block of pixels packs the weights, and every block of columns copies the pixels. The larger of weights and
    # pixels is cut more often, so that the smaller is copied more often.
    c.nc_blocks = max(<int64_t> sqrt(<double> TASKS * taps * c.co / pixels), 1)
    c.nc = ceil_div(ceil_div(c.co, c.nc_blocks), tile_columns) * tile_columns
    c.nc_blocks = ceil_div(c.co, c.nc)
    pixels = max(ceil_div(pixels * c.nc_blocks * x.groups, TASKS), FEWEST_PIXELS)
    c.cut = cut_pixels(x, c.plane_block * c.ci_block, min(pixels, MOST_PIXELS), copied)
    if c.stack > 1:
        align_rows(&c.cut, x.images * x.d.outputs * x.v.outputs, c.stack)
    if threads > 1:
        share_pixels(c, threads, COPIED_COLUMNS if copied else READ_COLUMNS)
    c.packed_floats = c.row_block * x.h.taps * c.ci_block * tile_columns
    c.scratch_bytes = (
        sizeof(float) * (c.cut.panel_floats + c.packed_floats)
        + (sizeof(Zone) + sizeof(Strip) + 2 * sizeof(void *)) * c.cut.rows * c.cut.columns
        + sizeof(Place) * c.cut.rows + sizeof(int64_t) * 2 * c.plane_block * taps + 63
    ) // 64 * 64


cdef void list_places(const Correlation *c, const Block *block, Place *places) noexcept nogil:
    """List the places of the rows of a block; rows of the same height in a stack of planes follow each other."""
    cdef int64_t planes = c.x.images * c.x.d.outputs, stack_rows = c.stack * c.x.v.outputs, i, row, first, count
    for i in range(block.rows):
        first = (block.row + i) // stack_rows * c.stack
        row = (block.row + i) % stack_rows
        count = min(c.stack, planes - first)
        places[i] = Place(first + row % count, row // count)


cdef void list_inputs(
    const Image *x, const View *view, const Place *places, const Strip *strips, int64_t count, const float **inputs
) noexcept nogil:
    """List the addresses at which the windows of the pixels of some strips begin."""
    cdef int64_t i, c
    cdef const Strip *strip
    cdef const float *start
    for i in range(count):
        strip = strips + i
        start = view.data + (
            window_offset(x, view, places[strip.row].plane, places[strip.row].row)
            + strip.column * x.h.stride * view.pixel)
        for c in range(strip.columns):
            inputs[c] = start + c * x.h.stride * view.pixel
        inputs += strip.columns


cdef void list_outputs(
    const Image *x, const Block *block, const Place *places, const Strip *strips, int64_t count, float *y,
    int64_t pixel, float **outputs
) noexcept nogil:
    """List the addresses at which the same pixels are written, in an array y whose pixels lie `pixel` floats apart."""
    cdef int64_t i, c, plane, row
    cdef const Strip *strip
    cdef float *start
    for i in range(count):
        strip = strips + i
        plane = places[strip.row].plane
        plane = plane // x.d.outputs * x.d.y_size + x.d.y_first + plane % x.d.outputs * x.d.y_step
        row = plane * x.v.y_size + x.v.y_first + places[strip.row].row * x.v.y_step
        start = y + (row * x.h.y_size + x.h.y_first + (block.column + strip.column) * x.h.y_step) * pixel
        for c in range(strip.columns):
            outputs[c] = start + c * x.h.y_step * pixel
        outputs += strip.columns


cdef inline int64_t run_end(const Axis *a, int64_t output) noexcept nogil:
    """Return the end of the run of neighbouring outputs that have the same taps as `output`."""
    cdef Span span = taps_inside(a, output)
    if span.first == 0 and span.last == a.taps:
        return min(a.outputs, (a.inputs - reach(a) - a.first) // a.stride + 1)
    while output < a.outputs and equal(taps_inside(a, output), span):
        output += 1
    return output


cdef double share_inside(const Axis *a, int64_t *zones) noexcept nogil:
    """Return the share of all taps of all outputs that read inputs.

    Also multiply `zones` by the number of runs of outputs.
    """
    cdef int64_t inside = 0, runs = 0, output = 0, end
    cdef Span span
    while output < a.outputs:
        span = taps_inside(a, output)
        end = run_end(a, output)
        inside += (end - output) * max(span.last - span.first, 0)
        runs += 1
        output = end
    zones[0] *= runs
    return <double> inside / (a.outputs * a.taps)


cdef int64_t list_strips(const Image *x, const Block *block, Strip *strips, Zone *zones) noexcept nogil:
    """List all rows of a block, as a single zone of all taps; return the number of rows."""
    cdef int64_t r
    zones[0] = Zone(block.rows * block.columns, Span(0, x.d.taps), Span(0, x.v.taps), Span(0, x.h.taps))
    for r in range(block.rows):
        strips[r] = Strip(r, 0, block.columns)
    return block.rows


cdef int64_t list_zones(
    const Image *x, const Block *block, const Place *places, Strip *strips, Zone *zones
) noexcept nogil:
    """List the zones of a block, and the strips of zone after zone; return the number of strips."""
    cdef int64_t end = block.column + block.columns, plane = 0, count = 0, pixels = 0, row, column
    cdef int64_t plane_end, row_end, column_end, first, r
    while plane < x.d.outputs:
        plane_end = run_end(&x.d, plane)
        row = 0
        while row < x.v.outputs:
            row_end = run_end(&x.v, row)
            column = block.column
            while column < end:
                column_end = min(run_end(&x.h, column), end)
                first = count
                for r in range(block.rows):
                    if plane <= places[r].plane % x.d.outputs < plane_end and row <= places[r].row < row_end:
                        strips[count] = Strip(r, column - block.column, column_end - column)
                        count += 1
                if count > first:
                    pixels += (count - first) * (column_end - column)
                    zones[0] = Zone(
                        pixels, taps_inside(&x.d, plane), taps_inside(&x.v, row), taps_inside(&x.h, column))
                    zones += 1
                column = column_end
            row = row_end
        plane = plane_end
    return count


cdef void list_taps(
    const Image *x, const View *view, const Slice *slice, const Zone *zone, gemm_tile *tile
) noexcept nogil:
    """List the segments of a tile: the taps of a zone in the kernel rows of a slice.

    A row is a single segment if nothing lies between its taps.
    """
    cdef bint dense = view.pixel == slice.channels and (x.h.step == 1 or x.h.taps == 1)
    cdef int64_t run = max(zone.h.last - zone.h.first, 0) if dense else 1, i, j, d, v
    cdef int64_t *offsets = <int64_t *> tile.offsets
    cdef int64_t *starts = <int64_t *> tile.starts
    tile.depth = run * slice.channels
    tile.segments = 0
    for i in range(slice.rows):
        d, v = (slice.row + i) // x.v.taps, (slice.row + i) % x.v.taps
        if zone.d.first <= d < zone.d.last and zone.v.first <= v < zone.v.last:
            for j in range(zone.h.first, zone.h.first + 1 if dense else zone.h.last):
                offsets[tile.segments] = (
                    (d - slice.plane) * view.tap + v * x.v.step * view.row + j * x.h.step * view.pixel)
                starts[tile.segments] = (i * x.h.taps + j) * slice.channels
                tile.segments += 1


cdef void multiply_zones(
    const Correlation *c, const View *view, const Slice *slice, gemm_tile *tile, const Memory *m, int64_t pixels,
    int vectors
) noexcept nogil:
    """Multiply zone by zone. A zone sums only over the taps of a slice by which it reads inputs."""
    cdef int64_t first = 0
    cdef const Zone *zone = m.zones
    while first < pixels:
        list_taps(&c.x, view, slice, zone, tile)
        multiply_and_fetch(c.table, tile, m.inputs + first, m.outputs + first, zone.end - first, vectors)
        first = zone.end
        zone += 1


cdef inline const float *weights_of(
    const Correlation *c, const Slice *slice, int64_t column, int64_t i, int64_t j
) noexcept nogil:
    """Return the weights of the first input channel and a column, for tap j of the i-th kernel row of a slice."""
    cdef int64_t d = kernel_element(&c.x.d, (slice.row + i) // c.x.v.taps)
    cdef int64_t v = kernel_element(&c.x.v, (slice.row + i) % c.x.v.taps)
    return c.w + (
        slice.group * c.w_group + slice.channel * c.w_ci + column * c.w_co
        + ((d * c.kernel_rows + v) * c.kernel_columns + kernel_element(&c.x.h, j)) * c.w_tap)


cdef void pack_weights(const Correlation *c, const Slice *slice, const gemm_tile *tile, float *to) noexcept nogil:
    """Pack the weights of a slice for the columns of a tile, in the order in which it reads them."""
    cdef const float *w
    cdef int64_t i, j
    for i in range(slice.rows):
        for j in range(c.x.h.taps):
            w = weights_of(c, slice, tile.column, i, j)
            if c.w_co == 1:
                c.table.f32_pack_rows(to, tile.b_step, w, slice.channels, c.w_ci, tile.columns)
            else:
                c.table.f32_pack_columns(to, tile.b_step, w, slice.channels, c.w_co, tile.columns)
            to += slice.channels * tile.b_step


cdef void lay_columns(const Correlation *c, const Slice *slice, const gemm_tile *tile, float *to) noexcept nogil:
    """Copy the weights of a slice, a run for each of the tile's columns."""
    cdef int64_t column, i, j, e
    cdef const float *w
    for column in range(tile.column, tile.column + tile.columns):
        for i in range(slice.rows):
            for j in range(c.x.h.taps):
                w = weights_of(c, slice, column, i, j)
                if c.w_ci == 1:
                    memcpy(to, w, slice.channels * sizeof(float))
                else:
                    for e in range(slice.channels):
                        to[e] = w[e * c.w_ci]
                to += slice.channels


cdef inline int64_t kept_columns(const Correlation *c) noexcept nogil:
    """Return the columns of a row of the kept weights of a group."""
    return ceil_div(c.co, c.table.vector_floats) * c.table.vector_floats


cdef inline float *kept_panel(const Correlation *c, const Slice *slice, int64_t column) noexcept nogil:
    """Return the place of the kept weights of a slice for the tile that begins at a column.

    A group has a row for each input channel and tap. The rows of a slice follow each other, tile after tile.
    """
    cdef int64_t first = (slice.group * c.x.ci + slice.channel) * taps_of(&c.x)
    cdef int64_t rows = c.x.h.taps * slice.channels
    return c.kept + (first + slice.row * rows) * kept_columns(c) + slice.rows * rows * column


cdef int next_tile(
    const Correlation *c, const Slice *slice, int64_t columns, gemm_tile *tile, float *packed
) noexcept nogil:
    """Pack the weights of the next tile, with `columns` columns left; return its number of vectors of columns."""
    cdef int vectors = DOTS
    tile.b = packed
    if c.dots:
        tile.b_step = slice.rows * c.x.h.taps * slice.channels
        tile.columns = min(DOT_COLUMNS, columns)
        lay_columns(c, slice, tile, packed)
    else:
        vectors = tile_vectors(c.table, columns)
        tile.b_step = vectors * c.table.vector_floats
        tile.columns = min(tile.b_step, columns)
        if c.kept != NULL:
            tile.b = kept_panel(c, slice, tile.column)
        else:
            pack_weights(c, slice, tile, packed)
    tile.bias = c.bias + slice.group * c.co + tile.column if c.bias else <const float *> NULL
    return vectors


cdef inline int64_t plane_blocks(const Correlation *c) noexcept nogil:
    return ceil_div(c.x.d.taps, c.plane_block)


cdef inline int64_t views_of(const Correlation *c) noexcept nogil:
    """Return the number of views of an image: blocks of input channels times blocks of the kernel's planes."""
    return ceil_div(c.x.ci, c.ci_block) * plane_blocks(c)


cdef Slice begin_slice(const Correlation *c, int64_t group, int64_t i) noexcept nogil:
    """Return the channels and the first plane of the slices of view i, without rows."""
    cdef int64_t channel = i // plane_blocks(c) * c.ci_block
    return Slice(
        group, channel, min(c.ci_block, c.x.ci - channel), i % plane_blocks(c) * c.plane_block, 0, 0)


cdef void take_rows(const Correlation *c, Slice *slice, int64_t j) noexcept nogil:
    """Let a slice have the j-th block of the kernel rows of its view."""
    cdef int64_t end = min(slice.plane + c.plane_block, c.x.d.taps) * c.x.v.taps
    slice.row = slice.plane * c.x.v.taps + j * c.row_block
    slice.rows = min(c.row_block, end - slice.row)


cdef Memory divide(const Correlation *c, int64_t rows, int64_t pixels, char *scratch) noexcept nogil:
    cdef Memory m
    m.panel = <float *> scratch
    m.packed = m.panel + c.cut.panel_floats
    m.inputs = <const float **> (m.packed + c.packed_floats)
    m.outputs = <float **> (m.inputs + pixels)
    m.zones = <Zone *> (m.outputs + pixels)
    m.strips = <Strip *> (m.zones + pixels)
    m.places = <Place *> (m.strips + pixels)
    m.offsets = <int64_t *> (m.places + rows)
    m.starts = m.offsets + c.plane_block * c.x.v.taps * c.x.h.taps
    return m


cdef Slice slice_after(const Correlation *c, const Slice *slice) noexcept nogil:
    """Return the next slice of a task, or the first if there is none."""
    cdef Slice after = slice[0]
    cdef int64_t planes = min(c.plane_block, c.x.d.taps - slice.plane), view
    if slice.row + slice.rows < (slice.plane + planes) * c.x.v.taps:
        take_rows(c, &after, (slice.row - slice.plane * c.x.v.taps) // c.row_block + 1)
        return after
    view = slice.channel // c.ci_block * plane_blocks(c) + slice.plane // c.plane_block + 1
    after = begin_slice(c, slice.group, view % views_of(c))
    take_rows(c, &after, 0)
    return after


cdef const float *kept_panel_after(
    const Correlation *c, const Slice *slice, int64_t column, int64_t first, int64_t end
) noexcept nogil:
    """Return the kept weights that a task, or the next, reads after those of a slice before `column`."""
    cdef Slice after
    if column < end:
        return kept_panel(c, slice, column)
    after = slice_after(c, slice)
    if after.channel + after.row == 0:
        return kept_panel(c, &after, end if end < c.co else 0)
    return kept_panel(c, &after, first)


cdef void multiply_slice(
    const Correlation *c, const View *view, const Slice *slice, gemm_tile *tile, const Memory *m, int64_t pixels,
    int64_t first, int64_t end
) noexcept nogil:
    """Add the products of a slice to the columns first..end - 1 of all pixels of a block, tile by tile."""
    cdef bint last = slice.channel + slice.channels == c.x.ci and slice.row + slice.rows == c.x.d.taps * c.x.v.taps
    cdef const float *after
    cdef int vectors
    tile.accumulate = slice.channel + slice.row > 0
    tile.activation = c.activation if last else LINEAR
    tile.residual = c.residual if last else 0
    tile.column = first
    while tile.column < end:
        vectors = next_tile(c, slice, end - tile.column, tile, m.packed)
        after = kept_panel_after(c, slice, tile.column + tile.columns, first, end) if c.kept != NULL else tile.b
        fetch_meanwhile(c.table, tile, after, pixels, vectors)
        multiply_zones(c, view, slice, tile, m, pixels, vectors)
        tile.column += tile.columns


cdef void correlate_block(const Correlation *c, int64_t task, char *scratch) noexcept nogil:
    """Multiply a block of pixels by nc columns of a group: slice by slice, each of kc products at most."""
    cdef const Image *x = &c.x
    cdef int64_t first = task % c.nc_blocks * c.nc, end = min(first + c.nc, c.co)
    cdef int64_t group = task // c.nc_blocks % x.groups
    cdef Block block = cut_block(x, &c.cut, task // (c.nc_blocks * x.groups))
    cdef int64_t pixels = block.rows * block.columns
    cdef int64_t strips, planes, i, j
    cdef Memory m = divide(c, block.rows, pixels, scratch)
    cdef gemm_tile tile
    cdef Slice slice
    cdef View view
    tile.step = 1
    tile.offsets, tile.starts = m.offsets, m.starts
    tile.alpha = c.alpha
    list_places(c, &block, m.places)
    if c.zoned:
        strips = list_zones(x, &block, m.places, m.strips, m.zones)
    else:
        strips = list_strips(x, &block, m.strips, m.zones)
    list_outputs(x, &block, m.places, m.strips, strips, c.y + group * c.co, c.y_pixel, m.outputs)

    for i in range(views_of(c)):
        slice = begin_slice(c, group, i)
        planes = min(c.plane_block, x.d.taps - slice.plane)
        view = view_block(
            x, &block, slice.plane, planes, group * x.ci + slice.channel, slice.channels,
            <float *> NULL if c.zoned else m.panel)
        list_inputs(x, &view, m.places, m.strips, strips, m.inputs)
        for j in range(ceil_div(planes * x.v.taps, c.row_block)):
            take_rows(c, &slice, j)
            multiply_slice(c, &view, &slice, &tile, &m, pixels, first, end)


cdef int64_t packing_tasks(const Correlation *c) noexcept nogil:
    """Return the number of tasks of `pack_columns`."""
    return views_of(c) * c.x.groups * c.nc_blocks


cdef void pack_columns(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Pack nc columns of a group into the kept weights, for the slices of a view."""
    cdef const Correlation *c = <const Correlation *> work
    cdef int64_t first = task % c.nc_blocks * c.nc, end = min(first + c.nc, c.co), j
    cdef Slice slice = begin_slice(c, task // c.nc_blocks % c.x.groups, task // (c.nc_blocks * c.x.groups))
    cdef int64_t planes = min(c.plane_block, c.x.d.taps - slice.plane)
    cdef gemm_tile tile
    for j in range(ceil_div(planes * c.x.v.taps, c.row_block)):
        take_rows(c, &slice, j)
        tile.column = first
        while tile.column < end:
            tile.b_step = tile_vectors(c.table, end - tile.column) * c.table.vector_floats
            tile.columns = min(tile.b_step, end - tile.column)
            pack_weights(c, &slice, &tile, kept_panel(c, &slice, tile.column))
            tile.column += tile.columns


cdef void correlate_task(const void *work, int64_t task, char *scratch) noexcept nogil:
    """Compute a task of a part. Parts take turns, so that they find in the cache the pixels that others have read."""
    cdef const Correlation *c = <const Correlation *> work
    c += task % c.parts
    if task // c.parts < tasks_of(c):
        correlate_block(c, task // c.parts, scratch)


cdef void correlate(Correlation *parts, int64_t count) except *:
    """Run the tasks of correlations that read the same image on `threads_for` threads."""
    cdef int64_t most = 0, bytes = 0, i
    cdef double work = 0
    cdef Correlation *c
    for i in range(count):
        c = parts + i
        work += <double> pixels_of(&c.x) * taps_of(&c.x) * c.x.channels * c.co
    cdef int threads = threads_for(work)
    for i in range(count):
        c = parts + i
        c.parts = count
        c.table = tiles()
        c.kept = NULL
        cut_correlation(c, threads)
        most = max(most, tasks_of(c))
        bytes = max(bytes, c.scratch_bytes)
    if count == 1 and keeps(parts):
        correlate_kept(parts, threads)
        return
    cdef char *scratch = <char *> borrow_parts(threads, bytes, 0)
    with nogil:
        run_tasks(correlate_task, parts, count * sizeof(Correlation), most * count, threads, scratch, bytes)
    give_scratch_back(scratch)


cdef int64_t kept_bytes(const Correlation *c) noexcept nogil:
    return c.x.groups * c.x.ci * taps_of(&c.x) * kept_columns(c) * sizeof(float)


cdef bint keeps(const Correlation *c) noexcept nogil:
    """Return True if a plan keeps the packed weights."""
    return not c.dots and keeps_weights(kept_bytes(c))


cdef void correlate_kept(Correlation *c, int threads) except *:
    """Pack all weights in a phase that a plan runs only after they have changed, then run the tasks."""
    cdef char *scratch = <char *> borrow_with_weights(threads, c.scratch_bytes, 0, kept_bytes(c), <void **> &c.kept)
    cdef task_phase[2] both = [
        task_phase(pack_columns, packing_tasks(c)), task_phase(correlate_task, tasks_of(c))]
    with nogil:
        pack_and_run(both, 2, c, sizeof(Correlation), threads, scratch, c.scratch_bytes)
    give_scratch_back(scratch)


cdef int64_t tasks_of(const Correlation *c) noexcept nogil:
    return c.cut.row_blocks * c.cut.column_blocks * c.x.groups * c.nc_blocks


def conv(
    convolution,      # IN  a Convolution
    cnp.ndarray x,    # IN  (N, .., groups * CI), with one to three spatial axes
    cnp.ndarray w,    # IN  (.., CI, CO)
    bias,             # IN  (CO,) or None
    cnp.ndarray y,    # OUT (N, .., CO), in C order or a slice of the channels of an array in C order
    int activation, float alpha,
    residual=None,    # IN  (N, .., CO), or None
    bint dots=False,
):
    """y = act(bias + x * w + residual), a cross-correlation; if `dots`, few channels CO are computed as dot products"""
    cdef Correlation c
    if cnp.PyArray_SIZE(y) == 0:
        return
    describe(&c, convolution, x, w, bias, y, activation, alpha)
    if residual is not None:               # of the same layout as y
        c.residual = residual_of(residual, floats(y, cnp.PyArray_SIZE(y)), cnp.PyArray_SIZE(y))
    c.dots = dots
    correlate(&c, 1)


cdef void describe(
    Correlation *c, convolution, cnp.ndarray x, cnp.ndarray w, bias, cnp.ndarray y, int activation, float alpha
) except *:
    """Set the sizes and pointers of a cross-correlation, without a residual, not as dot products."""
    cdef int64_t groups = groups_of(x.shape[x.ndim - 1], w), ci = w.shape[w.ndim - 2], co = w.shape[w.ndim - 1]
    c.x = forward_image(convolution, x, w, y, groups)
    c.w = floats(w, cnp.PyArray_SIZE(w))
    c.kernel_rows, c.kernel_columns = c.x.v.taps, c.x.h.taps
    c.co = co // groups
    c.w_tap, c.w_group, c.w_ci, c.w_co = ci * co, c.co, co, 1
    c.bias = <float *> NULL if bias is None else floats(bias, co)
    c.y = float_rows(y, pixels_of(&c.x) * co, &c.y_pixel)
    c.residual = 0
    c.activation, c.alpha = activation, alpha
    c.dots = False


def conv_backward_input(
    convolution,      # IN  a Convolution
    cnp.ndarray dy,   # IN  (N, .., CO), with one to three spatial axes
    cnp.ndarray w,    # IN  (.., CI, CO)
    bias,             # IN  (groups * CI,) or None
    cnp.ndarray dx,   # OUT (N, .., groups * CI)
    int activation, float alpha,
    bint folded=False, bint dots=False,
):
    """dx = act(bias + C^T dy): a correlation of dy with the taps that reach each phase of a stride, never a scatter

    If `dots`, few channels CI are computed as dot products. If `folded`, along the last axis dx = act(bias + a
    cross-correlation of dy and w), whose stride and padding are given.
    """
    cdef int64_t channels = dx.shape[dx.ndim - 1]
    cdef int64_t groups = groups_of(channels, w), ci = w.shape[w.ndim - 2], co = w.shape[w.ndim - 1], count = 0
    cdef tuple strides = convolution.strides, padding = convolution.padding, dilation = convolution.dilation
    cdef tuple steps = (*strides[:len(strides) - 1], 1) if folded else strides
    cdef list places = phases(steps, padding, dilation, w, dx)
    cdef bytearray memory = bytearray(len(places) * sizeof(Correlation))
    cdef Correlation *parts = <Correlation *> <char *> memory
    cdef Correlation *c
    if cnp.PyArray_SIZE(dy) == 0 or cnp.PyArray_SIZE(dx) == 0:
        fill_bias(dx, bias, activation, alpha)
        return
    fill_unreached(dx, w, bias, steps, dilation, activation, alpha)
    for phase in places:
        c = parts + count
        c.x = backward_image(convolution, dy, w, dx, phase, groups)
        if folded:
            c.x.h = forward_axis_of(dy, w, dx, strides, padding, dilation, 0)
        c.w = floats(w, cnp.PyArray_SIZE(w))
        c.kernel_rows = w.shape[w.ndim - 4] if w.ndim > 3 else 1
        c.kernel_columns = w.shape[w.ndim - 3]
        c.co = ci
        c.w_tap, c.w_group, c.w_ci, c.w_co = ci * co, co // groups, 1, co
        c.bias = <float *> NULL if bias is None else floats(bias, channels)
        c.y, c.y_pixel = floats(dx, cnp.PyArray_SIZE(dx)), channels
        c.residual = 0
        c.activation, c.alpha = activation, alpha
        c.dots = dots
        count += taps_of(&c.x) > 0
    correlate(parts, count)
