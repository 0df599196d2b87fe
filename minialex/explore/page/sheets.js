// A layer's maps side by side on one canvas, and where on it each unit is.

import { extent, pixel, scale } from "./colours.js";

export const WIDE = 240; // pixels: a canvas that would be smaller has several for each unit

/** How the maps of an array are laid out: (H, W, C), or (C,) as C maps of one unit.

    zoom: the pixels along the side of a unit. */
function layout({ shape }) {
  const vector = shape.length === 1;
  const [height, width, count] = vector ? [1, 1, shape[0]] : shape, gap = vector ? 0 : 1;
  const columns = Math.ceil(Math.sqrt(vector ? count : (count * 2) / 3));
  const rows = Math.ceil(count / columns), across = columns * (width + gap) - gap;
  return { height, width, count, gap, columns, rows, vector, zoom: Math.ceil(WIDE / across) };
}

/** Draws all maps; by: "map" or "layer", what has a scale of its own; signed: whether 0 is in its
    middle. Returns the layout. */
export function drawSheet(canvas, array, by, signed) {
  const laid = layout(array), { height, width, count, gap } = laid;
  const image = new ImageData(laid.columns * (width + gap) - gap, laid.rows * (height + gap) - gap);
  const pixels = new Uint32Array(image.data.buffer);
  const [low, high] = extent(array.data), whole = scale(low, high, signed || low < 0);
  for (let map = 0; map < count; map++) {
    const colours = by === "layer" || laid.vector ? whole : scale(...extent(array.data, map, count), signed || low < 0);
    const [left, top] = corner({ ...laid, zoom: 1 }, map);
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < width; j++) {
        const value = array.data[(i * width + j) * count + map];
        pixels[(top + i) * image.width + left + j] = pixel(value, colours);
      }
    }
  }
  put(canvas, image, laid.zoom);
  strike(canvas, laid);
  return laid;
}

/** Strikes the places through that are left at the end of a sheet, lest they look like zeros. */
function strike(canvas, laid) {
  const { width, height, zoom, count, columns, rows } = laid, pen = canvas.getContext("2d");
  pen.strokeStyle = "rgb(128 128 128 / 0.6)";
  for (let map = count; map < columns * rows; map++) {
    const [left, top] = corner(laid, map);
    pen.beginPath();
    pen.moveTo(left, top + height * zoom);
    pen.lineTo(left + width * zoom, top);
    pen.stroke();
  }
}

/** Puts an image on a canvas `zoom` times as wide and as high, in squares. */
function put(canvas, image, zoom = 1) {
  canvas.width = image.width;
  canvas.height = image.height;
  canvas.getContext("2d").putImageData(image, 0, 0);
  if (zoom === 1) return;
  const small = document.createElement("canvas");
  Object.assign(small, { width: image.width, height: image.height });
  small.getContext("2d").putImageData(image, 0, 0);
  canvas.width *= zoom;
  canvas.height *= zoom;
  const pen = canvas.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
}

/** Where on the canvas a map begins: [left, top]. */
export const corner = ({ columns, width, height, gap, zoom }, map) => [
  (map % columns) * (width + gap) * zoom,
  Math.floor(map / columns) * (height + gap) * zoom,
];

/** How many times a picture of this width is drawn larger, to be about `wide` pixels wide. */
export const zoomOf = (width, wide) => Math.max(1, Math.ceil(wide / width));

/** The unit under the pixel (x, y) of the canvas; null beside all maps. */
export function unitAt(laid, x, y) {
  const { columns, width, height, gap, count, vector, zoom } = laid;
  x /= zoom;
  y /= zoom;
  const column = Math.floor(x / (width + gap)), row = Math.floor(y / (height + gap));
  const map = row * columns + column;
  if (column < 0 || row < 0 || column >= columns || map >= count) return null;
  if (vector) return [map];
  const i = Math.min(Math.floor(y - row * (height + gap)), height - 1);
  const j = Math.min(Math.floor(x - column * (width + gap)), width - 1);
  return [i, j, map];
}

/** The number of a unit in an array's data. */
export const place = ({ shape }, unit) =>
  unit.length === 1 ? unit[0] : (unit[0] * shape[1] + unit[1]) * shape[2] + unit[2];

/** Draws one map (H, W) of an array (H, W, C), `zoom` pixels for a unit, coloured as on the sheet;
    returns its scale. */
export function drawMap(canvas, array, map, by, signed, zoom) {
  const [height, width, count] = array.shape, [low] = extent(array.data);
  const colours = scale(...extent(array.data, ...(by === "layer" ? [] : [map, count])), signed || low < 0);
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let p = 0; p < pixels.length; p++) pixels[p] = pixel(array.data[p * count + map], colours);
  put(canvas, image, zoom);
  return colours;
}

/** Draws a picture (H, W, 1 or 3) of numbers up to 255 as it is, `zoom` pixels for each of its, and
    on it a frame around the square that is covered, [row, column, side] or null. */
export function drawPicture(canvas, { shape: [height, width, channels], data }, covered, zoom = 1) {
  const image = new ImageData(width, height);
  for (let p = 0; p < width * height; p++) {
    for (let c = 0; c < 3; c++) image.data[4 * p + c] = data[p * channels + (channels === 3 ? c : 0)];
    image.data[4 * p + 3] = 255;
  }
  put(canvas, image, zoom);
  if (!covered) return;
  const [row, column, side] = covered.map((length) => length * zoom), pen = canvas.getContext("2d");
  pen.lineWidth = 2;
  for (const [colour, dash] of [["#fff", []], ["#000", [4, 4]]]) {
    pen.strokeStyle = colour;
    pen.setLineDash(dash);
    pen.strokeRect(column + 1, row + 1, side - 2, side - 2);
  }
}

/** Draws kernels (O, KH, KW, C) as small pictures, each scaled by its largest weight; grey is 0. */
export function drawKernels(canvas, { shape: [count, height, width, channels], data }) {
  const columns = Math.min(count, Math.ceil(Math.sqrt(count * 1.5)));
  const image = new ImageData(columns * (width + 1) - 1, Math.ceil(count / columns) * (height + 1) - 1);
  const size = height * width * channels;
  for (let o = 0; o < count; o++) {
    const own = data.subarray(o * size, (o + 1) * size);
    const [low, high] = extent(own);
    const most = Math.max(-low, high) || 1;
    const left = (o % columns) * (width + 1), top = Math.floor(o / columns) * (height + 1);
    for (let p = 0; p < height * width; p++) {
      const at = 4 * ((top + Math.floor(p / width)) * image.width + left + (p % width));
      for (let c = 0; c < 3; c++) {
        const value = own[p * channels + (channels === 3 ? c : 0)];
        image.data[at + c] = 127.5 * (1 + value / most);
      }
      image.data[at + 3] = 255;
    }
  }
  put(canvas, image, zoomOf(image.width, 480));
}
