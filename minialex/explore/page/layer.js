// One layer, opened: its maps larger, the map of the selected unit, its switches, its code.

import { byId, capital, keepingFocus, make, number, times, withCode } from "./text.js";
import { close, complain, isSigned, layerOf, on, placeName, select, shown, store, toggle } from "./store.js";
import { Refused } from "./api.js";
import { css, extent, scale } from "./colours.js";
import { corner, drawMap, drawSheet, place, unitAt, zoomOf } from "./sheets.js";

const WIDE = 320; // pixels: about how wide the map of the unit is drawn

let laid = null;

export function build() {
  byId("sheet").addEventListener("click", (event) => {
    const unit = under(byId("sheet"), event, (x, y) => unitAt(laid, x, y));
    if (unit) select(store.selected.layer, unit);
  });
  byId("map").addEventListener("click", (event) => {
    const { layer, unit } = store.selected;
    if (unit.length === 1) return;
    const zoom = zoomOf(layerOf(layer).shape[1], WIDE);
    select(layer, under(byId("map"), event,
      (x, y) => [Math.floor(y / zoom), Math.floor(x / zoom), unit[2]]));
  });
  byId("sheet").addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -laid.columns, ArrowDown: laid.columns };
    move(event, steps[event.key], (unit, step) => unit.with(-1, unit.at(-1) + step));
  });
  byId("map").addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    move(event, steps[event.key], ([i, j, map], [di, dj]) => [i + di, j + dj, map]);
  });
  for (const id of ["at-map", "at-row", "at-column"]) byId(id).addEventListener("change", typed);
  byId("close").addEventListener("click", () => {
    byId(`open-${store.selected.layer}`).focus();
    close();
  });
  byId("source").open = innerWidth > 640; // on a phone the unit would be far below it
}

function under(canvas, event, found) {
  const box = canvas.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * canvas.width;
  const y = ((event.clientY - box.top) / box.height) * canvas.height;
  return found(Math.min(Math.max(x, 0), canvas.width - 1), Math.min(Math.max(y, 0), canvas.height - 1));
}

function move(event, step, moved) {
  const { layer, unit } = store.selected ?? {};
  if (!layer || step === undefined) return;
  event.preventDefault();
  const next = moved(unit, step);
  if (exists(layer, next)) select(layer, next);
}

const exists = (layer, unit) => unit.every((at, axis) => at >= 0 && at < layerOf(layer).shape[axis]);

/** Selects the unit whose place has been typed, or says that there is none. */
function typed() {
  const { layer, unit } = store.selected;
  const [map, row, column] = ["at-map", "at-row", "at-column"]
    .map((id) => byId(id).value).map((text) => (text === "" ? NaN : Number(text)));
  const next = unit.length === 1 ? [map] : [row, column, map];
  placed = "";
  if (next.every(Number.isInteger) && exists(layer, next)) {
    complain(null);
    select(layer, next);
  } else {
    const [height, width, count] = layerOf(layer).shape;
    complain(new Refused(unit.length === 1 ? `${layer} has units 0 to ${height - 1}.`
      : `${layer} has maps 0 to ${count - 1}, rows 0 to ${height - 1} and columns 0 to ${width - 1}.`));
    draw();
  }
}

export function draw() {
  const { selected } = store;
  byId("layer").hidden = !selected;
  if (!selected) return;
  const { layer, unit } = selected, about = layerOf(layer), array = shown(layer);
  byId("layer-heading").textContent = layer;
  byId("layer-what").textContent = `${about.what} — ${times(about.size)}`;
  drawSources(about);
  drawSwitches(about, unit);
  drawPlaces(about, unit);
  for (const id of ["sheet", "bar", "bar-ends"]) byId(id).hidden = !array;
  byId("map-heading").replaceChildren();
  byId("map-side").classList.toggle("vector", unit.length === 1);
  if (!array) return;
  laid = drawSheet(byId("sheet"), array, store.scale, isSigned());
  byId("sheet").style.setProperty("--ratio", byId("sheet").width / byId("sheet").height);
  outline(byId("sheet"), unit);
  byId("sheet").ariaLabel = `The maps of ${layer}; arrow keys choose one`;
  const zoom = zoomOf(array.shape[1], WIDE);
  const colours = unit.length === 3
    ? drawMap(byId("map"), array, unit[2], store.scale, isSigned(), zoom)
    : scale(...extent(array.data), isSigned() || undefined);
  if (unit.length === 3) {
    byId("map").ariaLabel = `Map ${unit[2]} of ${layer}; arrow keys move to another unit`;
    cross(byId("map"), unit, zoom);
  }
  drawBar(colours);
  byId("map-heading").replaceChildren(
    unit.length === 3 ? `Map ${unit[2]}: ` : `${capital(placeName(layer, unit))}: `,
    make("span", { className: "answer" }, number(array.data[place(array, unit)])));
}

function outline(canvas, unit) {
  const [x, y] = corner(laid, unit.at(-1)), pen = canvas.getContext("2d"), { zoom } = laid;
  pen.strokeStyle = "#ff3fa4";
  pen.lineWidth = Math.max(2, canvas.width / 200);
  pen.strokeRect(x, y, laid.width * zoom, laid.height * zoom);
}

/** Marks the unit on its map. */
function cross(canvas, [row, column], zoom) {
  const pen = canvas.getContext("2d");
  pen.lineWidth = 2;
  pen.strokeStyle = "#fff";
  pen.strokeRect(column * zoom - 2, row * zoom - 2, zoom + 4, zoom + 4);
  pen.strokeStyle = "#ff3fa4";
  pen.strokeRect(column * zoom, row * zoom, zoom, zoom);
}

function drawBar(colours) {
  const canvas = byId("bar"), pen = canvas.getContext("2d");
  for (let x = 0; x < canvas.width; x++) {
    const value = colours.low + ((colours.high - colours.low) * x) / (canvas.width - 1);
    pen.fillStyle = css(value, colours).background;
    pen.fillRect(x, 0, 1, canvas.height);
  }
  byId("bar-low").textContent = number(colours.low, 3);
  byId("bar-high").textContent = number(colours.high, 3);
}

let placed = ""; // the unit whose place the fields show

function drawPlaces({ name, shape }, unit) {
  byId("map-word").textContent = unit.length === 1 ? "Unit" : "Map";
  const fields = unit.length === 1 ? [["at-map", 0, 0]] : [["at-map", 2, 2], ["at-row", 0, 0], ["at-column", 1, 1]];
  const isSame = placed === `${name} ${unit}`; // then what is being typed stays
  placed = `${name} ${unit}`;
  for (const [id, axis] of fields) {
    if (!isSame || document.activeElement !== byId(id)) byId(id).value = unit[axis];
    byId(id).max = shape[axis] - 1;
  }
}

function drawSources({ doc, forward, backward, file }) {
  byId("doc").replaceChildren(...doc.split("\n\n").map((part) => part.startsWith(" ")
    ? make("pre", {}, part) : make("p", {}, ...withCode(part.replaceAll("\n", " ")))));
  byId("forward").textContent = forward;
  byId("backward").textContent = backward;
  byId("forward").title = file;
}

function drawSwitches({ name, can }, unit) {
  const { changes } = store.state;
  const silenced = changes.silenced.some(([of, n]) => of === name && n === unit.at(-1));
  const what = unit.length === 3 ? `kernel ${unit[2]}` : `unit ${unit[0]}`;
  const switches = {
    silence: [`Switch ${what} off`, silenced, (on) => toggle("silenced", [name, unit.at(-1)], on)],
    bypass: ["Leave the normalisation out", changes.bypassed.includes(name),
      (on) => toggle("bypassed", name, on)],
    unpad: ["No padding: units whose window reaches beyond the edge are 0",
      changes.unpadded.includes(name), (on) => toggle("unpadded", name, on)],
    drop: ["Drop units out, as in training", changes.dropping.includes(name),
      (on) => toggle("dropping", name, on)],
  };
  keepingFocus(() => byId("switches").replaceChildren(...can.map((key) => {
    const [label, checked, changed] = switches[key];
    const box = make("input", { type: "checkbox", id: `switch-${key}`, checked, onchange: () => changed(box.checked) });
    return make("label", {}, box, ` ${label}`);
  })));
  if (changes.dropping.includes(name)) {
    const again = () => toggle("dropping", name, true);
    byId("switches").append(make("button",
      { onclick: () => { changes.seed += 1; again(); } }, "Draw other units"));
  }
}

on("look", draw);
on("colours", draw);
on("select", draw);
