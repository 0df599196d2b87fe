// Where the number of the selected unit comes from, in numbers that can be read and added up.

import { brief, byId, keepingFocus, make, number, scrolling, whole } from "./text.js";
import { SOFTMAX, complain, explain, isAnswer, layerOf, on, placeName, questionName, store, tell } from "./store.js";
import { css, extent, scale } from "./colours.js";
import { proofOf } from "./proof.js";
import { drawKernels, place } from "./sheets.js";

let asked = null;
let shown = null; // the last explanation
let channel = null; // of a convolution's input: which the tables show; null for the one with most
let guess = { of: "", text: "", outcome: "" }; // the reader's, of a unit

export function build() {
  byId("predict").addEventListener("change", render);
}

/** Asks for the explanation of the selected unit and shows it. */
async function render() {
  const { selected } = store;
  asked?.abort();
  if (!selected) {
    clear();
    return;
  }
  const own = (asked = new AbortController());
  begin(selected);
  byId("unit").ariaBusy = "true";
  try {
    const found = selected.layer === SOFTMAX
      ? ofSoftmax(selected.unit[0]) : await explain(selected, own.signal);
    if (found.about.layer !== shown?.about.layer) channel = null;
    show((shown = found));
    store.fields = found.about.fields;
    tell("fields");
  } catch (error) {
    if (error.name !== "AbortError") complain(error);
  } finally {
    if (own === asked) byId("unit").ariaBusy = "false";
  }
}

/** Shows no unit. */
function clear() {
  shown = null;
  document.body.classList.remove("predicting", "predicting-answer");
  byId("unit-empty").hidden = false;
  byId("predict-label").hidden = true;
  byId("unit-heading").textContent = "Point at a unit";
  byId("unit-body").replaceChildren();
}

function show(found) {
  const { layer, unit, kind } = found.about, value = found.arrays.value.data[0];
  byId("unit-empty").hidden = true;
  byId("predict-label").hidden = false;
  byId("unit-heading").textContent = `${layer}, ${placeName(layer, unit)}`;
  const body = byId("unit-body");
  const parts = PARTS[kind](found);
  const rows = [make("p", { className: "value" }, "y = ", answer(number(value, 7)))];
  rows.push(...change(found.about), ...parts, ...field(found.about), ...followed(layer, unit), ...gradient(layer, unit));
  keepingFocus(() => {
    body.replaceChildren(...rows);
    predict(value);
  });
  const said = isPredicting() ? "" : ` is ${number(value)}`;
  byId("unit-said").textContent = `${layer}, ${placeName(layer, unit)}${said}`;
}

const answer = (text) => make("span", { className: "answer" }, text);

/** What of the reader's changes concerns the unit: below it stands what it would be without. */
function change({ layer, unit, kind, top, left }) {
  const { silenced, bypassed, unpadded, dropping } = store.state.changes, found = [];
  if (silenced.some(([name, n]) => name === layer && n === unit.at(-1))) found.push("it is switched off, so y is 0");
  if (bypassed.includes(layer)) found.push("the normalisation is left out, so y is x");
  if (unpadded.includes(layer) && kind === "convolution" && reachesOut(layer, top, left)) {
    found.push("its window reaches into the padding, so y is 0");
  }
  if (dropping.includes(layer)) return [make("p", {}, "Units are dropped now, as in training:")];
  return found.length ? [make("p", {}, `You have changed this: ${found.join("; ")}. Without that:`)] : [];
}

/** Whether a window of a convolution, which begins at this row and column, reaches beyond the edge. */
function reachesOut(layer, top, left) {
  const [height, width] = inputOf(layer), [, size] = layerOf(layer).params.weight;
  return top < 0 || left < 0 || top + size > height || left + size > width;
}

/** The receptive field in words. */
function field({ layer, fields, unknown }) {
  if (layer === SOFTMAX || fields[""] === undefined) return [];
  const [height, width] = store.network.input;
  if (unknown) {
    return [make("p", {}, `It may depend on all of the picture: how far ${unknown}, a layer of your own, reaches is not known.`)];
  }
  const [top, bottom, left, right] = fields[""] ?? [0, height, 0, width]; // null is everything
  return [make("p", {}, `It depends on ${bottom - top}×${right - left} pixels of the picture: `,
    `rows ${top} to ${bottom - 1}, columns ${left} to ${right - 1}.`)];
}

/** Hides the answers, if the reader wants to guess first. What is being typed about the same unit
    stays. */
function begin({ layer, unit }) {
  const { picture, covered, changes } = store.state;
  const of = JSON.stringify([layer, unit, picture, covered, changes]);
  if (of !== guess.of || !byId("predict").checked) guess = { of, text: "", outcome: "" };
  hide(byId("predict").checked && !guess.outcome);
}

/** Hides the numbers of the selected unit, or shows them. */
function hide(isHidden) {
  document.body.classList.toggle("predicting", isHidden);
  document.body.classList.toggle("predicting-answer", isHidden && isAnswer(store.selected.layer));
}

const isPredicting = () => document.body.classList.contains("predicting");

/** Asks for the reader's guess, or says what has become of it. */
function predict(value) {
  if (!byId("predict").checked) return;
  const typed = make("input", { id: "guess", type: "number", step: "any", ariaLabel: "Your prediction", value: guess.text });
  typed.addEventListener("input", () => (guess.text = typed.value));
  const reveal = (event) => {
    event.preventDefault();
    const said = Number(guess.text), off = number(Math.abs(said - value), 3);
    guess.outcome = `${guess.text && `You said ${number(said)}, off by ${off}: `}it is ${number(value)}.`;
    hide(false);
    show(shown);
    byId("unit-said").textContent = guess.outcome;
    byId("outcome").focus();
  };
  const form = make("form", { className: "guess", onsubmit: reveal }, ...(guess.outcome
    ? [make("p", { id: "outcome", tabIndex: -1 }, guess.outcome)] : [make("label", {}, "Your prediction of y ", typed), make("button", { id: "reveal" }, "Look")]));
  byId("unit-body").prepend(form);
}

/** What the activation behind a layer makes of the unit. */
function followed(layer, unit) {
  const names = store.network.layers.map(({ name }) => name), next = names[names.indexOf(layer) + 1];
  if (!next || !["ReLU", "Tanh", "Sigmoid"].includes(layerOf(next).kind)) return [];
  const array = store.look.arrays[`layer/${next}`];
  const y = number(array.data[place(array, unit)], 7);
  return [make("p", {}, `${next} makes of it: `, answer(y))];
}

/** The gradient that has come back to the unit, where gradients are shown. */
function gradient(layer, unit) {
  const array = store.gradients?.arrays[`layer/${layer}`];
  if (!array) return [];
  const dy = number(array.data[place(array, unit)], 7);
  return [make("p", {}, `dy, the gradient of ${questionName()}, is ${dy} here.`)];
}

const ROUNDED = make("p", { className: "soft small" },
  "Sums here are of 64 bits; the layer itself computes in 32, and rounds.");

const line = (...parts) => make("p", { className: "sum" }, ...parts);

/** A table of numbers (rows × columns); cell(i, j) gives {value, note, press, best, outside}. Its
    rows are called by numbers from `top`, its columns from `left`. With `secret`, the numbers are an
    answer, not to be seen before a prediction; with `signed`, the colours are those of numbers that
    may be negative. A press on a cell shows all its digits. */
function grid(caption, rows, columns, cell, { secret = false, signed, top = 0, left = 0 } = {}) {
  const cells = [];
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) cells.push(cell(i, j));
  const colours = scale(...extent(cells.map(({ value }) => value)), signed);
  const table = make("table", { className: secret ? "grid secret" : "grid", ariaLabel: caption });
  const digits = make("p", { className: "soft small" });
  const heading = (scope, text) => make("th", { scope, className: "unseen" }, text);
  table.append(make("tr", { className: "unseen" }, make("th"),
    ...Array.from({ length: columns }, (_, j) => heading("col", `column ${whole(left + j)}`))));
  table.addEventListener("click", ({ target }) => {
    digits.textContent = target.closest("[title]")?.title ?? "";
  });
  for (let i = 0; i < rows; i++) {
    const row = make("tr", {}, heading("row", `row ${whole(top + i)}`));
    for (let j = 0; j < columns; j++) {
      const { value, note = "", press, best, outside } = cells[i * columns + j];
      const box = make("td", { title: `${note}${number(value)}` });
      if (outside || Number.isNaN(value)) box.className = "outside";
      else {
        const { background, ink } = css(value, colours);
        box.style.background = background;
        box.style.color = ink;
      }
      if (best) box.classList.add("best");
      const text = brief(value);
      box.append(press ? make("button", { onclick: press, ariaLabel: `${note}${number(value)}` }, text) : text);
      row.append(box);
    }
    table.append(row);
  }
  return make("div", {}, make("p", { className: "caption" }, caption), scrolling(caption, table), digits);
}

/** A sign before something. */
const withSign = (sign, element) => make("div", { className: "signed" }, make("span", { className: "sign" }, sign), element);

/** A table with headings; the cells are texts or elements. */
function list(caption, headings, rows) {
  const head = make("tr", {}, ...headings.map((text) => make("th", { scope: "col" }, text)));
  const body = rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell))));
  return scrolling(caption,
    make("table", { className: "list" }, make("caption", {}, caption), head, ...body));
}

const COLOURS = ["red", "green", "blue"];

/** What input channel number c is called. */
function channelName(layer, c) {
  const first = store.network.layers[0].name === layer;
  if (!first) return `map ${c}`;
  return store.network.input[2] === 3 ? COLOURS[c] : "grey";
}

/** What the first layer gets of channel number c in the place of pixels. */
function standardized(layer, c) {
  const { layers, mean, std, has_mean_picture: isPicture } = store.network;
  if (layers[0].name !== layer) return "";
  const centred = isPicture ? "pixel − that of the mean picture" : `pixel − ${number(mean[c], 4)}`;
  return std[c] === 1 ? `: ${centred}` : `: (${centred}) / ${number(std[c], 4)}`;
}

/** The shape of what a layer gets. */
const inputOf = (layer) =>
  store.network.layers.find(({ name }) => name === before(layer))?.shape ?? store.network.input;

function before(layer) {
  const names = store.network.layers.map(({ name }) => name);
  return names[names.indexOf(layer) - 1] ?? "the picture";
}

function ofConvolution({ about, arrays }) {
  const { layer, unit, channels: [first], top, left } = about;
  const { sums, window: seen, weights, bias, sum } = arrays;
  const [size, , count] = seen.shape, o = unit[2];
  const order = [...sums.data.keys()].sort((a, b) => Math.abs(sums.data[b]) - Math.abs(sums.data[a]));
  const c = channel ?? order[0];
  const at = (i, j) => (i * size + j) * count + c;
  const input = inputOf(layer);
  const padded = (i, j) => top + i < 0 || left + j < 0 || top + i >= input[0] || left + j >= input[1];
  const where = (i, j) => `row ${whole(top + i)}, column ${whole(left + j)}${padded(i, j) ? " (padding)" : ""}: `;
  const choose = make("select", {
    id: "channel",
    onchange: () => { channel = Number(choose.value); show({ about, arrays }); },
  }, ...(isPredicting() ? [...sums.data.keys()] : order).map((n) => make("option", { value: n, selected: n === c },
    channelName(layer, first + n), isPredicting() ? "" : `: ${number(sums.data[n], 4)}`)));
  const name = channelName(layer, first + c);
  const press = (i, j) => () => proofOf(layer, "weight", [o, i, j, c]);
  return [
    line(`Σ of ${(size * size * count).toLocaleString("en")} products = `, answer(number(sum.data[0], 7)),
      `; plus the bias `, make("button", { onclick: () => proofOf(layer, "bias", [o]) }, number(bias.data[0], 7)),
      ` gives y = `, answer(number(sum.data[0] + bias.data[0], 7))),
    ROUNDED,
    make("p", {}, make("label", {}, `The products of one channel of ${before(layer)}, and their sum: `, choose),
      isPredicting() ? ` (of ${count})` : ` (of ${count}, the largest first)`),
    make("div", { className: "grids" },
      grid(`Window on ${before(layer)}, ${name}${standardized(layer, c)}`, size, size,
        (i, j) => ({ value: seen.data[at(i, j)], note: where(i, j), outside: padded(i, j) }),
        { signed: before(layer) === "the picture" || undefined, top, left }),
      withSign("×", grid(`Kernel ${o}, ${name}: press a weight for its gradient`, size, size,
        (i, j) => ({ value: weights.data[at(i, j)], note: `weight ${i}, ${j}: `, press: press(i, j) }),
        { signed: true })),
      withSign("=", grid("Products", size, size,
        (i, j) => ({ value: seen.data[at(i, j)] * weights.data[at(i, j)] }),
        { secret: true, signed: true, top, left })),
      ...asPictures(weights)),
  ];
}

/** A kernel on pixels as a picture; none of a kernel on maps. */
function asPictures({ shape, data }) {
  if (![1, 3].includes(shape[2])) return [];
  const canvas = make("canvas", { className: "kernel", ariaLabel: "The kernel as a picture" });
  drawKernels(canvas, { shape: [1, ...shape], data });
  return [make("div", {}, make("p", { className: "caption" }, "The kernel as a picture: grey is 0"), canvas)];
}

function ofMaxPool({ about, arrays }) {
  const { layer, top, left, winner, others, channel: map } = about, { data, shape: [size] } = arrays.window;
  const from = before(layer), [row, column] = winner;
  const shared = others.map(({ unit: [i, j], wins, equal }) =>
    `row ${i}, column ${j} (${wins ? "where it wins, too" : equal ? "where another one, as large, comes first" : "where another is larger"})`);
  const most = data[(row - top) * size + column - left], isTied = data.filter((value) => value === most).length > 1;
  const overlap = shared.length
    ? `Windows overlap: this pixel also lies in those of ${shared.join("; ")}. Its gradient is the sum of dy of all units where it wins.`
    : "This pixel lies in no other window.";
  return [
    grid(`Window on ${channelName(layer, map)} of ${from}`, size, size, (i, j) => ({
      value: data[i * size + j], note: `row ${whole(top + i)}, column ${whole(left + j)}: `,
      best: top + i === row && left + j === column,
    }), { top, left }),
    line("The largest is ", answer(number(most, 7)), `, of ${from}, `,
      answer(`in row ${row}, column ${column}${isTied ? ": the first of several as large" : ""}`), "."),
    make("p", { className: "secret" }, overlap),
  ];
}

const ofMeanPool = ({ about: { layer, top, left, channel: map }, arrays: { window: { data, shape: [size] } } }) => [
  grid(`Window on ${channelName(layer, map)} of ${before(layer)}`, size, size, (i, j) => ({
    value: data[i * size + j], note: `row ${whole(top + i)}, column ${whole(left + j)}: `,
  }), { top, left }),
  line(`y is the mean of the ${size * size} numbers.`),
];

function ofNormalisation({ about, arrays }) {
  const { layer, first, alpha, beta, k, unit } = about, { neighbours, x, s, divisor } = arrays;
  const rows = [...neighbours.data].map((value, n) => [
    `map ${first + n}${first + n === unit[2] ? " (its own)" : ""}`, number(value, 7), number(value * value),
  ]);
  const sum = neighbours.data.reduce((total, value) => total + value * value, 0);
  return [
    list(`The same place on the neighbouring maps of ${before(layer)}`, ["map", "x", "x²"], rows),
    line(`s = k + α Σ x² = ${k} + ${alpha} × ${number(sum)} = `, answer(number(s.data[0], 7))),
    line("The divisor s^β = ", answer(`${number(s.data[0], 7)}^${beta} = ${number(divisor.data[0], 7)}`)),
    line(`y = x / s^β = ${number(x.data[0], 7)} / `, answer(`${number(divisor.data[0], 7)} = ${number(x.data[0] / divisor.data[0], 7)}`)),
  ];
}

function ofLinear({ about, arrays }) {
  const { layer, unit, inputs, of } = about, { x, weights, rest, sum, bias } = arrays;
  const rows = inputs.map((input, n) => [
    inputName(layer, input), number(x.data[n]),
    make("button", { onclick: () => proofOf(layer, "weight", [unit[0], input]), ariaLabel: `weight ${number(weights.data[n])}` }, number(weights.data[n])),
    answer(number(x.data[n] * weights.data[n])),
  ]);
  const others = of - inputs.length;
  if (others) rows.push([`${others.toLocaleString("en")} others`, "", "", answer(number(rest.data[0]))]);
  return [
    line(`Σ of ${of.toLocaleString("en")} products = `, answer(number(sum.data[0], 7)), "; plus the bias ",
      make("button", { onclick: () => proofOf(layer, "bias", unit) }, number(bias.data[0], 7)),
      " gives y = ", answer(number(sum.data[0] + bias.data[0], 7))),
    ROUNDED,
    list("The largest products; press a weight for its gradient", ["input", "x", "weight", "product"], rows),
  ];
}

/** What input number n of a linear layer is: behind a Flatten, a place on a map. */
function inputName(layer, n) {
  const { layers } = store.network, at = layers.findIndex(({ name }) => name === layer);
  const previous = layers[at - 1];
  if (previous?.kind !== "Flatten") return `${previous?.name ?? "picture"}, unit ${n}`;
  const from = layers[at - 2], [, width, count] = from?.shape ?? store.network.input;
  if (!count) return `${from.name}, unit ${n}`;
  const pixel = Math.floor(n / count);
  return `${from?.name ?? "picture"}, map ${n % count}, row ${Math.floor(pixel / width)}, column ${pixel % width}`;
}

function ofActivation({ about: { layer }, arrays }) {
  const x = number(arrays.x.data[0], 7), { kind } = layerOf(layer);
  const formula = { ReLU: `max(${x}, 0)`, Tanh: `tanh(${x})`, Sigmoid: `1 / (1 + exp(−(${x})))` }[kind];
  return [line(`x = ${x} comes from ${before(layer)}; y = ${formula} = `, answer(number(arrays.value.data[0], 7)))];
}

const ofDropout = ({ about: { layer, p }, arrays }) => [
  line(`x = ${number(arrays.x.data[0], 7)} comes from ${before(layer)}.`),
  make("p", {}, `In training a unit is 0 with probability ${p}, else x / ${Number((1 - p).toPrecision(12))}; in a test y = x.`),
];

const ofFlatten = ({ about: { layer, from }, arrays }) => [
  line(`It is ${placeName(before(layer), from)} of ${before(layer)}: `, answer(number(arrays.x.data[0], 7))),
];

const ofOther = ({ about: { layer }, arrays }) =>
  arrays.x ? [line(`x = ${number(arrays.x.data[0], 7)} comes from ${before(layer)}.`)] : [];

function ofSoftmax(k) {
  const { layers, classes } = store.network, last = layers.at(-1).name;
  const z = store.look.arrays[`layer/${last}`].data, most = Math.max(...z);
  const powers = [...z].map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, value) => total + value, 0);
  return {
    about: { layer: SOFTMAX, unit: [k], kind: "softmax", fields: {}, z, most, powers, sum, classes },
    arrays: { value: { shape: [], data: [store.look.arrays.probabilities.data[k]] } },
  };
}

function showSoftmax({ about: { unit: [k], z, most, powers, sum, classes } }) {
  const order = [...z.keys()].sort((a, b) => z[b] - z[a]).slice(0, 10);
  const rows = (order.includes(k) ? order : [...order, k]).map((n) => [
    `${classes[n]}${n === k ? " (this one)" : ""}`, number(z[n], 7), number(powers[n]), answer(number(powers[n] / sum)),
  ]);
  return [
    line(`p = exp(z − ${number(most)}) / Σ, with Σ = ${number(sum, 7)} over all classes: `,
      `${number(powers[k], 7)} / ${number(sum, 7)} = `, answer(number(powers[k] / sum, 7))),
    ROUNDED,
    list("The largest logits", ["class", "logit z", "exp(z − max)", "probability"], rows),
  ];
}

const PARTS = {
  convolution: ofConvolution, "max pool": ofMaxPool, "mean pool": ofMeanPool,
  normalisation: ofNormalisation, linear: ofLinear, activation: ofActivation,
  dropout: ofDropout, flatten: ofFlatten, other: ofOther, softmax: showSoftmax,
};

on("select", render);
on("colours", () => shown && show(shown));
