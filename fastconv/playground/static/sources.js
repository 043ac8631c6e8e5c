// Pictures of the browser, made small: an uploaded file, or the webcam. No image library is needed on the server.

const LONGEST = 320; // pixels; filters.py reads sides of 32 to 320
const SHORTEST = 32;
const CAMERA = 192;

// Returns the red, green and blue of an image or a video as {data, shape}, scaled to at most `longest` pixels.
function pixelsOf(image, width, height, longest) {
  const scale = Math.min(1, longest / Math.max(width, height));
  const side = (size) => Math.max(SHORTEST, Math.round(size * scale));
  const canvas = document.createElement("canvas");
  canvas.width = side(width);
  canvas.height = side(height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#fff"; // under transparent pictures
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const colors = new Uint8Array((data.length / 4) * 3);
  for (let i = 0, j = 0; i < data.length; i += 4) {
    colors[j++] = data[i];
    colors[j++] = data[i + 1];
    colors[j++] = data[i + 2];
  }
  return { data: colors, shape: [canvas.height, canvas.width, 3] };
}

// Returns the pixels of a file that holds a picture. Throws an error if the browser cannot read it.
export async function readFile(file) {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`The browser cannot read ${file.name} as a picture.`);
  });
  return pixelsOf(bitmap, bitmap.width, bitmap.height, LONGEST);
}

export class Camera {
  // Throws an error if there is no webcam, or if it may not be used.
  async start() {
    this.wanted = true;
    if (!navigator.mediaDevices) throw new Error("Browsers allow the webcam on localhost and https only.");
    const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 } }).catch((error) => {
      throw new Error(`The webcam cannot be used: ${error.message}`);
    });
    const video = Object.assign(document.createElement("video"), { srcObject: stream, muted: true, playsInline: true });
    await video.play();
    this.video = video;
    if (!this.wanted) this.stop();
  }

  get running() {
    return Boolean(this.video);
  }

  pixels() {
    return pixelsOf(this.video, this.video.videoWidth, this.video.videoHeight, CAMERA);
  }

  stop() {
    this.wanted = false;
    this.video?.srcObject.getTracks().forEach((track) => track.stop());
    this.video = null;
  }
}
