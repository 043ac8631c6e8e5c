// Plots of the Networks tab: points of the plane, and curves of losses.

import { darker } from "./colours.js";

const SIDE = 6; // the plane is drawn between -6 and 6

// Returns the context of a canvas with as many pixels as its place on the screen, and the place's size.
export function prepared(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const ratio = devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return { context, width, height };
}

// `points` has rows of x1, x2, value and 1 for points of the test set.
export function drawPoints(canvas, points, { showTest = true, radius = 3 } = {}) {
  const { context, width } = prepared(canvas);
  const place = (value) => ((value + SIDE) / (2 * SIDE)) * width;
  for (let i = 0; i < points.length; i += 4) {
    const [x, y, value, isTest] = points.subarray(i, i + 4);
    if (isTest && !showTest) continue;
    context.beginPath();
    context.arc(place(x), place(-y), radius, 0, 2 * Math.PI);
    context.fillStyle = darker(value);
    context.fill();
    context.lineWidth = isTest ? 1.3 : 1;
    context.strokeStyle = isTest ? "#111" : "#fff";
    context.stroke();
  }
}

// `curves` has rows of passes, train loss and test loss.
export function drawCurves(canvas, curves) {
  const { context, width, height } = prepared(canvas);
  const rows = curves.length / 3;
  const last = Math.max(1, curves[curves.length - 3]);
  let most = 0;
  for (let i = 0; i < rows; i++) most = Math.max(most, curves[3 * i + 1], curves[3 * i + 2]);
  const line = (column, colour, thickness, dashes) => {
    context.beginPath();
    for (let i = 0; i < rows; i++) {
      const y = height - 2 - (curves[3 * i + column] / (most || 1)) * (height - 4);
      context.lineTo((curves[3 * i] / last) * (width - 2) + 1, y);
    }
    context.strokeStyle = colour;
    context.lineWidth = thickness;
    context.setLineDash(dashes);
    context.stroke();
  };
  line(1, "#7b8994", 1.6, [4, 2]);
  line(2, "#12293a", 1.8, []);
}
