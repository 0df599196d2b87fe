// The most probable classes, and what to ask about.

import { byId, make, number, percent } from "./text.js";
import { isChanged, isCompared, on, refresh, store } from "./store.js";

export function build() {
  byId("quantity").value = store.question.quantity;
  byId("class").append(...store.network.classes.map((name, k) => make("option", { value: k }, name)));
  byId("class").addEventListener("change", () => {
    store.chosen = true;
    store.question.class = Number(byId("class").value);
    refresh();
  });
  byId("quantity").addEventListener("change", () => {
    store.question.quantity = byId("quantity").value;
    refresh();
  });
}

function draw() {
  const { look, baseline, network, question } = store;
  const p = look.arrays.probabilities.data, before = baseline?.arrays.probabilities.data;
  const logits = ({ arrays }) => arrays[`layer/${network.layers.at(-1).name}`].data;
  const z = logits(look), zBefore = baseline && logits(baseline);
  const order = [...p.keys()].sort((a, b) => p[b] - p[a]).slice(0, 5);
  byId("answers").replaceChildren(...order.map((k) => {
    const bar = make("div", { className: "bar-of" }, make("i"), make("b"));
    bar.lastChild.style.width = `${100 * p[k]}%`;
    bar.firstChild.style.width = before ? `${100 * before[k]}%` : 0;
    const was = before ? `; was ${percent(before[k])}, logit ${number(zBefore[k], 4)}` : "";
    const right = look.about.label === k;
    return make("li", { className: right ? "right" : "" },
      make("span", { className: "class" }, network.classes[k], right ? " ✓" : ""),
      make("span", { className: "share" }, percent(p[k])), bar,
      make("small", {}, `logit ${number(z[k], 4)}${was}`));
  }));
  const notes = [];
  if (p.some(Number.isNaN)) notes.push("Logits are NaN or infinite, so there are no probabilities.");
  if (before) notes.push(isChanged() && !isCompared() ? "“Was”: without the changes." : "“Was”: with the other weights.");
  if (look.about.label !== null) notes.push(`It is: ${network.classes[look.about.label]}.`);
  byId("answers-note").textContent = notes.join(" ");
  byId("answers-said").textContent = `${network.classes[order[0]]}, ${percent(p[order[0]])}`;
  byId("class").value = question.class;
}

on("look", draw);
