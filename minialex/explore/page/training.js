// A run under way: its losses, its accuracies, and the kernels of its first convolution.

import { get, getNumbers } from "./api.js";
import { byId, capital, epochName, make, number } from "./text.js";
import { complain, refresh, store, tell } from "./store.js";
import { drawKernels } from "./sheets.js";

const EVERY = 5000; // milliseconds: more often, the page would slow the training that it watches
let version = null; // of the run's newest checkpoint
let drawn = null; // the version whose kernels are shown
let stale = false; // whether the other panel shows an older one

export function build() {
  if (!store.network.is_run) return;
  byId("tabs").hidden = false;
  const tabs = ["look", "training"].map((id) => [byId(`tab-${id}`), byId(id)]);
  for (const [button] of tabs) {
    button.addEventListener("click", () => open(button));
    button.addEventListener("keydown", (event) => {
      if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
      const [other] = tabs.find(([each]) => each !== button);
      open(other);
      other.focus();
    });
  }
  const open = (chosen) => {
    for (const [button, panel] of tabs) {
      button.ariaSelected = button === chosen;
      button.tabIndex = button === chosen ? 0 : -1;
      panel.hidden = button !== chosen;
    }
    complain(null);
    renew();
    follow();
  };
  follow();
  setInterval(() => document.visibilityState === "visible" && follow(), EVERY);
}

let asking = false, failed = false;

/** Asks how far the run has come, and brings the panel that is open up to it. */
async function follow() {
  if (asking) return;
  asking = true;
  try {
    const found = await get("training");
    if (failed) complain(null);
    failed = false;
    if (found.version !== version) {
      store.network.moments = found.moments;
      store.network.accuracy = found.history.at(-1)?.test_accuracy;
      store.network.epochs = found.history.length;
      tell("moments");
      stale = version !== null && [store.state.moment, store.compare].includes("latest");
      version = found.version;
    }
    renew();
    if (byId("training").hidden) return;
    draw(found);
    if (drawn !== version) await drawFirstKernels();
    drawn = version;
  } catch (error) {
    failed = true;
    complain(error);
  } finally {
    asking = false;
  }
}

/** Looks at the picture anew with the newest weights, if anybody sees it: a training is not to be
    slowed down for nobody. */
function renew() {
  if (!stale || byId("look").hidden) return;
  stale = false;
  refresh();
}

async function drawFirstKernels() {
  const { arrays } = await getNumbers("kernels/latest");
  byId("kernels-figure").hidden = !arrays.kernels;
  if (arrays.kernels) drawKernels(byId("kernels"), arrays.kernels);
}

function draw({ history, losses, epochs }) {
  const newest = losses.at(-1), done = history.length;
  const now = newest
    ? `${epochName(Math.max(newest.epoch, done))}${epochs ? ` of ${epochs}` : ""}: loss ${number(newest.loss, 4)}, ${Math.round(newest.images_per_second).toLocaleString("en")} pictures a second`
    : done ? `${epochName(done)}${epochs ? ` of ${epochs}` : ""}` : "Training has not got far yet.";
  byId("training-now").textContent = capital(now);
  const of = (key) => history.filter((each) => each[key] !== undefined).map((each) => [each.epoch, each[key]]);
  byId("loss-chart").replaceChildren(chart([
    ["training, as it came", losses.map(({ epoch, loss }) => [epoch, loss]), "line-live"],
    ["training, over the epoch", of("train_loss"), "line-train"],
    ["test", of("test_loss"), "line-test"],
  ], (value) => String(Number(value.toPrecision(3)))));
  byId("accuracy-chart").replaceChildren(chart([
    ["training, as it came", losses.map(({ epoch, accuracy }) => [epoch, accuracy]), "line-live"],
    ["training, over the epoch", of("train_accuracy"), "line-train"],
    ["test", of("test_accuracy"), "line-test"],
  ], (share) => `${Number((100 * share).toPrecision(3))}%`, 0));
}

const NS = "http://www.w3.org/2000/svg";

function svg(tag, attributes, ...children) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** About five round numbers, from the last that is not above `low` to the first not below `high`. */
function ticks(low, high) {
  const rough = (high - low) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((times) => times * power >= rough) * power;
  const found = [];
  for (let n = Math.floor(low / step); n * step < high + step; n++) found.push(Number((n * step).toPrecision(6)));
  return found;
}

/** Lines over the epochs. series: [[name, [[x, y], …], class], …]; from: where the scale begins,
    without it at the least number. */
function chart(series, format, from = Infinity) {
  const width = 520, height = 260, left = 56, right = 16, top = 10, bottom = 34;
  const points = series.flatMap(([, line]) => line).filter(([, y]) => Number.isFinite(y));
  if (!points.length) return make("p", { className: "soft" }, "Nothing yet.");
  const xs = points.map(([x]) => x), ys = points.map(([, y]) => y);
  const low = Math.min(...ys, from), high = Math.max(...ys), last = Math.max(...xs, 1);
  const rules = ticks(low, high > low ? high : low + 1), [least, most] = [rules[0], rules.at(-1)];
  const x = (value) => left + (value / last) * (width - left - right);
  const y = (value) => top + (1 - (value - least) / (most - least)) * (height - top - bottom);
  const parts = rules.map((value) => svg("g", {},
    svg("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), class: "rule" }),
    svg("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, format(value))));
  for (const at of ticks(0, last).filter((value) => value <= last)) {
    parts.push(svg("text", { x: x(at), y: height - bottom + 18, "text-anchor": "middle" }, String(at)));
  }
  parts.push(svg("text", { x: (left + width) / 2, y: height - 2, "text-anchor": "middle" }, "epoch"));
  for (const [, line, kind] of series) {
    const at = line.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" ");
    parts.push(svg("polyline", { points: at, class: kind }));
    if (line.length && kind !== "line-live") parts.push(...line.map(([a, b]) => svg("circle", { cx: x(a), cy: y(b), r: 2.5, class: kind })));
  }
  const said = series.filter(([, line]) => line.length).map(([name, line]) => `${name}: ${format(line.at(-1)[1])}`);
  const legend = make("p", { className: "legend small" }, ...series.filter(([, line]) => line.length)
    .map(([name, , kind]) => make("span", { className: kind }, name)));
  const box = make("div");
  box.append(svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": said.join("; ") }, ...parts), legend);
  return box;
}
