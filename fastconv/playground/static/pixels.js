// Pictures made of numbers: maps, kernels, scans.

export { rgb as signed } from "./colours.js";

const INK = [24, 34, 44];

// Colours of a number from 0 to 1: paper and ink.
export const ink = (v) => INK.map((value) => Math.round(255 + (value - 255) * Math.max(0, Math.min(v, 1))));

export const css = (colour) => `rgb(${colour.join()})`;

// Text that is readable on a colour.
export const textOn = ([r, g, b]) => (0.3 * r + 0.59 * g + 0.11 * b > 140 ? "#22303c" : "#fff");

// The largest absolute value.
export function peak(data) {
  let most = 0;
  for (const value of data) most = Math.max(most, Math.abs(value));
  return most || 1;
}

// A short text of a number, with a true minus sign.
export function short(value, decimals = decimalsOf(Math.abs(value))) {
  const text = Number.isInteger(value) ? String(value) : value.toFixed(decimals);
  return text.replace(/^-0(\.0+)?$/, "0").replace("-", "\u2212");
}

function decimalsOf(size) {
  if (size < 0.0995) return 3;
  return size < 10 ? 2 : 1;
}

const scratch = document.createElement("canvas");

// Draws a channel of maps (H, W, C) into a rectangle, each number as a square of `colour(number)`.
export function paintMap(context, { data, shape }, channel, colour, [x, y, width, height]) {
  const [rows, columns, channels = 1] = shape;
  const image = new ImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) {
    image.data.set(colour(data[i * channels + channel]), 4 * i);
    image.data[4 * i + 3] = 255;
  }
  scratch.width = columns;
  scratch.height = rows;
  scratch.getContext("2d").putImageData(image, 0, 0);
  context.imageSmoothingEnabled = false;
  context.drawImage(scratch, x, y, width, height);
}

// Draws one map that fills a canvas of `side` pixels.
export function paintSquare(canvas, map, colour, side, channel = 0) {
  canvas.width = canvas.height = side;
  paintMap(canvas.getContext("2d"), map, channel, colour, [0, 0, side, side]);
}

// Draws the edge of a rectangle so that it shows on any colour.
export function outline(context, x, y, width, height) {
  for (const [colour, thickness] of [["#fff", 4], ["#7a3fd0", 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = thickness;
    context.strokeRect(x, y, width, height);
  }
}

// Returns an element with properties, attributes (names with a hyphen, and role) and children.
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

// Returns a table of numbers (H, W), each cell in the colour of its number.
export function numberTable({ data, shape }, colour, caption) {
  const [rows, columns] = shape;
  const body = make("tbody");
  for (let row = 0; row < rows; row++) {
    const line = body.appendChild(make("tr"));
    for (let column = 0; column < columns; column++) {
      const value = data[row * columns + column];
      const cell = line.appendChild(make("td", { textContent: short(value) }));
      cell.style.background = css(colour(value));
      cell.style.color = textOn(colour(value));
    }
  }
  return make("table", { className: "numbers" }, make("caption", { textContent: caption }), body);
}

// Returns one channel of an array (H, W, C) as an array (H, W).
export function channelOf({ data, shape }, channel) {
  const channels = shape[2] ?? 1;
  return { data: data.filter((_, i) => i % channels === channel), shape: shape.slice(0, 2) };
}
