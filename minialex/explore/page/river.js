// The layers, left to right: each as a card with all its maps, and on them the receptive field of
// the unit that is pointed at.

import { brief, byId, make, number, times } from "./text.js";
import { SOFTMAX, isSigned, on, placeName, select, shown, store } from "./store.js";
import { WIDE, corner, drawPicture, drawSheet, place, unitAt, zoomOf } from "./sheets.js";
import { extent } from "./colours.js";

const still = matchMedia("(prefers-reduced-motion: reduce)");
const cards = new Map(); // by the layer's name; null for the picture

export function build() {
  addCard(null, "picture", store.network.input);
  for (const { name, size, kind } of store.network.layers) addCard(name, name, size, kind);
  addCard(SOFTMAX, SOFTMAX, [store.network.classes.length]);
}

function addCard(layer, title, shape, kind = "") {
  const canvas = make("canvas", { role: "img", ariaLabel: `The maps of ${title}` });
  const over = make("canvas", { className: "over", ariaHidden: "true" });
  const maps = make("div", { className: "maps" }, canvas, over);
  const note = make("p", { className: "range" });
  const heading = layer === null
    ? make("span", { className: "name" }, title)
    : make("button", { id: `open-${layer}`, className: "name", title: kind, onclick: () => open(layer) }, title);
  const card = make("article", { className: "layer" },
    heading, make("span", { className: "shape" }, times(shape)), maps, note);
  byId("river").append(card);
  cards.set(layer, { card, canvas, over, note, laid: null });
  if (layer === null) return;
  maps.addEventListener("click", (event) => {
    const unit = under(layer, event);
    if (!unit) return;
    select(layer, unit);
    bring();
  });
  maps.addEventListener("pointermove", (event) => {
    const unit = under(layer, event), array = shown(layer);
    note.textContent = unit && array
      ? `${placeName(layer, unit)}: ${number(array.data[place(array, unit)], 4)}` : range(layer);
  });
  maps.addEventListener("pointerleave", () => (note.textContent = range(layer)));
}

/** Opens a layer at the unit that was selected in it last, or at its largest. */
function open(layer) {
  const array = shown(layer) ?? store.look?.arrays.probabilities;
  if (!array) return;
  if (store.selected?.layer !== layer) {
    const best = array.data.indexOf(extent(array.data)[1]), [, width, count] = array.shape;
    const pixel = Math.floor(best / count);
    select(layer, array.shape.length === 1
      ? [best] : [Math.floor(pixel / width), pixel % width, best % count]);
  }
  bring();
  byId("layer-heading").focus({ preventScroll: true });
}

/** Scrolls to the opened layer, if little of it can be seen. */
function bring() {
  if (byId("layer").getBoundingClientRect().top < innerHeight / 2) return;
  byId("layer").scrollIntoView({ behavior: still.matches ? "auto" : "smooth" });
}

function under(layer, event) {
  const { canvas, laid } = cards.get(layer);
  if (!laid) return null;
  const box = canvas.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * canvas.width;
  const y = ((event.clientY - box.top) / box.height) * canvas.height;
  return unitAt(laid, x, y);
}

function range(layer) {
  const array = shown(layer);
  if (!array) return "";
  const [low, high] = extent(array.data), unit = layer === null ? ", per standard deviation of a channel" : "";
  return `${brief(low)} to ${brief(high)}${unit}`;
}

export function draw() {
  const { look } = store;
  if (!look) return;
  for (const [layer, card] of cards) {
    const array = shown(layer);
    if (layer === null && !array) {
      card.zoom = zoomOf(look.arrays.pixels.shape[1], WIDE);
      drawPicture(card.canvas, look.arrays.pixels, store.state.covered, card.zoom);
      card.laid = null;
    } else if (array) {
      card.laid = drawSheet(card.canvas, array, store.scale, isSigned());
    } else {
      card.canvas.width = card.canvas.height = 1;
      card.laid = null;
    }
    card.card.classList.toggle("changed", isLayerChanged(layer));
    card.note.textContent = array ? range(layer) : layer === SOFTMAX ? "gradients begin at the logits" : "";
  }
  drawFields();
}

function isLayerChanged(layer) {
  const { silenced, bypassed, unpadded, dropping } = store.state.changes;
  return [...silenced.map(([name]) => name), ...bypassed, ...unpadded, ...dropping].includes(layer);
}

/** Shades, on every map of the layers before, what the selected unit does not depend on. */
function drawFields() {
  const { selected, fields } = store;
  for (const [layer, { card, canvas, over, laid, zoom }] of cards) {
    const isSelected = selected?.layer === layer;
    card.classList.toggle("selected", isSelected);
    const field = fields?.[layer ?? ""];
    const wanted = laid ?? (layer === null ? whole(canvas, zoom) : null);
    over.width = canvas.width;
    over.height = canvas.height;
    if (!wanted) continue;
    const pen = over.getContext("2d");
    if (isSelected) mark(pen, wanted, selected.unit);
    if (field && wanted.height > 1 && store.show !== "gradients") shade(pen, wanted, field);
  }
}

/** The layout of a picture alone. */
const whole = ({ width, height }, zoom) =>
  ({ width: width / zoom, height: height / zoom, count: 1, gap: 0, columns: 1, zoom });

function shade(pen, laid, [top, bottom, left, right]) {
  const { zoom, count } = laid, [width, height] = [laid.width * zoom, laid.height * zoom];
  const rows = [Math.max(top, 0) * zoom, Math.min(bottom * zoom, height)];
  const columns = [Math.max(left, 0) * zoom, Math.min(right * zoom, width)];
  pen.fillStyle = "rgb(0 0 0 / 0.55)";
  for (let map = 0; map < count; map++) {
    const [x, y] = corner(laid, map);
    pen.fillRect(x, y, width, height);
    pen.clearRect(x + columns[0], y + rows[0], columns[1] - columns[0], rows[1] - rows[0]);
  }
}

function mark(pen, laid, unit) {
  const map = unit.length === 1 ? unit[0] : unit[2];
  const [x, y] = corner(laid, map);
  pen.strokeStyle = "#ff3fa4";
  pen.lineWidth = Math.max(2, pen.canvas.width / 100);
  pen.strokeRect(x, y, laid.width * laid.zoom, laid.height * laid.zoom);
}

/** Brings the card of the selected layer into the middle. */
function follow() {
  drawFields();
  const card = cards.get(store.selected?.layer)?.card, river = byId("river");
  if (!card || store.selected.layer === followed) return;
  followed = store.selected.layer;
  const out = card.offsetLeft < river.scrollLeft
    || card.offsetLeft + card.offsetWidth > river.scrollLeft + river.clientWidth;
  if (out) river.scrollTo({ left: card.offsetLeft - (river.clientWidth - card.offsetWidth) / 2 });
}

let followed = null; // the layer that was selected last

on("look", draw);
on("colours", draw);
on("fields", drawFields);
on("select", follow);
