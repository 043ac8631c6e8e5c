// The maps of a layer side by side on a canvas: a click or arrow keys choose a pixel.

import { outline, paintMap } from "./pixels.js";

const GAP = 6;
const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

export class LayerView {
  // `shape` is (H, W, C), or (units) for a dense layer, which is drawn as a row of 1x1 maps. `choose(channel, row,
  // column)` is called for a chosen pixel.
  constructor(canvas, name, shape, scale, choose) {
    Object.assign(this, { canvas, name, wide: scale, choose, dense: shape.length === 1 });
    [this.rows, this.columns, this.channels] = this.dense ? [1, 1, shape[0]] : shape;
    this.gap = this.dense ? 1 : GAP;
    this.at = [0, 0, 0]; // channel, row and column of the keyboard
    if (choose) this.listen();
  }

  listen() {
    this.canvas.tabIndex = 0;
    this.canvas.onclick = (event) => this.click(event);
    this.canvas.onkeydown = (event) => this.key(event);
  }

  // Fits the maps into a width, in as many rows as that needs. On narrow pages, maps are smaller.
  fit(width) {
    this.scale = width < 560 && this.rows > 8 ? this.wide - 1 : this.wide;
    const cell = this.columns * this.scale + this.gap;
    this.across = Math.max(1, Math.min(this.channels, Math.floor((width + this.gap - 8) / cell)));
    const down = Math.ceil(this.channels / this.across);
    this.canvas.width = this.across * cell - this.gap + 8;
    this.canvas.height = down * (this.rows * this.scale + this.gap) - this.gap + 8;
  }

  // Returns the place of a map, [x, y].
  place(channel) {
    const x = (channel % this.across) * (this.columns * this.scale + this.gap);
    const y = Math.floor(channel / this.across) * (this.rows * this.scale + this.gap);
    return [x + 4, y + 4];
  }

  draw(map, colour) {
    const context = this.canvas.getContext("2d");
    const shaped = { data: map.data, shape: [this.rows, this.columns, this.channels] };
    const size = [this.columns * this.scale, this.rows * this.scale];
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (let channel = 0; channel < this.channels; channel++) {
      paintMap(context, shaped, channel, colour, [...this.place(channel), ...size]);
    }
  }

  // Marks a box [top, left, height, width] on all maps, or on the map `channel`.
  mark([top, left, height, width], channel) {
    const context = this.canvas.getContext("2d");
    const first = channel ?? 0;
    const last = channel ?? this.channels - 1;
    for (let each = first; each <= last; each++) {
      const [x, y] = this.place(each);
      const size = [width * this.scale, height * this.scale];
      outline(context, x + left * this.scale, y + top * this.scale, ...size);
    }
  }

  // Marks all units of a dense layer.
  markAll() {
    outline(this.canvas.getContext("2d"), 2, 2, this.canvas.width - 4, this.canvas.height - 4);
  }

  click(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const x = ((event.clientX - left) / width) * this.canvas.width - 4;
    const y = ((event.clientY - top) / height) * this.canvas.height - 4;
    const cell = [this.columns * this.scale + this.gap, this.rows * this.scale + this.gap];
    const across = Math.max(0, Math.min(Math.floor(x / cell[0]), this.across - 1));
    const channel = Math.max(0, Math.floor(y / cell[1])) * this.across + across;
    const column = Math.floor((x - across * cell[0]) / this.scale);
    const row = Math.floor((y % cell[1]) / this.scale);
    this.select(channel, row, column);
  }

  // Arrows move by a pixel, page keys by a map; the units of a dense layer are a row.
  key(event) {
    let [channel, row, column] = this.at;
    const arrow = ARROWS[event.key];
    const page = { PageUp: -1, PageDown: 1 }[event.key];
    if (arrow && this.dense) channel += arrow[1] + arrow[0] * this.across;
    else if (arrow) [row, column] = [row + arrow[0], column + arrow[1]];
    else if (page) channel += page;
    else if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    this.select(channel, row, column);
  }

  select(channel, row, column) {
    const inside = (value, size) => Math.max(0, Math.min(value, size - 1));
    this.at = [inside(channel, this.channels), inside(row, this.rows), inside(column, this.columns)];
    this.choose(...this.at);
  }
}
