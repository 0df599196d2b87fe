// What is shown: activations, gradients or differences, which weights, and what is changed.

import { byId, epochName, make, otherwise } from "./text.js";
import { isChanged, isCompared, layerOf, on, refresh, store, tell, toggle, undo } from "./store.js";

export function build() {
  byId("scale").value = store.scale; // a browser that goes back restores what was chosen
  for (const radio of document.getElementsByName("show")) {
    radio.checked = radio.value === store.show;
    radio.addEventListener("change", () => {
      store.show = radio.value;
      refresh();
    });
  }
  byId("scale").addEventListener("change", () => {
    store.scale = byId("scale").value;
    tell("colours");
  });
  byId("undo").addEventListener("click", () => {
    byId("show-heading").focus();
    undo();
  });
  byId("moment").addEventListener("input", () => {
    store.state.moment = store.network.moments[byId("moment").value].name;
    refresh();
  });
  byId("compare").addEventListener("change", () => {
    store.compare = byId("compare").value;
    refresh();
  });
}

/** "after 2 epochs"; of a kept file that does not say so, as it is damaged, its name. */
const momentName = ({ name, epoch }) =>
  epoch === null && name !== "latest" ? `${name}, which cannot be read` : epochName(epoch);

function drawMoments() {
  const { moments } = store.network;
  byId("moments").hidden = moments.length < 2;
  byId("no-moments").hidden = moments.length > 1 || !store.network.is_run;
  byId("moment").max = moments.length - 1;
  const at = moments.findIndex(({ name }) => name === store.state.moment);
  byId("moment").value = at;
  byId("moment-shown").textContent = byId("moment").ariaValueText = momentName(moments[at] ?? {});
  const options = [make("option", { value: "" }, "nothing"), ...moments.map((moment) =>
    make("option", { value: moment.name, selected: moment.name === store.compare }, momentName(moment)))];
  byId("compare").replaceChildren(...options);
}

function draw() {
  drawMoments();
  const difference = document.querySelector("[name=show][value=difference]");
  difference.disabled = !store.baseline;
  if (store.show === "difference" && !store.baseline) {
    store.show = "activations";
    document.querySelector("[name=show][value=activations]").checked = true;
    refresh();
  }
  const other = store.network.moments.find(({ name }) => name === store.compare);
  byId("since").textContent = other && (isCompared() || !isChanged()) ? `since the weights ${momentName(other)}` : "";
  byId("otherwise").hidden = !store.gradients?.about.otherwise;
  byId("otherwise").textContent = otherwise(store.gradients?.about.otherwise);
  drawChanges();
}

/** "kernel 3", or "unit 3" of a linear layer. */
const partName = (layer, n) => `${layerOf(layer).shape.length === 3 ? "kernel" : "unit"} ${n}`;

function drawChanges() {
  const { changes, covered } = store.state;
  const items = [
    ...changes.silenced.map((pair) => [`${pair[0]}: ${partName(...pair)} is off`, () => toggle("silenced", pair, false)]),
    ...changes.bypassed.map((name) => [`${name} is left out`, () => toggle("bypassed", name, false)]),
    ...changes.unpadded.map((name) => [`${name} has no padding`, () => toggle("unpadded", name, false)]),
    ...changes.dropping.map((name) => [`${name} drops units out`, () => toggle("dropping", name, false)]),
  ];
  if (covered) items.push(["the picture is covered", () => { store.state.covered = null; refresh(); }]);
  byId("changes").hidden = !isChanged();
  byId("change-list").replaceChildren(...items.map(([text, remove]) => {
    const button = make("button", { ariaLabel: `Undo: ${text}` }, "×");
    button.addEventListener("click", () => {
      byId("show-heading").focus();
      remove();
    });
    return make("li", {}, text, " ", button);
  }));
}

on("look", draw);
on("moments", draw);
