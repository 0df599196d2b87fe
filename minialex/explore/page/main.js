// Starts the page: asks for the network, builds every part, shows the first picture.

import * as answers from "./answers.js";
import * as changes from "./changes.js";
import * as layer from "./layer.js";
import * as picture from "./picture.js";
import * as river from "./river.js";
import * as training from "./training.js";
import * as unit from "./unit.js";
import { SOFTMAX, begin, complain, layerOf, on, refresh, store, tell } from "./store.js";
import { Refused } from "./api.js";
import { byId, epochName, percent } from "./text.js";
import { dark } from "./colours.js";

async function start() {
  await begin();
  document.title = `${store.network.model} — minialex explore`;
  byId("model").textContent = store.network.model;
  drawAbout();
  readAddress();
  for (const part of [river, layer, unit, answers, changes, picture, training]) part.build();
  await refresh();
  if (!store.look) {
    store.state.picture = store.network.first;
    await refresh();
    complain(new Refused("The picture that the address asks for is not there any more."));
  }
  addEventListener("hashchange", async () => {
    readAddress();
    await refresh();
  });
  dark.addEventListener("change", () => tell("colours"));
  on("moments", drawAbout);
  on("select", writeAddress);
  on("look", writeAddress);
}

/** What the network is, in a line. */
function drawAbout() {
  const { parameters, weights, dataset, accuracy, epochs, notes } = store.network;
  const parts = [`${parameters.toLocaleString("en")} parameters`, weights];
  if (dataset) parts.push(`trained on ${dataset}`);
  if (accuracy) parts.push(`${percent(accuracy)} of the test pictures right ${epochName(epochs)}`);
  byId("about").textContent = [...parts, ...notes].join(" · ");
}

/** What the address asks for behind its #: layer=conv1&unit=3,4,7&picture=test/5. */
function readAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1)), { network, state } = store;
  if (wanted.has("picture")) state.picture = wanted.get("picture");
  const layer = wanted.get("layer"), unit = (wanted.get("unit") ?? "").split(",").map(Number);
  const known = layer === SOFTMAX || network.layers.some(({ name }) => name === layer);
  if (!known) return;
  const { shape } = layerOf(layer);
  if (unit.length === shape.length && unit.every((at, axis) => Number.isInteger(at) && at >= 0 && at < shape[axis])) {
    store.selected = { layer, unit };
  }
}

function writeAddress() {
  const { selected, state } = store, now = new URLSearchParams({ picture: state.picture });
  if (selected) {
    now.set("layer", selected.layer);
    now.set("unit", selected.unit.join(","));
  }
  const readable = now.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  history.replaceState(null, "", `${location.pathname}${location.search}#${readable}`);
}

start().catch(complain);
