// The gradient of one weight, and the finite difference that proves it.

import { byId, keepingFocus, make, number, otherwise, scrolling } from "./text.js";
import { complain, on, prove, questionName, store } from "./store.js";

const EPSILON = 2 ** -52; // the rounding of 64 bits

let power = 5; // the nudge is 10^-power
let asked = 0; // how many proofs
let shown = null; // [layer, key, index] of the one that is open
let unit = ""; // under which unit

/** Shows what the loss does when the weight at `index` of a layer's parameter is nudged. */
export async function proofOf(layer, key, index) {
  const box = byId("proof"), own = ++asked;
  [shown, unit] = [[layer, key, index], String(store.selected.unit)];
  if (box.hidden) box.replaceChildren(make("p", {}, "Nudging the weight …"));
  box.hidden = false;
  box.ariaBusy = "true";
  try {
    const found = await prove(layer, key, index, power);
    if (own === asked) keepingFocus(() => show(layer, key, index, found));
  } catch (error) {
    if (own !== asked) return;
    close();
    complain(error);
  } finally {
    if (own === asked) box.ariaBusy = "false";
  }
}

function show(layer, key, index, { weight, gradient, above, below, difference, otherwise: odd }) {
  const short = store.question.quantity === "loss" ? "L" : "z";
  const nudge = make("select", {
    id: "nudge",
    ariaLabel: "The nudge δ",
    onchange: () => { power = Number(nudge.value); proofOf(layer, key, index); },
  }, ...Array.from({ length: 12 }, (_, n) =>
    make("option", { value: n + 1, selected: n + 1 === power }, `1e−${n + 1}`)));
  const largest = Math.max(Math.abs(gradient), Math.abs(difference));
  const apart = largest ? Math.abs(gradient - difference) / largest : 0;
  const rows = [
    ["the weight w", number(weight, 8)],
    ["its gradient, from the layer's backward", number(gradient, 8)],
    ["δ", nudge],
    [`${short} at w + δ`, number(above, 17)],
    [`${short} at w − δ`, number(below, 17)],
    [`(${short}(w + δ) − ${short}(w − δ)) / 2δ`, number(difference, 8)],
    ["what rounding alone makes of that", `about ${(rounding(above) / 10 ** -power).toExponential(0).replace("-", "−")}`],
    ["apart by, relative to the larger", apart.toExponential(1).replace("-", "−")],
  ];
  byId("proof").replaceChildren(
    make("h3", {}, `${layer}.${key}[${index}]: the gradient of ${questionName()}, and its proof`),
    scrolling("The proof", make("table", { className: "list" }, ...rows.map(([label, value]) =>
      make("tr", {}, make("th", { scope: "row" }, label), make("td", {}, value))))),
    make("p", { className: "soft small" }, "The whole network computes its answer twice more, in ",
      "64 bits, with this one weight a little larger and a little smaller. A large δ shows the ",
      "curve of the answer, a tiny one the rounding. Where a ReLU or a max-pool changes its mind ",
      "between the two, they differ, and that is not the gradient's fault. ", otherwise(odd)));
}

/** About how far 64 bits are from the loss or logit `value`: logits are rounded, and of a small loss
    they change little. */
function rounding(value) {
  const { layers } = store.network, logits = store.look.arrays[`layer/${layers.at(-1).name}`].data;
  const most = Math.max(1, ...logits.map(Math.abs));
  return EPSILON * most * (store.question.quantity === "loss" ? Math.min(value, 1) : 1);
}

function close() {
  asked += 1;
  shown = null;
  byId("proof").hidden = true;
  byId("proof").ariaBusy = "false";
}

/** A proof is of what the page shows now. */
on("look", () => shown && proofOf(...shown));

/** It goes with its unit. */
on("select", () => {
  const { selected } = store;
  if (shown && (selected?.layer !== shown[0] || String(selected.unit) !== unit)) close();
});
