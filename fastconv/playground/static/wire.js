// Messages as bytes: see messages.py, which describes the format.

const ARRAYS = { float32: Float32Array, uint8: Uint8Array };
const DTYPES = new Map([[Float32Array, "float32"], [Uint8Array, "uint8"], [Uint8ClampedArray, "uint8"]]);

const padded = (bytes) => Math.ceil(bytes / 4) * 4;
const product = (shape) => shape.reduce((a, b) => a * b, 1);

// Returns the fields of a message; each array is {data, shape} in `arrays`.
export function decode(buffer) {
  const start = 4 + new DataView(buffer).getUint32(0, true);
  const fields = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, start - 4)));
  const arrays = {};
  let at = start;
  for (const { name, dtype, shape } of fields.arrays) {
    const data = new ARRAYS[dtype](buffer, at, product(shape));
    arrays[name] = { data, shape };
    at += padded(data.byteLength);
  }
  return { ...fields, arrays };
}

// `arrays` maps names to {data, shape}; data is a Float32Array, Uint8Array or Uint8ClampedArray.
export function encode(fields, arrays) {
  const listed = Object.entries(arrays).map(([name, { data, shape }]) => {
    return { name, dtype: DTYPES.get(data.constructor), shape };
  });
  const header = new TextEncoder().encode(JSON.stringify({ ...fields, arrays: listed }));
  const start = 4 + padded(header.length);
  const end = Object.values(arrays).reduce((at, { data }) => at + padded(data.byteLength), start);
  const bytes = new Uint8Array(end).fill(32, 4 + header.length, start);
  new DataView(bytes.buffer).setUint32(0, start - 4, true);
  bytes.set(header, 4);
  let at = start;
  for (const { data } of Object.values(arrays)) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += padded(data.byteLength);
  }
  return bytes;
}
