// The colours of numbers: orange for -1, nearly white for 0, blue for 1. Eyes that confuse red and green tell them apart.

const ORANGE = [245, 147, 34];
const WHITE = [240, 242, 243];
const BLUE = [8, 119, 189];

const mixed = (a, b, share) => a.map((value, i) => Math.round(value + (b[i] - value) * share));

export function rgb(value) {
  const v = Math.max(-1, Math.min(1, value));
  return v < 0 ? mixed(WHITE, ORANGE, -v) : mixed(WHITE, BLUE, v);
}

export const css = (value) => `rgb(${rgb(value).join()})`;

// A darker shade for points, which lie on maps of these colours.
export const darker = (value) => `rgb(${rgb(value).map((each) => Math.round(0.8 * each)).join()})`;

const packed = ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r;
const SMOOTH = new Uint32Array(256).map((_, byte) => packed(rgb(byte / 127.5 - 1)));
const TWO = new Uint32Array(256).map((_, byte) => packed(rgb(byte < 128 ? -1 : 1)));

// Draws a square map of bytes: 0 stands for -1, and 255 for 1.
export function drawMap(canvas, bytes, twoColours = false) {
  const side = Math.sqrt(bytes.length);
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const image = new ImageData(side, side);
  const pixels = new Uint32Array(image.data.buffer);
  const colours = twoColours ? TWO : SMOOTH;
  for (let i = 0; i < bytes.length; i++) pixels[i] = colours[bytes[i]];
  canvas.getContext("2d").putImageData(image, 0, 0);
}
