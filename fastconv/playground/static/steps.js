// A kernel on a grid of numbers, a window at a time.

import { inputTable, rowsOf, weightText } from "./editor.js";
import { css, make, peak, short, signed, textOn } from "./pixels.js";

const PACE = 700; // milliseconds for a window
const MOST_TERMS = 25; // of a sum that is written out
const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

const element = (name) => document.getElementById(`filters-${name}`);

export class Steps {
  // `changed(rows)` is called when the user edits the numbers.
  constructor(changed) {
    Object.assign(this, { changed, at: [0, 0], editing: false, timer: null });
    element("grid").onkeydown = (event) => this.key(event);
    element("play").onclick = () => this.toggle();
    element("back").onclick = () => this.move(-1);
    element("forward").onclick = () => this.move(1);
    element("edit").onclick = () => this.edit(!this.editing);
    element("other").onclick = () => this.randomize();
  }

  // Shows the numbers, products and results of the server for a kernel as it slides.
  show({ axes, arrays }, kernel, flip) {
    Object.assign(this, { axes, arrays, kernel, flip });
    this.at = this.at.map((place, i) => Math.max(0, Math.min(place, axes[i].count - 1)));
    if (!axes[0].count || !axes[1].count) this.stop();
    element("formula").replaceChildren(...formulas(axes));
    this.draw();
  }

  get count() {
    return this.axes[0].count * this.axes[1].count;
  }

  get index() {
    return this.at[0] * this.axes[1].count + this.at[1];
  }

  // ---- moving -------------------------------------------------------------------------------------------------------

  move(step) {
    if (!this.count) return;
    const index = (this.index + step + this.count) % this.count;
    this.at = [Math.floor(index / this.axes[1].count), index % this.axes[1].count];
    this.draw();
  }

  key(event) {
    const arrow = ARROWS[event.key];
    if (event.target.tagName === "INPUT" || (!arrow && event.key !== " ")) return;
    event.preventDefault();
    if (!arrow) this.toggle();
    else this.go(this.at[0] + arrow[0], this.at[1] + arrow[1]);
  }

  go(row, column) {
    this.at = [row, column].map((place, i) => Math.max(0, Math.min(place, this.axes[i].count - 1)));
    this.draw();
  }

  toggle() {
    if (this.timer) this.stop();
    else this.play();
  }

  play() {
    if (!this.count) return;
    if (this.index === this.count - 1) this.at = [0, 0];
    this.draw();
    element("play").textContent = "Pause";
    this.timer = setInterval(() => (this.index === this.count - 1 ? this.stop() : this.move(1)), PACE);
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    element("play").textContent = "Play";
  }

  // ---- editing ------------------------------------------------------------------------------------------------------

  edit(editing) {
    this.editing = editing;
    this.stop();
    element("edit").setAttribute("aria-pressed", editing);
    this.draw();
  }

  // The numbers without the zeros around them.
  numbers() {
    const padding = this.axes[0].padding;
    const inner = (list) => list.slice(padding, list.length - padding);
    return inner(rowsOf(this.arrays.numbers)).map(inner);
  }

  randomize() {
    const size = Number(element("size").value);
    const line = () => Array.from({ length: size }, () => Math.floor(Math.random() * 10));
    this.changed(Array.from({ length: size }, line));
  }

  // ---- drawing ------------------------------------------------------------------------------------------------------

  draw() {
    element("numbers").replaceChildren(this.editing ? this.inputs() : this.numberGrid());
    element("sliding").replaceChildren(this.kernelGrid());
    element("sliding-caption").textContent = this.flip ? "kernel, flipped in both directions" : "kernel";
    element("results").replaceChildren(this.resultGrid());
    element("sum").textContent = this.sumText();
    const [rows, columns] = this.axes;
    element("results-caption").textContent = `results, ${rows.count}×${columns.count}`;
    element("numbers-caption").textContent = `numbers, ${rows.size}×${columns.size}${padText(rows.padding)}`;
  }

  inputs() {
    return inputTable(this.numbers(), "number", this.changed, plain);
  }

  numberGrid() {
    const rows = rowsOf(this.arrays.numbers);
    const read = this.axes.map(({ count, stride, window }) => (count ? (count - 1) * stride + window : 0));
    return grid(rows, (cell, value, row, column) => {
      const tap = this.tapAt(row, column);
      if (this.isPadding(row, column, rows)) cell.classList.add("padding");
      if (row >= read[0] || column >= read[1]) cell.classList.add("unread");
      if (this.covers(row, column)) cell.classList.add("covered");
      if (tap !== null) cell.append(make("small", { textContent: `×${weightText(this.kernel[tap[0]][tap[1]])}` }));
      if (tap !== null) cell.classList.add("tap");
    });
  }

  isPadding(row, column, rows) {
    const { padding } = this.axes[0];
    return [[row, rows.length], [column, rows[0].length]].some(([at, size]) => at < padding || at >= size - padding);
  }

  // True if the window covers a number, read or between the taps of a dilated kernel.
  covers(row, column) {
    return [row, column].every((at, i) => {
      const { stride, window, count } = this.axes[i];
      const first = this.at[i] * stride;
      return count > 0 && at >= first && at < first + window;
    });
  }

  // The weight that a number meets, [row, column] of the kernel, or null.
  tapAt(row, column) {
    const taps = [row, column].map((at, i) => (at - this.at[i] * this.axes[i].stride) / this.axes[i].dilation);
    const isTap = this.covers(row, column) && this.count && taps.every(Number.isInteger);
    return isTap ? taps : null;
  }

  kernelGrid() {
    return grid(this.kernel, (cell, value) => {
      const colour = signed(value / peak(this.kernel.flat()));
      cell.textContent = weightText(value);
      cell.style.background = css(colour);
      cell.style.color = textOn(colour);
    });
  }

  resultGrid() {
    if (!this.count) return make("p", { textContent: "No window fits." });
    const { results } = this.arrays;
    return grid(rowsOf(results), (cell, value, row, column) => {
      const index = row * this.axes[1].count + column;
      const colour = signed((0.8 * value) / peak(results.data));
      if (index <= this.index) cell.style.background = css(colour);
      cell.classList.toggle("later", index > this.index);
      cell.classList.toggle("current", index === this.index);
      cell.onclick = () => this.go(row, column);
    });
  }

  sumText() {
    if (!this.count) return "";
    const [row, column] = this.at;
    const taps = this.kernel.flat();
    const { results, products } = this.arrays;
    const first = this.index * taps.length;
    const values = rowsOf(this.arrays.numbers);
    const terms = taps.map((weight, i) => {
      const [kh, kw] = [Math.floor(i / this.kernel[0].length), i % this.kernel[0].length];
      const [rows, columns] = this.axes;
      const value = values[row * rows.stride + kh * rows.dilation][column * columns.stride + kw * columns.dilation];
      return `${plain(value)}·${bracket(weightText(weight))}`;
    });
    const sum = plain(results.data[this.index]);
    if (taps.length > MOST_TERMS) return `${taps.length} products add up to ${sum}.`;
    const written = Array.from(products.data.slice(first, first + taps.length), (product) => bracket(plain(product)));
    return `${terms.join(" + ")} = ${written.join(" + ")} = ${sum}`;
  }
}

// The text of a number with at most three decimals, without zeros at its end.
const plain = (value) => String(Number(value.toFixed(3))).replace("-", "\u2212");

const bracket = (text) => (text.startsWith("\u2212") ? `(${text})` : text);
const padText = (padding) => (padding ? `, and ${padding} zero${padding > 1 ? "s" : ""} around` : "");

// Returns rows of numbers as a table; `decorate(cell, value, row, column)` changes its cells.
function grid(rows, decorate) {
  const body = make("tbody");
  rows.forEach((row, i) => {
    const cells = row.map((value, j) => {
      const cell = make("td", { textContent: plain(value) });
      decorate(cell, value, i, j);
      return cell;
    });
    body.append(make("tr", {}, ...cells));
  });
  return make("table", { className: "grid" }, body);
}

// The formula of the size, once if it is the same for rows and columns.
function formulas([rows, columns]) {
  const same = rows.size === columns.size && rows.window === columns.window;
  const lines = same ? [["", rows]] : [["Rows: ", rows], ["Columns: ", columns]];
  return lines.map(([title, axis]) => formula(title, axis));
}

function formula(title, { size, window, stride, padding, dilation, value, fits, count }) {
  const numbers = `(${size} + 2·${padding} − ${window})/${stride} + 1 = ${short(value, 2)}`;
  const extent = dilation > 1 ? ` F = (${(window - 1) / dilation + 1} − 1)·${dilation} + 1 = ${window}.` : "";
  const verdict = fits ? "" : ` does not fit: ${computed(count)}`;
  const bold = make("b", { textContent: numbers });
  return make("p", { className: fits ? "" : "unfit" }, `${title}(N + 2P − F)/S + 1 = `, bold, `${verdict}.${extent}`);
}

function computed(count) {
  if (!count) return "no window fits";
  return `${count === 1 ? "1 window is" : `${count} windows are`} computed, and the last numbers are not read`;
}
