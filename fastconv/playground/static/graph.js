// The picture of a net: a small map for each feature and neuron, and a line for each weight.

import { css, drawMap } from "./colours.js";

const SVG = "http://www.w3.org/2000/svg";
const NODE = 38; // pixels of a side of a map
const ROW = 52; // pixels from one neuron to the next
const TOP = 50; // pixels above the first neuron, for the buttons of its layer
const LEAST_GAP = 60; // pixels from a layer to the next
const OUTPUT_ROW = 3; // the row of the output unit, in the middle of the features
const EDGE = 6; // pixels to the right of the output unit, for its frame
const FEATURES = {
  x1: "x₁", x2: "x₂", x1_squared: "x₁²", x2_squared: "x₂²", x1_x2: "x₁x₂", sin_x1: "sin x₁", sin_x2: "sin x₂",
};

const made = (tag, attributes, parent) => {
  const node = ["path", "svg"].includes(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  const { style = "", ...others } = attributes;
  node.style.cssText = style;
  for (const [name, value] of Object.entries(others)) node.setAttribute(name, value);
  parent.append(node);
  return node;
};

const rounded = (value) => value.toFixed(2).replace("-", "−");

export class Graph {
  // `events` has onFeature(name), onUnits(layer, change), onLook(neuron or null), onEdit(layer, unit, entries, index)
  // and tip(text or "", x, y).
  constructor(container, events) {
    this.container = container;
    this.events = events;
    this.key = "";
    container.addEventListener("keydown", (event) => this.onKey(event));
  }

  // Draws the net of a message of type "state", and of the frames that follow.
  draw(settings, arrays) {
    const key = JSON.stringify([settings.features, settings.shape, this.container.clientWidth]);
    if (key !== this.key) this.build(settings, arrays.features);
    this.key = key;
    this.arrays = arrays;
    this.drawNeurons(settings.discretize);
    this.links.forEach((link) => this.drawLink(link));
    this.shown?.();
  }

  build(settings, features) {
    const focused = this.container.contains(document.activeElement) ? document.activeElement.id : "";
    this.settings = settings;
    this.container.textContent = "";
    this.svg = made("svg", { "aria-hidden": "true" }, this.container);
    this.measure(settings.shape);
    this.buildFeatures(settings, features);
    this.layers = settings.shape.map((units, layer) => this.buildLayer(units, layer));
    this.layers.push([this.buildOutput(settings.shape.length)]);
    this.buildLinks(settings);
    document.getElementById(focused)?.focus();
  }

  measure(shape) {
    const columns = shape.length + 1;
    const rows = Math.max(7, ...shape);
    this.first = this.container.clientWidth < 400 ? 52 : 76; // pixels to the left of the features' maps, for their names
    const width = Math.max(this.container.clientWidth, this.first + NODE + columns * LEAST_GAP + EDGE);
    this.gap = (width - this.first - NODE - EDGE) / columns;
    this.svg.style.width = `${width}px`;
    this.svg.style.height = `${TOP + rows * ROW}px`;
  }

  buildFeatures(settings, features) {
    const names = Object.keys(FEATURES);
    this.features = names.map((name, row) => {
      const active = settings.features.includes(name);
      const label = `Feature ${FEATURES[name]}`;
      const place = `left:0;top:${TOP + row * ROW}px;width:${this.first + NODE}px`;
      const attributes = { class: "feature", id: `feature-${name}`, "aria-pressed": active, "aria-label": label, style: place };
      const button = made("button", attributes, this.container);
      made("span", {}, button).textContent = FEATURES[name];
      const canvas = made("canvas", {}, button);
      drawMap(canvas, features.data.subarray(row * 1024, (row + 1) * 1024));
      button.onclick = () => this.events.onFeature(name);
      return button;
    });
  }

  buildLayer(units, layer) {
    const x = this.first + (layer + 1) * this.gap;
    const counter = made("div", { class: "counter units", style: `left:${x + NODE / 2}px` }, this.container);
    for (const [change, text, word] of [[-1, "−", "Remove a neuron from"], [1, "+", "Add a neuron to"]]) {
      const id = `units-${layer}-${change}`;
      const button = made("button", { class: "small", id, "aria-label": `${word} layer ${layer + 1}` }, counter);
      button.textContent = text;
      button.onclick = () => this.events.onUnits(layer, change);
    }
    made("span", {}, counter).textContent = units === 1 ? "1 neuron" : `${units} neurons`;
    return Array.from({ length: units }, (_, unit) => this.buildNeuron(layer, unit, x));
  }

  buildOutput(layer) {
    const x = this.first + (layer + 1) * this.gap;
    const label = made("span", { class: "output-name", style: `left:${x}px;top:${TOP + OUTPUT_ROW * ROW}px` }, this.container);
    label.textContent = "output";
    return this.buildNeuron(layer, 0, x, OUTPUT_ROW);
  }

  buildNeuron(layer, unit, x, row = unit) {
    const y = TOP + row * ROW;
    const attributes = { class: "neuron", id: `neuron-${layer}-${unit}`, role: "button", style: `left:${x}px;top:${y}px` };
    const node = made("div", attributes, this.container);
    node.setAttribute("aria-label", this.title(layer, unit));
    node.tabIndex = layer + unit === 0 ? 0 : -1;
    made("canvas", {}, node);
    const bias = made("i", {}, node);
    const look = () => this.look(layer, unit, node);
    const leave = () => this.leave();
    node.onclick = () => this.events.onEdit(layer, unit, this.entries(layer, unit), 0);
    Object.assign(node, { onmouseenter: look, onfocus: look, onmouseleave: leave, onblur: leave });
    return { node, bias, x, y: y + NODE / 2 };
  }

  buildLinks({ features, shape }) {
    const names = Object.keys(FEATURES);
    const inputs = features.map((name) => ({ x: this.first, y: TOP + names.indexOf(name) * ROW + NODE / 2 }));
    const columns = [inputs, ...this.layers];
    this.links = [];
    columns.slice(1).forEach((targets, layer) => {
      targets.forEach((target, to) => {
        columns[layer].forEach((source, from) => this.links.push(this.buildLink(source, target, layer, from, to)));
      });
    });
  }

  buildLink(source, target, layer, from, to) {
    const [x, end] = [source.x + NODE, target.x];
    const middle = (x + end) / 2;
    const d = `M${x} ${source.y}C${middle} ${source.y} ${middle} ${target.y} ${end} ${target.y}`;
    const line = made("path", { d, class: "link" }, this.svg);
    const area = made("path", { d, class: "area" }, this.svg);
    const link = { line, layer, from, to };
    area.onmousemove = (event) => this.events.tip(`weight ${this.weightText(layer, from, to)}`, event.clientX, event.clientY);
    area.onmouseleave = () => this.events.tip("");
    area.onclick = () => this.events.onEdit(layer, to, this.entries(layer, to), from + 1);
    return link;
  }

  drawNeurons(twoColours) {
    this.layers.forEach((layer, number) => {
      const bias = this.arrays[`bias${number}`];
      layer.forEach(({ node, bias: mark }, unit) => {
        drawMap(node.firstChild, this.mapOf(number, unit), twoColours && this.isOutput(number));
        mark.style.background = css(bias.data[unit * bias.shape[1]]);
      });
    });
  }

  isOutput(layer) {
    return layer === this.settings.shape.length;
  }

  // The name of a unit for people, who count from 1.
  title(layer, unit) {
    return this.isOutput(layer) ? "Output" : `Neuron ${unit + 1} of layer ${layer + 1}`;
  }

  // The weights of a connection: one number, or two if the unit is a maxout unit.
  weights(layer, from, to) {
    const { data, shape } = this.arrays[`kernel${layer}`];
    const start = (from * shape[1] + to) * shape[2];
    return data.subarray(start, start + shape[2]);
  }

  weightText(layer, from, to) {
    return Array.from(this.weights(layer, from, to), rounded).join(" and ");
  }

  drawLink({ line, layer, from, to }) {
    const weights = this.weights(layer, from, to);
    const weight = weights.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
    line.style.strokeWidth = 0.6 + Math.min(9, 2.4 * Math.abs(weight));
    line.style.stroke = css(Math.sign(weight) * (0.35 + Math.min(0.65, Math.abs(weight))));
  }

  look(layer, unit, node) {
    this.shown = () => this.events.onLook({ layer, unit, map: this.mapOf(layer, unit) });
    this.shown();
    node.setAttribute("aria-label", this.describe(layer, unit));
    const place = node.getBoundingClientRect();
    this.events.tip(this.describe(layer, unit), place.right, place.bottom);
  }

  leave() {
    this.shown = null;
    this.events.tip("");
    this.events.onLook(null);
  }

  mapOf(layer, unit) {
    if (this.isOutput(layer)) return this.arrays.output.data;
    const { data, shape } = this.arrays.neurons;
    const index = this.settings.shape.slice(0, layer).reduce((a, b) => a + b, 0) + unit;
    const size = shape[1] * shape[2];
    return data.subarray(index * size, (index + 1) * size);
  }

  // The bias and the weights of a unit: {name, source, values}, in which the source of the bias is null.
  entries(layer, unit) {
    const { data, shape } = this.arrays[`bias${layer}`];
    const bias = { name: "bias", source: null, values: [...data.subarray(unit * shape[1], (unit + 1) * shape[1])] };
    const name = (from) => (layer ? `neuron ${from + 1}` : FEATURES[this.settings.features[from]]);
    const inputs = layer ? this.settings.shape[layer - 1] : this.settings.features.length;
    const weights = Array.from({ length: inputs }, (_, source) => {
      return { name: name(source), source, values: [...this.weights(layer, source, unit)] };
    });
    return [bias, ...weights];
  }

  describe(layer, unit) {
    const lines = this.entries(layer, unit).map(({ name, values }) => `${name}: ${values.map(rounded).join(" and ")}`);
    return [this.title(layer, unit), ...lines].join("\n");
  }

  // Arrow keys move the focus between neurons, a single stop of the Tab key. Enter opens the weights of a neuron.
  onKey(event) {
    if (event.target.className === "neuron" && event.key === "Enter") {
      event.preventDefault(); // otherwise the key would also press a button of the dialog
      event.target.click();
    }
    const match = /^neuron-(\d+)-(\d+)$/.exec(event.target.id);
    const [right, down] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key] ?? [];
    if (!match || right === undefined) return;
    const layer = Math.max(0, Math.min(this.layers.length - 1, Number(match[1]) + right));
    const unit = Math.max(0, Math.min(this.layers[layer].length - 1, Number(match[2]) + down));
    event.target.tabIndex = -1;
    const next = this.layers[layer][unit].node;
    next.tabIndex = 0;
    next.focus();
    event.preventDefault();
  }
}
