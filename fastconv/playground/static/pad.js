// A canvas to draw on with mouse, finger or keyboard. Points are [x, y] from 0 to 1.

const SPACING = 0.015; // between two points of a stroke
const MOST_POINTS = 1000; // drawings.py reads at most 1024
const STEP = 1 / 28; // of the arrow keys
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const rounded = (value) => Math.round(Math.max(0, Math.min(1, value)) * 1000) / 1000;

export class Pad {
  // `changed(strokes)` is called after each change by the user; `drawUnder(context, side)` draws the background.
  constructor(canvas, changed, drawUnder) {
    Object.assign(this, { canvas, changed, drawUnder, strokes: [], pen: [0.5, 0.3], down: false });
    canvas.onpointerdown = (event) => this.begin(event);
    canvas.onpointermove = (event) => this.move(event);
    canvas.onpointerup = canvas.onpointercancel = () => (this.drawing = false);
    canvas.onkeydown = (event) => this.key(event);
    canvas.onblur = canvas.onfocus = () => this.liftPen();
  }

  begin(event) {
    if (event.button) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.drawing = true;
    this.strokes.push([]);
    this.add(this.place(event));
  }

  move(event) {
    if (this.drawing) this.add(this.place(event));
  }

  place(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [(event.clientX - left) / width, (event.clientY - top) / height];
  }

  add(point) {
    const stroke = this.strokes.at(-1);
    const [x, y] = point.map(rounded);
    const last = stroke.at(-1);
    if (last && Math.hypot(last[0] - x, last[1] - y) < SPACING) return;
    if (this.strokes.length > 60 || this.strokes.flat().length >= MOST_POINTS) return;
    stroke.push([x, y]);
    this.draw();
    this.changed(this.strokes);
  }

  // Arrows move the pen, space lowers and lifts it, backspace takes back a stroke, delete clears.
  key(event) {
    const arrow = ARROWS[event.key];
    if (arrow) this.movePen(arrow);
    else if (event.key === " ") this.togglePen();
    else if (event.key === "Backspace") this.undo();
    else if (event.key === "Delete") this.clear();
    else return;
    event.preventDefault();
    this.draw();
  }

  movePen([x, y]) {
    this.pen = [rounded(this.pen[0] + x * STEP), rounded(this.pen[1] + y * STEP)];
    if (this.down) this.add(this.pen);
  }

  togglePen() {
    this.down = !this.down;
    if (!this.down) return;
    this.strokes.push([]);
    this.add(this.pen);
  }

  liftPen() {
    this.down = false;
    this.draw();
  }

  undo() {
    this.strokes.pop();
    this.down = false;
    this.draw();
    this.changed(this.strokes);
  }

  clear() {
    this.strokes = [];
    this.down = false;
    this.draw();
    this.changed(this.strokes);
  }

  // Forgets the strokes without a call of `changed`: something else is shown.
  forget() {
    this.strokes = [];
    this.draw();
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const side = this.canvas.width;
    context.clearRect(0, 0, side, side);
    this.drawUnder(context, side);
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = side * 0.06;
    context.strokeStyle = "#18222c";
    for (const stroke of this.strokes) drawStroke(context, stroke, side);
    this.drawOver?.(context, side);
    if (document.activeElement === this.canvas && !this.drawing) this.drawPen(context, side);
  }

  drawPen(context, side) {
    const [x, y] = this.pen.map((value) => value * side);
    context.beginPath();
    context.arc(x, y, side * 0.03, 0, 2 * Math.PI);
    context.fillStyle = this.down ? "#7a3fd0" : "#7a3fd055";
    context.fill();
  }
}

function drawStroke(context, stroke, side) {
  if (!stroke.length) return;
  context.beginPath();
  context.moveTo(stroke[0][0] * side, stroke[0][1] * side);
  for (const [x, y] of stroke) context.lineTo(x * side + 0.01, y * side);
  context.stroke();
}
