// What the page shows, and what the server has said of it.

import { Refused, get, post, postNumbers } from "./api.js";
import { byId } from "./text.js";

/** The softmax after the last layer, which is a layer to the reader. */
export const SOFTMAX = "softmax";

export const store = {
  network: null,
  state: null, // as the server wants it: picture, moment, covered, changes
  compare: "", // the moment to compare with; "" for the same weights without changes
  show: "activations", // or "gradients", "difference"
  scale: "map", // or "layer"
  question: { class: 0, quantity: "logit" },
  chosen: false, // whether the reader has chosen the question's class
  selected: null, // {layer, unit}
  look: null,
  baseline: null, // what there is to compare with, like look
  gradients: null,
  fields: null, // what the selected unit depends on, by layer
};

const listeners = {};

/** Calls f whenever `event` happens: "look" (new numbers), "select", "fields", "moments",
    "colours" (light has become dark, or dark light). */
export const on = (event, f) => (listeners[event] ??= []).push(f);
export const tell = (event) => (listeners[event] ?? []).forEach((f) => f());

/** Shows what went wrong, or with null that all is well. */
export function complain(error) {
  const place = byId("message");
  place.hidden = !error;
  if (error && !(error instanceof Refused)) console.error(error);
  place.textContent = error ? error.message : "";
}

const NO_CHANGES = () => ({ silenced: [], bypassed: [], unpadded: [], dropping: [], seed: 0 });

export async function begin() {
  const network = (store.network = await get("network"));
  store.state = {
    picture: network.first, moment: "latest", covered: null, changes: NO_CHANGES(),
  };
}

/** Whether anything differs from the network as it is, on the picture as it is. */
export function isChanged() {
  const { covered, changes } = store.state;
  const { seed, ...lists } = changes;
  return Boolean(covered) || Object.values(lists).some((list) => list.length);
}

export function undo() {
  store.state.changes = NO_CHANGES();
  store.state.covered = null;
  return refresh();
}

/** Puts `item` into a list of the changes, or takes it out. */
export function toggle(what, item, wanted) {
  const same = (other) => JSON.stringify(other) === JSON.stringify(item);
  const list = store.state.changes[what].filter((other) => !same(other));
  store.state.changes[what] = wanted ? [...list, item] : list;
  return refresh();
}

let busy = null, again = false;

/** Asks for everything that is shown. While an answer is awaited, only the newest wish counts. */
export function refresh() {
  again = true;
  byId("look").ariaBusy = "true";
  busy ??= ask().finally(() => {
    busy = null;
    byId("look").ariaBusy = "false";
  });
  return busy;
}

async function ask() {
  while (again) {
    again = false;
    try {
      const state = structuredClone(store.state);
      const look = await postNumbers("look", { state });
      chooseClass(look);
      const gradients = store.show === "gradients"
        ? await postNumbers("gradients", { state, question: store.question }) : null;
      const before = baselineOf(state);
      const baseline = before ? await postNumbers("look", { state: before }) : null;
      Object.assign(store, { look, gradients, baseline });
      complain(null);
      tell("look");
      tell("select");
    } catch (error) {
      complain(error);
    }
  }
}

/** Until the reader chooses a class: that of the picture, or of the best answer. */
function chooseClass({ about, arrays }) {
  if (store.chosen) return;
  const { data } = arrays.probabilities;
  const best = Math.max(0, data.indexOf(Math.max(...data))); // 0 where they are NaN
  store.question.class = about.label ?? best;
}

/** Whether other weights are compared with. */
export const isCompared = () => Boolean(store.compare) && store.compare !== store.state.moment;

/** The state to compare with; null if there is nothing to compare with. */
function baselineOf(state) {
  if (isCompared()) return { ...state, moment: store.compare };
  if (isChanged()) return { ...state, covered: null, changes: NO_CHANGES() };
  return store.compare ? state : null; // of which nothing differs now
}

/** The numbers of a layer (null: the picture's) that are to be shown; null if there are none. */
export function shown(layer) {
  const { look, gradients, baseline, show } = store;
  if (!look) return null;
  const name = layer === null ? null : `layer/${layer}`;
  if (layer === SOFTMAX) {
    if (show === "gradients") return null;
    return show === "difference" && baseline
      ? difference(look.arrays.probabilities, baseline.arrays.probabilities)
      : look.arrays.probabilities;
  }
  if (show === "gradients" && gradients) return gradients.arrays[name ?? "picture"];
  if (layer === null) return null;
  if (show === "difference" && baseline) return difference(look.arrays[name], baseline.arrays[name]);
  return look.arrays[name];
}

/** Whether what is shown may be negative everywhere: gradients and differences. */
export const isSigned = () => store.show !== "activations";

const difference = (now, before) => ({
  shape: now.shape,
  data: now.data.map((value, i) => value - before.data[i]),
});

export const layerOf = (name) =>
  name === SOFTMAX
    ? {
        name: SOFTMAX, kind: "SoftmaxCrossEntropy", what: "logits to probabilities", can: [],
        shape: [store.network.classes.length], size: [store.network.classes.length], params: {}, ...store.network.softmax,
      }
    : store.network.layers.find((layer) => layer.name === name);

/** Whether the numbers of a layer are those of the answers. */
export const isAnswer = (layer) => [SOFTMAX, store.network.layers.at(-1).name].includes(layer);

/** "map 7, row 3, column 4", or "unit 12"; of the last layer with its class: "unit 5, cross". */
export function placeName(layer, unit) {
  if (unit.length > 1) return `map ${unit[2]}, row ${unit[0]}, column ${unit[1]}`;
  return `unit ${unit[0]}${isAnswer(layer) ? `, ${store.network.classes[unit[0]]}` : ""}`;
}

/** What gradients are of, in words. */
export function questionName() {
  const { quantity, class: k } = store.question, name = store.network.classes[k];
  return quantity === "loss" ? `the loss, if the class were ${name}` : `the logit of ${name}`;
}

/** Selects a unit of a layer, to be explained. */
export function select(layer, unit) {
  store.selected = { layer, unit };
  store.fields = null;
  tell("select");
}

/** Selects no unit. */
export function close() {
  store.selected = store.fields = null;
  tell("select");
  tell("fields");
}

/** Asks the server to explain the selected unit. */
export const explain = ({ layer, unit }, signal) =>
  postNumbers("unit", { state: store.state, layer, unit }, signal);

/** Asks for a weight's gradient and its finite difference with a nudge of 10^-power. */
export const prove = (layer, key, index, power) =>
  post("proof", { state: store.state, question: store.question, layer, key, index, power });
