// The picture: the data set's, one from a file, a drawing, the camera; and the square that covers it.

import { Refused, get, send } from "./api.js";
import { byId, make } from "./text.js";
import { complain, on, refresh, store } from "./store.js";
import { drawPicture, zoomOf } from "./sheets.js";

const ON_SHEET = 24;
let first = 0; // the number of the first thumbnail
let size = 0; // the side of the covering square

export function build() {
  const { pictures, input } = store.network;
  byId("gallery").hidden = !pictures;
  byId("earlier").addEventListener("click", () => turn(-ON_SHEET));
  byId("later").addEventListener("click", () => turn(ON_SHEET));
  byId("file").addEventListener("change", () => take(byId("file").files[0]));
  byId("blank").addEventListener("click", () => choose("blank"));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  addEventListener("paste", (event) => take(event.clipboardData.files[0]));
  buildCover(input[0]);
  if (input[2] === 1) buildPaper();
  if (navigator.mediaDevices) buildCamera();
  if (pictures) turn(0);
}

function choose(name) {
  store.state.picture = name;
  return refresh();
}

let given = 0; // how many pictures have been sent

/** Sends a picture's file to the server and shows what the network makes of it, unless another one
    has been sent meanwhile. */
async function take(blob) {
  if (!blob) return;
  const own = ++given;
  try {
    if (blob.size > 20e6) throw new Refused("That file is too large: expected at most 20 MB.");
    const { name } = await send(blob);
    if (own === given) await choose(name);
  } catch (error) {
    if (own === given) complain(error);
  }
  byId("file").value = "";
}

async function turn(by) {
  const { pictures } = store.network;
  first = Math.min(Math.max(first + by, 0), Math.floor((pictures - 1) / ON_SHEET) * ON_SHEET);
  try {
    const found = await get(`pictures?start=${first}&count=${ON_SHEET}`);
    byId("thumbnails").replaceChildren(...found.map(({ name, url, title, label }) => {
      const what = `${title}, ${store.network.classes[label]}`;
      return make("button", { title: what, onclick: () => choose(name), value: name },
        make("img", { src: url, alt: what, className: "pixels" }));
    }));
    markThumbnail();
  } catch (error) {
    complain(error);
  }
  const isFirst = first === 0, isLast = first + ON_SHEET >= pictures;
  if (isLast && document.activeElement === byId("later")) byId("earlier").focus();
  if (isFirst && document.activeElement === byId("earlier")) byId("later").focus();
  byId("earlier").disabled = isFirst;
  byId("later").disabled = isLast;
}

function markThumbnail() {
  for (const button of byId("thumbnails").children) {
    button.setAttribute("aria-pressed", button.value === store.state.picture);
  }
}

function buildCover(side) {
  size = Math.max(1, Math.round(side / 4));
  const canvas = byId("picture"), slider = byId("cover-size");
  slider.max = side;
  slider.value = size;
  byId("cover").addEventListener("change", () => cover(byId("cover").checked ? [(side - size) >> 1, (side - size) >> 1] : null));
  slider.addEventListener("input", () => {
    size = Number(slider.value);
    const { covered } = store.state;
    if (covered) cover(covered);
  });
  let dragging = false;
  const move = (event) => {
    const box = canvas.getBoundingClientRect();
    const at = [event.clientY - box.top, event.clientX - box.left].map((length) => Math.round((length / box.width) * side - size / 2));
    cover(at);
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!store.state.covered) return;
    dragging = true;
    canvas.setPointerCapture(event.pointerId);
    move(event);
  });
  canvas.addEventListener("pointermove", (event) => dragging && move(event));
  canvas.addEventListener("pointerup", () => (dragging = false));
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    const { covered } = store.state;
    if (!step || !covered) return;
    event.preventDefault();
    const stride = event.shiftKey ? 8 : 1;
    cover([covered[0] + stride * step[0], covered[1] + stride * step[1]]);
  });
}

/** Covers the picture with a square whose corner is at [row, column]; null uncovers it. */
function cover(at) {
  const side = store.network.input[0];
  const inside = (place) => Math.min(Math.max(place, 0), side - size);
  store.state.covered = at && [inside(at[0]), inside(at[1]), size];
  refresh();
}

function draw() {
  const { look, fields, state } = store;
  const canvas = byId("picture"), { arrays, about } = look;
  const zoom = zoomOf(arrays.pixels.shape[1], 320), pen = canvas.getContext("2d");
  drawPicture(canvas, arrays.pixels, state.covered, zoom);
  const field = fields?.[""];
  if (field) frame(pen, field.map((length) => length * zoom));
  byId("picture-title").textContent = about.label === null
    ? about.title : `${about.title}: ${store.network.classes[about.label]}`;
  canvas.classList.toggle("covered", Boolean(state.covered));
  byId("cover").checked = Boolean(state.covered);
  byId("cover-size-label").hidden = !state.covered;
  byId("cover-size-shown").textContent = `${size} × ${size}`;
  markThumbnail();
}

/** Marks the receptive field; what of it lies beyond the edge is padding. */
function frame(pen, [top, bottom, left, right]) {
  pen.lineWidth = 4;
  pen.strokeStyle = "#fff";
  pen.strokeRect(left, top, right - left, bottom - top);
  pen.lineWidth = 2;
  pen.strokeStyle = "#ff3fa4";
  pen.strokeRect(left, top, right - left, bottom - top);
}

function buildPaper() {
  const paper = byId("paper"), pen = paper.getContext("2d"), dialog = byId("draw");
  const wipe = () => {
    pen.fillStyle = "#000";
    pen.fillRect(0, 0, paper.width, paper.height);
  };
  let waiting = 0, last = null;
  const submit = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => paper.toBlob(take, "image/png"), 120);
  };
  const at = (event) => {
    const box = paper.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * paper.width, ((event.clientY - box.top) / box.height) * paper.height];
  };
  wipe();
  byId("draw-open").hidden = false;
  byId("draw-open").addEventListener("click", () => dialog.show());
  byId("draw-close").addEventListener("click", () => dialog.close());
  byId("wipe").addEventListener("click", () => { wipe(); submit(); });
  dialog.addEventListener("keydown", (event) => event.key === "Escape" && dialog.close());
  paper.addEventListener("pointerdown", (event) => {
    paper.setPointerCapture(event.pointerId);
    last = at(event);
    stroke(last); // a point
  });
  paper.addEventListener("pointermove", (event) => last && stroke(at(event)));
  const stroke = (next) => {
    Object.assign(pen, { strokeStyle: "#fff", lineWidth: 22, lineCap: "round" });
    pen.beginPath();
    pen.moveTo(...last);
    pen.lineTo(...next);
    pen.stroke();
    last = next;
    submit();
  };
  paper.addEventListener("pointerup", () => (last = null));
}

function buildCamera() {
  const dialog = byId("camera"), video = byId("video");
  byId("camera-open").hidden = false;
  byId("camera-open").addEventListener("click", async () => {
    try {
      video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
    } catch (error) {
      complain(new Refused(`The browser offers no camera: ${error.message}`));
      return;
    }
    dialog.show();
    watch();
  });
  const stop = () => {
    video.srcObject?.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
  };
  dialog.addEventListener("keydown", (event) => event.key === "Escape" && dialog.close());
  byId("camera-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", stop);

  /** Sends what the camera sees, the middle of it, as often as the network has answered. */
  async function watch() {
    const frame = make("canvas", { width: 320, height: 320 }), pen = frame.getContext("2d");
    while (video.srcObject) {
      const { videoWidth: width, videoHeight: height } = video, side = Math.min(width, height);
      if (side) {
        pen.drawImage(video, (width - side) / 2, (height - side) / 2, side, side, 0, 0, 320, 320);
        await take(await new Promise((done) => frame.toBlob(done, "image/jpeg", 0.9)));
      }
      await new Promise((done) => setTimeout(done, 150));
    }
  }
}

on("look", draw);
on("fields", draw);
