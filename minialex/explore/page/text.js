// Numbers and elements as text.

const MINUS = "−";

/** A number to be read: five significant digits, or all of a larger one before the point; a proper
    minus. */
export function number(value, digits = 5) {
  if (value === null || value === undefined || Number.isNaN(value)) return "NaN";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const shown = size >= 1e6 || size < 1e-4 ? value.toExponential(digits - 1)
    : value.toPrecision(Math.max(digits, String(Math.round(size)).length));
  return shown.replaceAll("-", MINUS);
}

/** A number for a small cell: two digits, or up to four before the point. */
export function brief(value) {
  if (Number.isNaN(value)) return "";
  if (value === 0) return "0";
  const size = Math.abs(value);
  const shown = size >= 9999.5 || size < 0.001 ? value.toExponential(0)
    : size >= 99.5 ? value.toFixed(0) : value.toPrecision(2);
  return shown.replaceAll("-", MINUS).replace(/(^|−)0\./, "$1.");
}

export const percent = (share) => Number.isNaN(share) ? "no number" : `${(100 * share).toFixed(share < 0.0995 ? 2 : 1)}%`;

export const times = (shape) => shape.join("×");

export const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** "after 2 epochs" of training. */
export function epochName(epoch) {
  if (epoch === null || epoch === undefined) return "as they are";
  if (epoch === 0) return "before training";
  const shown = Number.isInteger(epoch) ? epoch : epoch.toFixed(2);
  return `after ${shown} epoch${epoch === 1 ? "" : "s"}`;
}

/** What there is to say of gradients, if a layer called `name` computes otherwise in training. */
export const otherwise = (name) => name
  ? `In training ${name} computes other numbers than in a test. Gradients and their proof are of training.` : "";

/** A whole number with a proper minus. */
export const whole = (value) => String(value).replace("-", MINUS);

/** An element: make("td", {className: "x"}, "text", child, …). */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A text in which `words` like these are code. */
export const withCode = (text) => text.split("`").map((part, n) => (n % 2 ? make("code", {}, part) : part));

/** A table that scrolls sideways where it is too wide, also by keys. */
export const scrolling = (label, table) =>
  make("div", { className: "scroll", tabIndex: 0, role: "group", ariaLabel: label }, table);

/** Draws something anew; what had the focus keeps it, if it has an id. */
export function keepingFocus(draw) {
  const { id } = document.activeElement;
  draw();
  if (id && document.activeElement.id !== id) byId(id)?.focus();
}

export const byId = (id) => document.getElementById(id);
