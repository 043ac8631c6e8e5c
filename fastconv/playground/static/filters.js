// The Filters tab: kernels on pictures, and on a grid of numbers step by step.

import { addSizes, inputTable, resized, rowsOf } from "./editor.js";
import { peak, short } from "./pixels.js";
import { Camera, readFile } from "./sources.js";
import { Steps } from "./steps.js";
import { Turns } from "./turns.js";

const FILTERS = {
  identity: ["Identity", "Each result is the number in the middle: nothing changes."],
  box_3x3: ["Box 3×3", "The mean of nine pixels: a little blur."],
  box_7x7: ["Box 7×7", "The mean of 49 pixels: strong blur."],
  gaussian: ["Gaussian", "A weighted mean: near pixels count more, so the blur is smoother than a box."],
  sharpen: ["Sharpen", "Identity plus highpass: differences from the neighbors grow."],
  highpass: ["Highpass", "The difference from the neighbors: plain areas become 0."],
  sobel_x: ["Sobel x", "The slope from left to right: vertical edges."],
  sobel_y: ["Sobel y", "The slope from top to bottom: horizontal edges."],
  sobel_magnitude: ["Sobel magnitude", "√(x² + y²) of both Sobel filters: edges in any direction. The grid has Sobel x."],
  edge_diagonal: ["Edges, diagonal", "Differences across both diagonals: corners and diagonal edges."],
  edge_laplacian: ["Edges, Laplacian", "The sum of the four neighbors minus four times the middle."],
  edge_outline: ["Edges, outline", "Eight times the middle minus its eight neighbors: outlines."],
  custom: ["Your own", "Change any number of the kernel. Fractions such as 1/9 are allowed."],
};

const element = (name) => document.getElementById(`filters-${name}`);

class Filters {
  constructor(panel, connection) {
    Object.assign(this, { connection, turns: new Turns(connection), camera: new Camera() });
    this.steps = new Steps((numbers) => this.changeNumbers(numbers));
    addSizes(element("rows"));
    addSizes(element("columns"));
    this.listen();
    connection.send("state");
  }

  listen() {
    const change = () => this.change();
    for (const name of ["stride", "padding", "dilation", "color", "flip"]) element(name).onchange = change;
    element("correlation").onchange = change;
    element("filter").onchange = (event) => this.change({ filter: event.target.value });
    element("rows").onchange = element("columns").onchange = () => this.resize();
    element("display").onchange = () => this.drawResult();
    element("example").onchange = (event) => this.showExample(event.target.value);
    element("photo").onchange = (event) => this.showPhoto(event.target.value);
    element("camera").onclick = () => this.toggleCamera();
    element("file").onchange = (event) => this.upload(event.target);
    element("upload").onclick = () => element("file").click();
  }

  // Sends the settings on screen, with changes.
  change(changes = {}) {
    element("example").value = "";
    Object.assign(this, changes); // the next change may come before the answer to this
    const number = (name) => Number(element(name).value);
    this.turns.ask("settings", {
      filter: this.filter,
      kernel: this.kernel,
      flip: element("flip").checked,
      color: element("color").checked,
      stride: number("stride"),
      padding: number("padding"),
      dilation: number("dilation"),
    });
  }

  changeNumbers(numbers) {
    element("example").value = "";
    this.turns.ask("numbers", { numbers });
  }

  showExample(name) {
    if (name) this.turns.ask("example", { name });
  }

  resize() {
    const [height, width] = ["rows", "columns"].map((name) => Number(element(name).value));
    this.change({ filter: "custom", kernel: resized(this.kernel, height, width) });
  }

  // ---- messages of the server ---------------------------------------------------------------------------------------

  receive(message) {
    if (message.type === "state") this.begin(message);
    if (message.arrays?.kernel && !this.turns.later.has("settings")) this.showKernel(message);
    if (message.arrays?.picture) this.showPicture(message.arrays.picture);
    if (message.arrays?.result) this.showResult(message);
    if (message.axes) this.showGrid(message);
    this.turns.answered();
    if (message.type === "result" && this.camera.running) requestAnimationFrame(() => this.sendFrame());
  }

  begin(state) {
    if (!element("filter").options.length) this.fillLists(state);
    for (const name of ["stride", "padding", "dilation"]) element(name).value = state[name];
    element("color").checked = state.color;
    element(state.flip ? "flip" : "correlation").checked = true;
  }

  fillLists({ filters, photos, examples }) {
    fill(element("filter"), filters.map((name) => [FILTERS[name][0], name]));
    fill(element("photo"), [["Photos", ""], ...photos.map((name) => [`Photo: ${name}`, name])]);
    const titles = Object.entries(examples).map(([name, title]) => [title, name]);
    fill(element("example"), [["Choose an example", ""], ...titles]);
  }

  showKernel({ filter, arrays }) {
    this.filter = filter;
    this.kernel = rowsOf(arrays.kernel);
    element("filter").value = filter;
    element("about").textContent = FILTERS[filter][1];
    [element("rows").value, element("columns").value] = arrays.kernel.shape;
    const changed = (kernel) => this.change({ filter: "custom", kernel });
    const focused = [...element("kernel").querySelectorAll("input")].indexOf(document.activeElement);
    element("kernel").replaceChildren(inputTable(this.kernel, "weight", changed));
    if (focused >= 0) element("kernel").querySelectorAll("input")[focused]?.focus();
  }

  showGrid(message) {
    const flip = element("flip").checked;
    const kernel = flip ? this.kernel.map((row) => [...row].reverse()).reverse() : this.kernel;
    element("size").value = message.axes[0].size;
    this.steps.show(message, kernel, flip);
  }

  // ---- pictures -----------------------------------------------------------------------------------------------------

  showPicture(picture) {
    this.picture = picture;
    paint(element("before"), picture, (value) => value);
    element("before-size").textContent = picture.shape.slice(0, 2).join("×");
  }

  showResult({ arrays, least, most, signed }) {
    Object.assign(this, { result: arrays.result, signed });
    const size = arrays.result.shape.slice(0, 2).join("×");
    element("after-size").textContent = `${size}, from ${short(least)} to ${short(most)}`;
    this.drawResult();
  }

  drawResult() {
    const { result } = this;
    const most = peak(result.data);
    const ways = {
      cut: (value) => 255 * value,
      gray: (value) => 127.5 + (127.5 * value) / most,
      absolute: (value) => (255 * Math.abs(value)) / most,
    };
    const automatic = this.signed ? "gray" : this.filter === "sobel_magnitude" ? "absolute" : "cut";
    paint(element("after"), result, ways[element("display").value || automatic]);
    element("after").style.width = `${(100 * result.shape[1]) / this.picture.shape[1]}%`;
  }

  showPhoto(name) {
    this.stopCamera();
    if (name) this.turns.ask("photo", { name });
  }

  sendPicture(pixels) {
    this.showPicture(pixels);
    this.turns.ask("picture", {}, { pixels });
  }

  async upload(input) {
    const [file] = input.files;
    input.value = "";
    this.stopCamera();
    if (file) await this.attempt(async () => this.sendPicture(await readFile(file)));
  }

  async toggleCamera() {
    if (this.camera.wanted) this.stopCamera();
    else await this.attempt(() => this.startCamera());
  }

  async startCamera() {
    element("camera").textContent = "Stop webcam";
    element("camera").setAttribute("aria-pressed", true);
    await this.camera.start();
    this.sendFrame();
  }

  sendFrame() {
    if (!this.camera.running) return;
    element("photo").value = "";
    this.sendPicture(this.camera.pixels());
  }

  stopCamera() {
    this.camera.stop();
    element("camera").textContent = "Webcam";
    element("camera").setAttribute("aria-pressed", false);
  }

  async attempt(action) {
    try {
      await action();
    } catch (error) {
      this.stopCamera();
      this.connection.showError(error.message);
    }
  }

  show() {}

  hide() {
    this.stopCamera();
    this.steps.stop();
  }

  reconnected() {
    this.turns.reset();
    this.connection.send("state");
  }
}

// Fills a select with [text, value].
function fill(select, options) {
  select.replaceChildren(...options.map(([text, value]) => new Option(text, value)));
}

// Draws pixels (H, W, 1 or 3); `scale(value)` returns 0 to 255.
function paint(canvas, { data, shape }, scale) {
  const [height, width, channels] = shape;
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let color = 0; color < 3; color++) image.data[4 * i + color] = scale(data[i * channels + (color % channels)]);
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

export const open = (panel, connection) => new Filters(panel, connection);
