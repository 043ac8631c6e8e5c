// A small chart of two lines over the passes: training (dashed) and test.

import { short } from "./pixels.js";
import { prepared } from "./plots.js";

const LINES = [
  { colour: "#5b6b78", dashes: [4, 3] },
  { colour: "#0877bd", dashes: [] },
];

// `curve` has points [passes, training, test, ...]; `columns` are the two that are drawn; the axis ends at `most`.
export function drawChart(canvas, curve, columns, most) {
  const { context, width, height } = prepared(canvas);
  const top = most ?? Math.max(...curve.flatMap((point) => columns.map((column) => point[column])));
  const box = { left: 26, top: 5, width: width - 30, height: height - 20 };
  drawAxes(context, box, top, curve.at(-1)[0]);
  const last = Math.max(1, curve.at(-1)[0]);
  columns.forEach((column, i) => drawLine(context, box, LINES[i], curve.map((p) => [p[0] / last, p[column] / top])));
}

function drawAxes(context, { left, top, width, height }, most, passes) {
  context.strokeStyle = "#d9e0e6";
  context.fillStyle = "#5b6b78";
  context.font = "11px system-ui, sans-serif";
  for (const share of [0, 0.5, 1]) {
    const y = top + height * (1 - share);
    context.beginPath();
    context.moveTo(left, y);
    context.lineTo(left + width, y);
    context.stroke();
    context.textAlign = "right";
    context.fillText(short(share * most, 1), left - 4, y + 4);
  }
  context.fillText(`${short(passes, 1)} passes`, left + width, top + height + 13);
}

function drawLine(context, { left, top, width, height }, { colour, dashes }, points) {
  context.beginPath();
  for (const [x, y] of points) context.lineTo(left + x * width, top + (1 - y) * height);
  context.strokeStyle = colour;
  context.lineWidth = 1.8;
  context.setLineDash(dashes);
  context.stroke();
  context.setLineDash([]);
}
