// Numbers as colours: viridis where none is negative; where some are, blue for negative and red for
// positive ones, around the page's own colour.

const VIRIDIS = `440154 482475 414487 355f8d 2a788e 21918c 22a884 44bf70 7ad151 bddf26 fde725`;
const DIVERGING = {
  light: "053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f",
  dark: "9ecbff 6cb0f5 4393c3 2f6795 234058 1d2126 563229 8d4634 d6604d f08a74 ffc2b3",
};
export const dark = matchMedia("(prefers-color-scheme: dark)");

const rgb = (hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16));

/** 256 colours between the given ones, as the 32 bits of a pixel. */
function table(text) {
  const stops = text.split(" ").map(rgb);
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    const [r, g, b] = stops[low].map((v, c) => Math.round(v + (at - low) * (stops[low + 1][c] - v)));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
}

const TABLES = { sequential: table(VIRIDIS), light: table(DIVERGING.light), dark: table(DIVERGING.dark) };
const NAN = (255 << 24) | (0xd0 << 16) | (0x20 << 8) | 0xd0;

/** The smallest and the largest of the numbers data[start], data[start + step], … */
export function extent(data, start = 0, step = 1) {
  let low = Infinity, high = -Infinity;
  for (let i = start; i < data.length; i += step) {
    if (data[i] < low) low = data[i];
    if (data[i] > high) high = data[i];
  }
  return low <= high ? [low, high] : [0, 0];
}

/** A scale for numbers between low and high: what colours them, and the ends that it shows. With
    `signed`, 0 is in its middle, as it always is where numbers are negative. */
export function scale(low, high, signed = low < 0) {
  if (signed) {
    const most = Math.max(-low, high) || 1;
    const colours = TABLES[dark.matches ? "dark" : "light"];
    return { colours, low: -most, high: most };
  }
  return { colours: TABLES.sequential, low: 0, high: high || 1 };
}

/** The pixel of a number on a scale. */
export function pixel(value, { colours, low, high }) {
  if (value !== value) return NAN;
  const place = ((value - low) / (high - low)) * 255;
  return colours[place < 0 ? 0 : place > 255 ? 255 : Math.round(place)];
}

/** The colour of a number as CSS has it, and an ink that can be read on it. */
export function css(value, of) {
  const bits = pixel(value, of);
  const [r, g, b] = [bits & 255, (bits >> 8) & 255, (bits >> 16) & 255];
  const bright = 0.2126 * (r / 255) ** 2.2 + 0.7152 * (g / 255) ** 2.2 + 0.0722 * (b / 255) ** 2.2;
  return { background: `rgb(${r} ${g} ${b})`, ink: bright > 0.18 ? "#000" : "#fff" };
}
