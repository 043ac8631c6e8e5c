// The CNN tab: LeNet-5 learns digits, and shows what it computes for a drawing.

import { Computation } from "./computation.js";
import { drawChart } from "./curves.js";
import { LayerView } from "./layer.js";
import { Pad } from "./pad.js";
import { ink, make, paintMap, peak, short, signed, textOn } from "./pixels.js";
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
    this.pad = new Pad(element("pad"), (strokes) => this.turns.ask("draw", { strokes }), (context, side) => this.drawScan(context, side));
    this.pad.drawOver = (context, side) => this.drawField(context, side);
    this.computation = new Computation(element("pixel"), TITLES);
    this.listen();
    this.addBars();
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

  // ---- messages of the server ----------------------------------------------------------------------------------------

  receive(message) {
    const { type } = message;
    if (type === "playing") this.showPlaying(message.playing);
    else if (type === "frame") this.showFrame(message);
    else if (type === "error") this.turns.answered();
    else this.showPicture(message);
  }

  showPicture(message) {
    if (message.type === "state") this.begin(message);
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
    requestAnimationFrame(() => {
      this.paint(message);
      this.connection.send("drawn");
    });
  }

  // ---- layers --------------------------------------------------------------------------------------------------------

  addLayers() {
    this.views = {};
    for (const name of LAYERS) {
      const shape = this.stages[name];
      const choose = name === "input" ? null : (channel, row, column) => this.select(name, channel, row, column);
      const label = `${TITLES[name]}, ${shape.join("×")}`;
      const hint = shape.length === 1 ? "arrow keys choose a number" : "arrow keys choose a pixel, page keys a map";
      const canvas = make("canvas", { id: `digits-${name}`, role: choose ? "application" : "img" });
      canvas.setAttribute("aria-label", choose ? `${label}: ${hint}` : label);
      const caption = make("div", { className: "caption" }, make("b", { textContent: TITLES[name] }), ` ${note(name, shape)}`);
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
    this.showFacts(message);
    this.showBars(message.arrays.probabilities.data, message.class);
    this.showFilters(message.arrays);
    element("chosen").hidden = !message.window;
    if (message.window) this.computation.show(message, this.net);
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

  // ---- the digit -----------------------------------------------------------------------------------------------------

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
    const back = (x, y) => [(d * (x - e) - b * (y - f)) / (a * d - b * c), (a * (y - f) - c * (x - e)) / (a * d - b * c)];
    const corners = [[left, top], [left + width, top], [left + width, top + height], [left, top + height]];
    context.beginPath();
    for (const [x, y] of corners) context.lineTo(...back(x, y).map((share) => share * side));
    context.closePath();
    for (const [colour, thickness] of [["#fff", 5], ["#7a3fd0", 2.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = thickness;
      context.stroke();
    }
  }

  showFacts({ step, index, label, arrays }) {
    const [passes, loss, known, testLoss, right] = this.curve.at(-1);
    element("passes").textContent = `Step ${step}, pass ${short(passes, 1)}`;
    element("loss").textContent = `training ${short(loss, 3)}, test ${short(testLoss, 3)}`;
    element("accuracy").textContent = `training ${percent(known)}, test ${percent(right)}`;
    drawChart(element("loss-chart"), this.curve, [1, 3]);
    drawChart(element("accuracy-chart"), this.curve, [2, 4], 1);
    const probabilities = arrays.probabilities.data;
    const guess = probabilities.indexOf(Math.max(...probabilities));
    const source = index === null ? "Your drawing" : `Test scan ${index}, a ${label}`;
    element("source").textContent = index === null || guess === label ? source : `${source}, misread`;
    element("guess").textContent = `${guess} (${percent(probabilities[guess])})`;
    const canvas = element("scan");
    paintMap(canvas.getContext("2d"), arrays.scan, 0, (value) => ink(value / 16), [0, 0, canvas.width, canvas.height]);
    labelScan(canvas, arrays.scan.data);
  }

  // ---- probabilities -------------------------------------------------------------------------------------------------

  addBars() {
    this.bars = Array.from({ length: 10 }, (_, number) => {
      const fill = make("i");
      const share = make("span");
      const button = make("button", { className: "bar-row" }, make("b", { textContent: number }), make("em", {}, fill), share);
      button.onclick = () => this.select("probabilities", number, 0, 0);
      element("bars").append(button);
      return { button, fill, share };
    });
  }

  showBars(probabilities, chosen) {
    const largest = probabilities.indexOf(Math.max(...probabilities));
    this.bars.forEach(({ button, fill, share }, number) => {
      fill.style.width = `${100 * probabilities[number]}%`;
      share.textContent = percent(probabilities[number]);
      button.classList.toggle("largest", number === largest);
      button.setAttribute("aria-label", `Class ${number}: ${percent(probabilities[number])}. Show how it is computed.`);
    });
    element("class").value = chosen ?? "";
    element("view").textContent = chosen === null
      ? "Each square is a number: orange below 0, blue above. Click a pixel, or move with the arrow keys."
      : `The gradient of score ${chosen}: how it changes if a number changes. Blue raises the score, orange lowers it.`;
  }

  // ---- filters -------------------------------------------------------------------------------------------------------

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

const percent = (share) => `${(100 * share).toFixed(1)} %`;

function note(name, shape) {
  const size = shape.join("×");
  if (name.startsWith("conv")) return `5×5, stride 1: ${size}`;
  if (name.startsWith("pool")) return `2×2, stride 2: ${size}`;
  return name === "input" ? size.replace("×1", "") : `${size} numbers`;
}

// Writes the numbers of the scan, 0 to 16, into its squares.
function labelScan(canvas, numbers) {
  const context = canvas.getContext("2d");
  const side = canvas.width / 8;
  context.font = "11px system-ui, sans-serif";
  context.textAlign = "center";
  numbers.forEach((number, i) => {
    context.fillStyle = textOn(ink(number / 16));
    context.fillText(number, ((i % 8) + 0.5) * side, (Math.floor(i / 8) + 0.68) * side);
  });
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
