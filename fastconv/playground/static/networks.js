// The Networks tab: what TensorFlow's playground does, computed by the server.

import { drawMap } from "./colours.js";
import { Graph } from "./graph.js";
import { drawCurves, drawPoints } from "./plots.js";
import { openWeights } from "./weights.js";

const DATASETS = {
  classification: { setting: "dataset", names: { circle: "circle", xor: "xor", gauss: "gauss", spiral: "spiral" } },
  regression: { setting: "reg_dataset", names: { "reg-plane": "plane", "reg-gauss": "hills" } },
};
const AXES = "x₁ to the right, x₂ upwards, from −6 to 6";
const MOST_LAYERS = 6;
const MOST_UNITS = 8;

const element = (id) => document.getElementById(id);

class Networks {
  constructor(panel, connection) {
    this.panel = panel;
    this.connection = connection;
    this.waiting = false; // for the answer to a message that changes the state
    this.queued = {};
    this.link = "";
    this.looked = null; // the neuron whose map is shown in place of the output's
    this.graph = new Graph(element("graph"), {
      onFeature: (name) => this.toggleFeature(name),
      onUnits: (layer, change) => this.changeUnits(layer, change),
      onLook: (neuron) => this.look(neuron),
      onEdit: (...place) => this.edit(...place),
      tip: showTip,
    });
    this.addControls();
    element("shown").textContent = AXES;
    new ResizeObserver(() => this.state && this.drawAll()).observe(element("graph"));
  }

  addControls() {
    const send = (type) => () => this.connection.send(type);
    element("play").onclick = () => this.connection.send(this.playing ? "pause" : "play");
    element("step").onclick = send("step");
    element("reset").onclick = send("reset");
    element("regenerate").onclick = send("regenerate");
    element("show-code").onclick = send("script");
    element("close-code").onclick = () => element("code").close();
    element("copy-code").onclick = (event) => copy(element("code").querySelector("pre").textContent, event.target);
    element("copy-link").onclick = (event) => copy(location.href, event.target);
    element("more-layers").onclick = () => this.change({ shape: [...this.state.settings.shape, 2] });
    element("fewer-layers").onclick = () => this.change({ shape: this.state.settings.shape.slice(0, -1) });
    for (const control of this.panel.querySelectorAll("[data-setting]")) {
      control.oninput = () => this.change({ [control.dataset.setting]: valueOf(control) });
    }
  }

  // Sends changes of settings. While the answer to earlier changes is on its way, later ones are collected.
  change(changes) {
    if (this.waiting) Object.assign(this.queued, changes);
    else this.connection.send("set", { changes });
    this.waiting = true;
  }

  toggleFeature(name) {
    const { features } = this.state.settings;
    const others = features.filter((each) => each !== name);
    this.change({ features: others.length < features.length ? others : [...features, name] });
  }

  changeUnits(layer, change) {
    const shape = [...this.state.settings.shape];
    shape[layer] = Math.max(1, Math.min(MOST_UNITS, shape[layer] + change));
    this.change({ shape });
  }

  receive(message) {
    const kinds = { state: this.onState, frame: this.onFrame, playing: this.onPlaying, script: this.onScript };
    if (message.type === "error") this.onError();
    else kinds[message.type].call(this, message);
  }

  onState(message) {
    this.state = message;
    this.features = message.arrays.features;
    this.link = message.link;
    this.onPlaying(message);
    this.waiting = false;
    if (Object.keys(this.queued).length) {
      this.change(this.queued);
      this.queued = {};
    } else {
      this.showSettings(message.settings);
    }
    this.frame = message;
    if (!this.panel.hidden) this.drawAll();
    this.showLink();
  }

  onFrame(message) {
    this.frame = message;
    requestAnimationFrame(() => {
      this.drawFrame();
      this.connection.send("drawn");
    });
  }

  onPlaying({ playing }) {
    this.playing = playing;
    const name = playing ? "Pause" : "Train";
    const button = element("play");
    button.setAttribute("aria-pressed", playing);
    button.setAttribute("aria-label", name);
    button.title = name;
  }

  onScript({ script }) {
    element("code").querySelector("pre").textContent = script;
    element("code").showModal();
  }

  onError() {
    this.waiting = false;
    this.queued = {};
    if (this.state) this.showSettings(this.state.settings);
    else this.connection.send("state");
  }

  showSettings(settings) {
    for (const control of this.panel.querySelectorAll("[data-setting]")) show(control, settings[control.dataset.setting]);
    for (const output of this.panel.querySelectorAll("[data-of]")) output.value = settings[output.dataset.of];
    const count = settings.shape.length;
    element("layers").textContent = count === 1 ? "1 hidden layer" : `${count} hidden layers`;
    element("more-layers").disabled = count === MOST_LAYERS;
    element("fewer-layers").disabled = count === 0;
    this.showDatasets(settings);
  }

  showDatasets(settings) {
    const { setting, names } = DATASETS[settings.problem];
    const group = element("datasets");
    if (group.dataset.problem !== settings.problem) {
      group.dataset.problem = settings.problem;
      group.replaceChildren(...Object.entries(names).map(([name, text]) => this.datasetButton(setting, name, text)));
      this.drawDatasets(group);
    }
    for (const input of group.querySelectorAll("input")) input.checked = input.value === settings[setting];
  }

  datasetButton(setting, name, text) {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: setting, value: name });
    input.oninput = () => this.change({ [setting]: name });
    const picture = document.createElement("canvas");
    label.append(input, picture, text);
    return label;
  }

  drawDatasets(group) {
    const { data, shape } = this.state.arrays.samples;
    const size = shape[1] * shape[2];
    for (const label of group.children) {
      const index = Object.values(DATASETS).flatMap(({ names }) => Object.keys(names)).indexOf(label.firstChild.value);
      drawPoints(label.querySelector("canvas"), data.subarray(index * size, (index + 1) * size), { radius: 1.5 });
    }
  }

  showLink() {
    if (!this.panel.hidden && location.hash.slice(1) !== this.link) history.replaceState(null, "", `#${this.link}`);
  }

  look(neuron) {
    this.looked = neuron;
    const name = neuron ? this.graph.title(neuron.layer, neuron.unit) : AXES;
    if (element("shown").textContent !== name) element("shown").textContent = name;
    this.drawMap();
  }

  edit(layer, unit, entries, index) {
    const send = (source, piece, value) => this.connection.send("edit", { layer, unit, source, piece, value });
    showTip("");
    openWeights(this.graph.title(layer, unit), entries, index, send);
  }

  drawAll() {
    drawPoints(element("points"), this.state.arrays.points.data, { showTest: this.state.settings.show_test });
    this.drawFrame();
  }

  drawFrame() {
    const { passes, train_loss, test_loss, arrays } = this.frame;
    element("passes").value = passes.toLocaleString("en");
    element("train-loss").value = train_loss.toFixed(3);
    element("test-loss").value = test_loss.toFixed(3);
    this.showAccuracy();
    this.graph.draw(this.state.settings, { ...arrays, features: this.features });
    drawCurves(element("curves"), arrays.curves.data);
    this.drawMap();
  }

  // Regression has no accuracy.
  showAccuracy() {
    const { train_accuracy, test_accuracy } = this.frame;
    element("accuracy").hidden = test_accuracy === null;
    element("train-accuracy").value = `${Math.floor(100 * train_accuracy)} %`;
    element("test-accuracy").value = `${Math.floor(100 * test_accuracy)} %`;
  }

  drawMap() {
    const twoColours = this.state.settings.discretize && (!this.looked || this.graph.isOutput(this.looked.layer));
    drawMap(element("map"), this.looked?.map ?? this.frame.arrays.output.data, twoColours);
  }

  show() {
    const hash = location.hash.slice(1);
    if (this.state && (!hash || hash === this.link)) {
      this.showLink();
      this.drawAll();
    } else if (hash) {
      this.connection.send("open", { link: hash });
    } else {
      this.connection.send("state");
    }
  }

  hide() {
    if (this.playing) this.connection.send("pause");
    showTip("");
  }

  reconnected() {
    this.waiting = false;
    this.queued = {};
    this.connection.send("open", { link: this.link });
  }
}

function valueOf(control) {
  if (control.type === "checkbox") return control.checked;
  return control.dataset.kind === "number" ? Number(control.value) : control.value;
}

function show(control, value) {
  if (control.type === "checkbox") control.checked = value;
  else if (control.tagName === "SELECT") select(control, value);
  else control.value = value;
}

// Selects a value, which may come from a link and be none of the options.
function select(control, value) {
  const same = (option) => (control.dataset.kind === "number" ? Number(option.value) === value : option.value === value);
  let option = [...control.options].find(same);
  if (!option) control.append((option = new Option(value)));
  option.selected = true;
}

function showTip(text, x, y) {
  const tip = element("tip");
  tip.hidden = !text;
  tip.textContent = text;
  tip.style.left = `${Math.min(x, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${Math.min(y + 14, innerHeight - tip.offsetHeight - 8)}px`;
}

async function copy(text, button) {
  const before = button.textContent;
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else copyInsecurely(text, button.parentNode);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = before), 1500);
}

// Pages of other machines without https have no `navigator.clipboard`.
function copyInsecurely(text, parent) {
  const area = Object.assign(document.createElement("textarea"), { value: text });
  parent.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export const open = (panel, connection) => new Networks(panel, connection);
