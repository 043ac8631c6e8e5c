// How a pixel of a map is computed: its window, the kernel, the products and the sum.

import { channelOf, ink, make, numberTable, paintSquare, peak, short, signed } from "./pixels.js";

const FUNCTIONS = { relu: "ReLU", tanh: "tanh" };
const LARGE = 150; // pixels of a picture of a dense layer's inputs

const scaled = (data) => {
  const most = peak(data);
  return (value) => signed(value / most);
};

const sum = (data) => data.reduce((a, b) => a + b, 0);

export class Computation {
  // `titles` has the name of each layer for people, `net` the activation and the kind of pooling.
  constructor(panel, titles) {
    Object.assign(this, { panel, titles, channel: 0 });
    panel.onpointerdown = panel.onclick = (event) => this.chooseChannel(event.target.closest(".channel"));
  }

  // Training shows the computation again many times a second, so a button may be another when it is released.
  chooseChannel(button) {
    if (!button) return;
    this.channel = Number(button.value);
    this.show(this.message, this.net);
    this.panel.querySelectorAll(".channel")[this.channel].focus();
  }

  show(message, net) {
    Object.assign(this, { message, net });
    const focused = document.activeElement?.closest(".channel")?.value;
    this.draw(message, net);
    if (focused) this.panel.querySelectorAll(".channel")[focused]?.focus();
  }

  draw({ window: pixel, arrays }, net) {
    const inputs = arrays["window/inputs"];
    const parts = { inputs, weights: arrays["window/weights"], products: arrays["window/products"] };
    const show = { convolution: "convolution", pool: "pooling", dense: "dense", softmax: "softmax" }[pixel.kind];
    this.panel.replaceChildren(this.heading(pixel), ...this[show](pixel, parts, net));
  }

  heading(pixel) {
    const isMap = pixel.kind === "convolution" || pixel.kind === "pool";
    const { row, column, channel } = pixel;
    const unit = isClass(pixel.layer) ? `class ${channel}` : `number ${channel + 1}`;
    const place = isMap ? `row ${row + 1}, column ${column + 1} of map ${channel + 1}` : unit;
    const title = make("h3", { textContent: `${this.titles[pixel.layer]}: ${place}` });
    const text = fieldText(pixel.field) + gradientText(this.message);
    return make("div", {}, title, make("p", { textContent: text }));
  }

  convolution(pixel, parts, net) {
    const channels = parts.inputs.shape[2];
    this.channel = Math.min(this.channel, channels - 1);
    const shown = this.channel;
    const { inputs, weights, products } = mapValues(parts, (part) => channelOf(part, shown));
    const paper = pixel.before === "input" ? ink : scaled(parts.inputs.data);
    const equation = make("div", { className: "equation" },
      numberTable(inputs, paper, channels > 1 ? `window of map ${shown + 1}` : "window"), "×",
      numberTable(weights, scaled(parts.weights.data), "kernel"), "=",
      numberTable(products, scaled(parts.products.data), `products, sum ${short(sum(products.data), 3)}`));
    const rows = channels > 1 ? [this.channelRow(parts)] : [];
    return [...rows, equation, this.total(pixel, parts, net, channels)];
  }

  // A small picture of window, kernel and products for each map of the layer before; a click shows its numbers.
  channelRow(parts) {
    const row = make("div", { className: "channels", role: "group", "aria-label": "Maps of the layer before" });
    for (let channel = 0; channel < parts.inputs.shape[2]; channel++) {
      const products = channelOf(parts.products, channel);
      const pressed = String(channel === this.channel);
      const button = make("button", { className: "channel", value: channel, "aria-pressed": pressed });
      for (const part of [parts.inputs, parts.weights, parts.products]) {
        const canvas = button.appendChild(make("canvas"));
        paintSquare(canvas, part, scaled(part.data), 30, channel);
      }
      button.append(make("span", { textContent: `map ${channel + 1}: ${short(sum(products.data), 2)}` }));
      row.append(button);
    }
    return row;
  }

  total(pixel, parts, net, channels) {
    const before = pixel.sum + pixel.bias;
    const name = pixel.layer === "scores" ? "" : FUNCTIONS[net.activation];
    const count = parts.products.data.length;
    const maps = channels > 1 ? ` of all ${channels} maps` : "";
    const [sum, bias, result] = [pixel.sum, pixel.bias, before].map((number) => short(number, 3));
    const text = `Sum of ${count} products${maps}: ${sum}, plus the bias ${bias}: ${result}. `;
    return make("p", { className: "total" }, text, name ? `${name}(${result}) = ` : "", value(pixel));
  }

  pooling(pixel, { inputs }, net) {
    const rule = net.pooling === "max" ? "The largest of the four: " : "The mean of the four: ";
    const table = numberTable(inputs, scaled(inputs.data), `window of map ${pixel.channel + 1}`);
    const result = make("p", { className: "total" }, rule, value(pixel));
    return [make("div", { className: "equation" }, table, "→", result)];
  }

  dense(pixel, parts, net) {
    const names = ["inputs", "weights", "products"];
    const pictures = names.flatMap((name, i) => [this.picture(parts[name], name), ["×", "=", ""][i]]);
    return [make("div", { className: "equation" }, ...pictures), this.total(pixel, parts, net, 1)];
  }

  // All inputs of a dense layer as one picture: maps in a square, or numbers in rows of twelve.
  picture({ data, shape }, name) {
    const canvas = make("canvas", { role: "img", "aria-label": `${name}: ${data.length} numbers` });
    const flat = shape.length === 1 ? inRows(data) : inSquare(data, shape);
    paintSquare(canvas, flat, scaled(data), LARGE);
    canvas.style.height = `${(LARGE * flat.shape[0]) / flat.shape[1]}px`;
    return make("figure", {}, canvas, make("figcaption", { textContent: `${data.length} ${name}` }));
  }

  softmax(pixel, { inputs, products }) {
    const scores = Array.from(inputs.data);
    const terms = Array.from(products.data);
    const row = (title, texts) => make("tr", {}, make("th", { textContent: title }),
      ...texts.map((textContent, i) => make("td", { textContent, className: i === pixel.channel ? "chosen" : "" })));
    const rows = [
      row("class", scores.map((_, i) => i)),
      row("score s", scores.map((score) => short(score))),
      row("exp(s − largest)", terms.map((term) => short(term, 4))),
    ];
    const share = `${short(terms[pixel.channel], 4)} / ${short(pixel.sum, 4)}`;
    const text = `Its exponential over the sum of all ten: ${share} = `;
    const table = make("table", { className: "scores" }, make("tbody", {}, ...rows));
    return [table, make("p", { className: "total" }, text, value(pixel, 4))];
  }
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([key, part]) => [key, change(part)]));
}

const value = (pixel, decimals = 3) => make("strong", { textContent: short(pixel.value, decimals) });

const isClass = (layer) => layer === "scores" || layer === "probabilities"; // whose units have the names 0 to 9

// Describes the receptive field.
function fieldText([top, left, height, width]) {
  if (height === 32 && width === 32) return "It depends on all 32×32 pixels of the digit.";
  const rows = `rows ${top + 1} to ${top + height}, columns ${left + 1} to ${left + width}`;
  return `It depends on ${height}×${width} of the 32×32 pixels: ${rows} (violet box on the digit).`;
}

// Tells the gradient of the chosen class's score with respect to the pixel, if gradients are shown.
function gradientText({ class: number, window: pixel, arrays }) {
  const gradient = arrays[`gradient/${pixel.layer}`];
  if (!gradient) return "";
  const [, columns = 1, channels = gradient.shape[0]] = gradient.shape;
  const index = (pixel.row * columns + pixel.column) * channels + pixel.channel;
  return ` If it grows by 1, score ${number} changes by about ${short(gradient.data[index], 3)}, its gradient.`;
}

function inRows(data) {
  const columns = 12;
  const rows = Math.ceil(data.length / columns);
  const padded = new Float32Array(rows * columns);
  padded.set(data);
  return { data: padded, shape: [rows, columns] };
}

// (5, 5, 16) as 4x4 maps of 5x5 with a line between them.
function inSquare(data, [rows, columns, channels]) {
  const across = Math.ceil(Math.sqrt(channels));
  const cell = columns + 1;
  const side = across * cell - 1;
  const flat = new Float32Array(side * side);
  data.forEach((number, i) => {
    const channel = i % channels;
    const column = Math.floor(i / channels) % columns;
    const row = Math.floor(i / channels / columns);
    flat[(Math.floor(channel / across) * cell + row) * side + (channel % across) * cell + column] = number;
  });
  return { data: flat, shape: [side, side] };
}
