// A kernel whose numbers can be edited. Fractions such as 1/9 are numbers too.

import { make } from "./pixels.js";

const MOST = 7;
const DENOMINATORS = [1, 2, 3, 4, 5, 8, 9, 10, 16, 25, 49];
const NUMBER = /^\s*([+-]?\d*\.?\d+)\s*(?:\/\s*(\d*\.?\d+))?\s*$/;

// The text of a weight: an integer, a fraction, or three decimals.
export function weightText(value) {
  for (const below of DENOMINATORS) {
    const above = Math.round(value * below);
    if (Math.abs(value * below - above) < 1e-4 && (above || Math.abs(value) < 1e-6)) {
      return (below === 1 ? String(above) : `${above}/${below}`).replace("-", "\u2212");
    }
  }
  return value.toFixed(3).replace("-", "\u2212");
}

// The number that a text stands for, or null.
export function numberOf(text) {
  const found = NUMBER.exec(text.replace("\u2212", "-"));
  const value = found && Number(found[1]) / Number(found[2] ?? 1);
  return Number.isFinite(value) && Math.abs(value) <= 1000 ? value : null;
}

// Returns rows of numbers as a table of inputs; `changed(rows)` is called when all of them are numbers again.
export function inputTable(rows, name, changed, text = weightText) {
  const body = make("tbody");
  const table = make("table", { className: "inputs" }, body);
  const read = () => {
    const fields = [...table.querySelectorAll("input")];
    const values = fields.map((field) => numberOf(field.value));
    fields.forEach((field, i) => field.setAttribute("aria-invalid", values[i] === null));
    const width = rows[0].length;
    if (!values.includes(null)) changed(rows.map((_, row) => values.slice(row * width, (row + 1) * width)));
  };
  rows.forEach((row, i) => {
    const cells = row.map((value, j) => {
      const label = `${name}, row ${i + 1}, column ${j + 1}`;
      return make("td", {}, make("input", { type: "text", value: text(value), "aria-label": label, onchange: read }));
    });
    body.append(make("tr", {}, ...cells));
  });
  return table;
}

// Returns rows cut, or filled with zeros, to a size; the middle stays in the middle.
export function resized(rows, height, width) {
  const top = Math.floor((height - rows.length) / 2);
  const left = Math.floor((width - rows[0].length) / 2);
  const line = (_, i) => Array.from({ length: width }, (_, j) => rows[i - top]?.[j - left] ?? 0);
  return Array.from({ length: height }, line);
}

// An array of the server, (H, W), as rows.
export function rowsOf({ data, shape }) {
  const [height, width] = shape;
  return Array.from({ length: height }, (_, i) => Array.from(data.slice(i * width, (i + 1) * width)));
}

// Fills a select with the sizes of kernels.
export function addSizes(select) {
  for (let size = 1; size <= MOST; size++) select.append(new Option(size));
}
