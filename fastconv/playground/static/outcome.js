// What the net makes of a digit: its scan, its probabilities, and the curves of the training.

import { drawChart } from "./curves.js";
import { ink, make, paintMap, short, textOn } from "./pixels.js";

const percent = (share) => `${(100 * share).toFixed(1)} %`;

const element = (name) => document.getElementById(`digits-${name}`);

export class Outcome {
  // `choose(number)` is called for a chosen class.
  constructor(choose) {
    this.bars = Array.from({ length: 10 }, (_, number) => addBar(number, choose));
  }

  show({ step, index, label, arrays }, curve) {
    this.showCurves(step, curve);
    this.showScan(arrays.scan);
    const probabilities = arrays.probabilities.data;
    const guess = probabilities.indexOf(Math.max(...probabilities));
    const isBlank = index === null && arrays.scan.data.every((number) => number === 0);
    const source = index === null ? "Your drawing" : `Test scan ${index + 1}, a ${label}`;
    element("source").textContent = index === null || guess === label ? source : `${source}, misread`;
    element("guess").textContent = isBlank ? "–" : `${guess} (${percent(probabilities[guess])})`;
    this.bars.forEach((bar, number) => showBar(bar, number, probabilities[number], number === guess && !isBlank));
  }

  showCurves(step, curve) {
    const [passes, loss, accuracy, testLoss, testAccuracy] = curve.at(-1);
    element("passes").textContent = `Step ${step}, pass ${short(passes, 1)}`;
    element("loss").textContent = `training ${short(loss, 3)}, test ${short(testLoss, 3)}`;
    element("accuracy").textContent = `training ${percent(accuracy)}, test ${percent(testAccuracy)}`;
    drawChart(element("loss-chart"), curve, [1, 3]);
    drawChart(element("accuracy-chart"), curve, [2, 4], 1);
  }

  // Draws the scan with its numbers, 0 to 16.
  showScan(scan) {
    const canvas = element("scan");
    const context = canvas.getContext("2d");
    const side = canvas.width / 8;
    paintMap(context, scan, 0, (value) => ink(value / 16), [0, 0, canvas.width, canvas.height]);
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "center";
    scan.data.forEach((number, i) => {
      context.fillStyle = textOn(ink(number / 16));
      context.fillText(number, ((i % 8) + 0.5) * side, (Math.floor(i / 8) + 0.68) * side);
    });
  }
}

function addBar(number, choose) {
  const fill = make("i");
  const share = make("span");
  const parts = [make("b", { textContent: number }), make("em", {}, fill), share];
  const button = make("button", { className: "bar-row", onclick: () => choose(number) }, ...parts);
  element("bars").append(button);
  return { button, fill, share };
}

function showBar({ button, fill, share }, number, probability, isLargest) {
  fill.style.width = percent(probability).replace(" ", "");
  share.textContent = percent(probability);
  button.classList.toggle("largest", isLargest);
  button.setAttribute("aria-label", `Class ${number}: ${percent(probability)}. Show how it is computed.`);
}
