// The CNN tab: LeNet-5 learns digits, and shows what it computes for a drawing.

import { Computation } from "./computation.js";
import { LayerView } from "./layer.js";
import { Outcome } from "./outcome.js";
import { Pad } from "./pad.js";
import { ink, make, paintMap, peak, signed, textOn } from "./pixels.js";
import { Turns } from "./turns.js";

const TITLES = {
  input: "Input",
  conv1: "Convolution 1",
  pool1: "Pooling 1",
  conv2: "Convolution 2",
  pool2: "Pooling 2",
  dense1: "Dense 1",
  dense2: "Dense 2",
  scores: "Scores",
  probabilities: "Probabilities",
};
const SCALES = { input: 3, conv1: 4, pool1: 4, conv2: 4, pool2: 8, dense1: 5, dense2: 5, scores: 24 };
const LAYERS = Object.keys(SCALES);

const element = (name) => document.getElementById(`digits-${name}`);

class Digits {
  constructor(panel, connection) {
    Object.assign(this, { connection, turns: new Turns(connection), net: null });
    const changed = (strokes) => this.turns.ask("draw", { strokes });
    this.pad = new Pad(element("pad"), changed, (context, side) => this.drawScan(context, side));
    this.pad.drawOver = (context, side) => this.drawField(context, side);
    this.computation = new Computation(element("pixel"), TITLES);
    this.listen();
    this.outcome = new Outcome((number) => this.select("probabilities", number, 0, 0));
    connection.send("state");
  }

  listen() {
    const on = (name, action) => (element(name).onclick = action);
    on("play", () => this.connection.send(this.playing ? "pause" : "play"));
    on("step", () => this.connection.send("step"));
    on("reset", () => this.reset());
    on("clear", () => this.pad.clear());
    on("undo", () => this.pad.undo());
    on("earlier", () => this.showScan(-1));
    on("next", () => this.showScan(1));
    on("mistake", () => this.look("mistake"));
    on("close", () => this.turns.ask("select", { layer: null }));
    element("kind").onchange = element("rate").onchange = () => this.reset();
    element("class").onchange = (event) => this.chooseClass(event.target.value);
    new ResizeObserver(() => this.fit()).observe(element("layers"));
  }

  reset() {
    this.connection.send("reset", { kind: element("kind").value, rate: Number(element("rate").value) });
  }

  look(type, fields) {
    this.pad.forget();
    this.turns.ask(type, fields);
  }

  showScan(step) {
    const index = this.message.index ?? (step > 0 ? -1 : 0);
    this.look("scan", { index: (index + step + this.tests) % this.tests });
  }

  chooseClass(value) {
    this.turns.ask("gradient", { class: value === "" ? null : Number(value) });
  }

  // ---- messages of the server ---------------------------------------------------------------------------------------

  receive(message) {
    const { type } = message;
    if (type === "playing") this.showPlaying(message.playing);
    else if (type === "frame") this.showFrame(message);
    else if (type === "error") this.turns.answered();
    else this.showPicture(message);
  }

  showPicture(message) {
    if (message.type === "state") this.begin(message);
    this.latest = message;
    this.paint(message);
    this.turns.answered();
  }

  begin(state) {
    const { kind, rate, playing, curve, stages, tests, activation, pooling, arrays } = state;
    Object.assign(this, { curve, stages, tests, net: { activation, pooling } });
    this.before = { conv1: arrays["before/conv1"], conv2: arrays["before/conv2"] };
    element("kind").value = kind;
    element("rate").value = rate;
    if (!this.views) this.addLayers();
    this.showPlaying(playing);
  }

  showPlaying(playing) {
    this.playing = playing;
    element("play").textContent = playing ? "Pause" : "Train";
    element("play").setAttribute("aria-pressed", playing);
    element("pixel").setAttribute("aria-live", playing ? "off" : "polite");
  }

  // Draws a frame of the training, and lets the server compute the next.
  showFrame(message) {
    if (message.point[0] > this.curve.at(-1)[0]) this.curve.push(message.point);
    this.latest = message;
    requestAnimationFrame(() => {
      if (this.latest === message) this.paint(message);
      this.connection.send("drawn");
    });
  }

  // ---- layers -------------------------------------------------------------------------------------------------------

  addLayers() {
    this.views = {};
    for (const name of LAYERS) {
      const shape = this.stages[name];
      const choose = name === "input" ? null : (channel, row, column) => this.select(name, channel, row, column);
      const label = `${TITLES[name]}, ${shape.join("×")}`;
      const hint = shape.length === 1 ? "arrow keys choose a number" : "arrow keys choose a pixel, page keys a map";
      const canvas = make("canvas", { id: `digits-${name}`, role: choose ? "application" : "img" });
      canvas.setAttribute("aria-label", choose ? `${label}: ${hint}` : label);
      const title = make("b", { textContent: TITLES[name] });
      const caption = make("div", { className: "caption" }, title, ` ${note(name, shape)}`);
      element("layers").append(make("div", { className: "layer" }, caption, canvas));
      this.views[name] = new LayerView(canvas, name, shape, SCALES[name], choose);
    }
    this.fit();
  }

  fit() {
    if (!this.views) return;
    const narrow = element("layers").clientWidth < 560;
    const width = element("layers").clientWidth - (narrow ? 0 : 150);
    for (const view of Object.values(this.views)) view.fit(Math.max(width, 120));
    if (this.message) this.paint(this.message);
  }

  select(layer, channel, row, column) {
    this.turns.ask("select", { layer, channel, row, column });
  }

  paint(message) {
    this.message = message;
    const prefix = message.class === null ? "" : "gradient/";
    for (const [name, view] of Object.entries(this.views)) this.drawLayer(name, view, message.arrays[prefix + name]);
    this.markWindow(message.window);
    this.drawScores(message.arrays.scores);
    this.pad.draw();
    this.outcome.show(message, this.curve);
    this.showView(message.class);
    this.showFilters(message.arrays);
    if (message.window) this.showComputation(message);
    else element("chosen").hidden = true;
  }

  // Shows the computation of a pixel below its layer, which stays at its place on the screen, and scrolls to a
  // computation at a new place until it is visible, or until the layer before is at the top.
  showComputation(message) {
    const { layer, before } = message.window;
    const view = this.views[layer] ?? this.views[before];
    const row = view.canvas.parentNode;
    const panel = element("chosen");
    const isNew = panel.hidden || row.nextSibling !== panel;
    const place = view.canvas.getBoundingClientRect().top;
    if (isNew) row.after(panel);
    panel.hidden = false;
    this.computation.show(message, this.net);
    if (isNew) scrollBy(0, view.canvas.getBoundingClientRect().top - place);
    if (isNew) reveal(panel, this.views[before].canvas);
  }

  drawLayer(name, view, map) {
    if (!map || name === "scores") return; // gradients have no scores
    const most = peak(map.data);
    const isPicture = name === "input" && this.message.class === null;
    view.draw(map, isPicture ? ink : (value) => signed(value / most));
  }

  // The ten scores, with their classes.
  drawScores(scores) {
    const view = this.views.scores;
    const most = peak(scores.data);
    view.draw(scores, (value) => signed(value / most));
    const context = view.canvas.getContext("2d");
    context.font = "13px system-ui, sans-serif";
    context.textAlign = "center";
    for (let number = 0; number < 10; number++) {
      const [x, y] = view.place(number);
      context.fillStyle = textOn(signed(scores.data[number] / most));
      context.fillText(number, x + 12, y + 17);
    }
  }

  markWindow(pixel) {
    if (!pixel) return;
    const { layer, channel, row, column } = pixel;
    this.views[layer]?.mark([row, column, 1, 1], channel);
    const before = this.views[pixel.before];
    if (before.dense) before.markAll();
    else before.mark(pixel.box, pixel.kind === "pool" ? channel : undefined);
    if (pixel.before !== "input") this.views.input.mark(pixel.field);
  }

  // ---- the digit ----------------------------------------------------------------------------------------------------

  // Draws the test scan on the pad, if there is one.
  drawScan(context, side) {
    if (!this.message || this.message.index === null || this.pad.strokes.length) return;
    paintMap(context, this.message.arrays.scan, 0, (value) => ink(value / 16), [0, 0, side, side]);
  }

  // Draws the receptive field on the pad: pixel = matrix (x, y) + offset, so (x, y) = inverse matrix (pixel - offset).
  drawField(context, side) {
    const pixel = this.message?.window;
    if (!pixel) return;
    const [top, left, height, width] = pixel.field;
    const [[a, b, e], [c, d, f]] = this.message.index === null ? this.message.place : [[32, 0, 0], [0, 32, 0]];
    const scale = side / (a * d - b * c);
    const back = (x, y) => [scale * (d * (x - e) - b * (y - f)), scale * (a * (y - f) - c * (x - e))];
    const corners = [[left, top], [left + width, top], [left + width, top + height], [left, top + height]];
    context.beginPath();
    for (const [x, y] of corners) context.lineTo(...back(x, y));
    context.closePath();
    for (const [colour, thickness] of [["#fff", 5], ["#7a3fd0", 2.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = thickness;
      context.stroke();
    }
  }

  showView(chosen) {
    element("class").value = chosen ?? "";
    element("view").textContent = chosen === null
      ? "Each square is a number: orange below 0, blue above. Click a pixel, or move with the arrow keys. Rows, columns and maps count from 1."
      : `The gradient of score ${chosen}, by each number: blue raises the score if it grows, orange lowers it.`;
  }

  // ---- filters ------------------------------------------------------------------------------------------------------

  showFilters(arrays) {
    const scale = { conv1: 9, conv2: 4 };
    for (const name of ["conv1", "conv2"]) {
      const [before, now] = [this.before[name], arrays[`kernel/${name}`]];
      const most = Math.max(peak(before.data), peak(now.data));
      drawKernels(element(`${name}-before`), before, scale[name], most);
      drawKernels(element(`${name}-now`), now, scale[name], most);
    }
  }

  show() {
    this.fit();
  }

  hide() {
    if (this.playing) this.connection.send("pause");
  }

  reconnected() {
    this.turns.reset();
    this.connection.send("state");
  }
}

// Scrolls down until the bottom of `panel` is visible, but not further than the top of `above`.
function reveal(panel, above) {
  const hidden = panel.getBoundingClientRect().bottom + 8 - innerHeight;
  const most = above.getBoundingClientRect().top - 8;
  scrollBy(0, Math.max(0, Math.min(hidden, most)));
}

function note(name, shape) {
  const size = shape.join("×");
  if (name.startsWith("conv")) return `5×5, stride 1: ${size}`;
  if (name.startsWith("pool")) return `2×2, stride 2: ${size}`;
  return name === "input" ? size.replace("×1", "") : `${size} numbers`;
}

// Draws kernels (KH, KW, CI, CO): a column for each output map, a row for each input map.
function drawKernels(canvas, { data, shape }, scale, most) {
  const [height, width, inputs, outputs] = shape;
  const cell = [width * scale + 4, height * scale + 4];
  canvas.width = outputs * cell[0] - 4;
  canvas.height = inputs * cell[1] - 4;
  const context = canvas.getContext("2d");
  const flat = { data, shape: [height, width, inputs * outputs] };
  for (let channel = 0; channel < inputs * outputs; channel++) {
    const x = (channel % outputs) * cell[0];
    const y = Math.floor(channel / outputs) * cell[1];
    paintMap(context, flat, channel, (value) => signed(value / most), [x, y, width * scale, height * scale]);
  }
}

export const open = (panel, connection) => new Digits(panel, connection);
