// What the server answers. Its token stands in the page's own address and goes along in a header.

const TOKEN = new URLSearchParams(location.search).get("token") ?? "";

/** An answer that is no success: its message is the server's. */
export class Refused extends Error {}

async function ask(path, options = {}) {
  let response;
  try {
    response = await fetch(`/api/${path}`, {
      ...options,
      headers: { Authorization: `Bearer ${TOKEN}`, ...options.headers },
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The server does not answer: has minialex explore been stopped?");
  }
  if (!response.ok) {
    const found = await response.json().catch(() => ({}));
    throw new Refused(found.error ?? `The server answered ${response.status}.`);
  }
  return response;
}

const json = (body) => ({
  method: "POST",
  body: JSON.stringify(body),
  headers: { "Content-Type": "application/json" },
});

export const get = async (path) => (await ask(path)).json();
export const post = async (path, body) => (await ask(path, json(body))).json();

/** Sends the bytes of a picture. */
export const send = async (blob) => (await ask("pictures", { method: "POST", body: blob })).json();

/** An answer with arrays: {about, arrays: {name: {shape, data}}}. */
export const getNumbers = async (path) => numbers(await ask(path));
export const postNumbers = async (path, body, signal) =>
  numbers(await ask(path, { ...json(body), signal }));

/** Reads the format of safetensors: the length of a header, the header, float32 numbers. */
async function numbers(response) {
  const buffer = await response.arrayBuffer();
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const { __metadata__: metadata, ...tensors } = header;
  const arrays = {};
  for (const [name, { shape, data_offsets: [begin, end] }] of Object.entries(tensors)) {
    arrays[name] = { shape, data: new Float32Array(buffer, 8 + length + begin, (end - begin) / 4) };
  }
  return { about: JSON.parse(metadata.about), arrays };
}
