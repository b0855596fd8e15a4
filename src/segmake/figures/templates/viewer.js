"use strict";
// Shows an image with truth and prediction over it. The address names a case: viewer.html#model=unet&case=a
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const steps = { ArrowLeft: [-1, 0, 0], ArrowRight: [1, 0, 0], ArrowDown: [0, -1, 0], ArrowUp: [0, 1, 0], PageDown: [0, 0, -1], PageUp: [0, 0, 1] };
const layers = ["truth", "prediction"];
let nv, at, running = 0, solid = [], outlined = [];

const models = [...new Set(data.entries.map((entry) => entry.model))];
const casesOf = (model) => data.entries.filter((entry) => entry.model === model);

function fill(select, texts, chosen) {
  select.replaceChildren(...texts.map((text, i) => new Option(text, i, false, i === chosen)));
}

function wanted() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const several = casesOf(models.includes(asked.get("model")) ? asked.get("model") : models[0]);
  return several.find((entry) => entry.case === asked.get("case")) || several[0];
}

function address(entry) {
  return "#" + new URLSearchParams({ model: entry.model, case: entry.case });
}

function complain(text) {
  $("problem").textContent = text;
  $("problem").hidden = !text;
}

function legend() {
  $("legend").replaceChildren(...data.labels.map(([name, , hue]) => {
    const item = document.createElement("li");
    const swatch = document.createElement("i");
    swatch.style.background = hue;
    item.append(swatch, name);
    return item;
  }));
}

// A colour for every label value, none for the background.
function lookup() {
  const table = { R: [0], G: [0], B: [0], A: [0], I: [0], labels: [""] };
  for (const [name, value, hue] of data.labels) {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(hue.slice(i, i + 2), 16));
    [["R", r], ["G", g], ["B", b], ["A", 255], ["I", value], ["labels", name]].forEach(([key, item]) => table[key].push(item));
  }
  return table;
}

async function show(entry) {
  const mine = ++running;
  at = entry;
  const several = casesOf(entry.model);
  fill($("model"), models, models.indexOf(entry.model));
  fill($("case"), several.map((other) => other.case), several.indexOf(entry));
  $("told").textContent = entry.told;
  document.title = `${entry.case}, ${entry.model}`;
  for (const name of layers) $(name).disabled = !entry[name];
  document.body.dataset.state = "loading";
  complain("");
  const files = [["image", "gray"], ...layers.map((name) => [name, "gray"])].filter(([name]) => entry[name]);
  try {
    await nv.loadVolumes(files.map(([name, colormap]) => ({ url: entry[name], name: entry[name].split("/").pop(), colormap })));
  } catch (error) {
    if (mine === running) complain(`The files of ${entry.case} cannot be read: ${error.message || error}`);
  }
  if (mine !== running) return;
  if (nv.volumes.length !== files.length) {
    complain(`The files of ${entry.case} cannot be read; are they still in the results folder?`);
    document.body.dataset.state = "failed";
    return;
  }
  solid = nv.volumes.slice(1).map((volume) => volume.img);
  outlined = [];
  for (const volume of nv.volumes.slice(1)) volume.setColormapLabel(lookup());
  const frames = nv.volumes[0].nFrame4D || 1;
  const channel = Math.min(entry.channel || 0, frames - 1);
  $("channels").hidden = frames < 2;
  fill($("channel"), Array.from({ length: frames }, (_, i) => data.channels[i] || `${i + 1}`), channel);
  choose(channel);
  const labelled = nv.volumes.slice(1).map(middle).find((place) => place);
  if (labelled) nv.scene.crosshairPos = nv.mm2frac(labelled);
  paint();
  nv.createOnLocationChange();
  document.body.dataset.state = "ready";
}

// World position (mm) of the middle of the slice that shows most of a label map; nothing when it is empty.
function middle(volume) {
  const [, nx, ny, nz] = volume.hdr.dims;
  const sums = Array.from({ length: nz }, () => [0, 0, 0]);
  for (let k = 0, n = 0; k < nz; k++)
    for (let j = 0; j < ny; j++)
      for (let i = 0; i < nx; i++, n++)
        if (volume.img[n]) { sums[k][0]++; sums[k][1] += i; sums[k][2] += j; }
  const most = Math.max(...sums.map(([count]) => count));
  const largest = sums.flatMap(([count], each) => (count === most ? [each] : []));
  const k = largest[largest.length >> 1];
  const [count, x, y] = sums[k];
  if (!count) return null;
  const voxel = [x / count, y / count, k, 1];
  return volume.hdr.affine.slice(0, 3).map((row) => row.reduce((sum, value, axis) => sum + value * voxel[axis], 0));
}

// A label map with nothing inside: a voxel stays when one of its six neighbours has another label.
function outline(img, dims) {
  const [, nx, ny, nz] = dims;
  const found = new img.constructor(img.length);
  for (let k = 0, n = 0; k < nz; k++)
    for (let j = 0; j < ny; j++)
      for (let i = 0; i < nx; i++, n++) {
        const value = img[n];
        if (!value) continue;
        const inside = i > 0 && i < nx - 1 && j > 0 && j < ny - 1 && k > 0 && k < nz - 1 &&
          img[n - 1] === value && img[n + 1] === value && img[n - nx] === value && img[n + nx] === value &&
          img[n - nx * ny] === value && img[n + nx * ny] === value;
        if (!inside) found[n] = value;
      }
  return found;
}

function choose(channel) {
  const image = nv.volumes[0];
  if (image.nFrame4D > 1) nv.setFrame4D(image.id, channel);
  const [low, high] = image.calMinMax(channel);
  image.cal_min = low;
  image.cal_max = high;
}

function paint() {
  const thin = $("outlines").checked;
  layers.filter((name) => at[name]).forEach((name, i) => {
    const volume = nv.volumes[i + 1];
    if (!volume) return;
    volume.opacity = $(name).checked ? Number($("opacity").value) : 0;
    if (thin && !outlined[i]) outlined[i] = outline(solid[i], volume.hdr.dims);
    volume.img = thin ? outlined[i] : solid[i];
  });
  nv.updateGLVolume();
}

function told(location) {
  const [image, ...over] = location.values || [];
  const names = new Map(data.labels.map(([name, value]) => [value, name]));
  const shown = layers.filter((name) => at[name]);
  const parts = [`R/L ${(-location.mm[0]).toFixed(1)}, A/P ${(-location.mm[1]).toFixed(1)}, I/S ${location.mm[2].toFixed(1)} mm (LPS)`];
  if (image) parts.push(`slices ${image.vox.map((v) => Math.round(v) + 1).join(", ")}`, `intensity ${Number(image.value.toPrecision(4))}`);
  over.forEach((layer, i) => parts.push(`${shown[i]}: ${names.get(Math.round(layer.value)) || "background"}`));
  $("place").textContent = parts.join(" · ");
}

function go(by) {
  const several = casesOf(at.model);
  location.hash = address(several[(several.indexOf(at) + by + several.length) % several.length]);
}

function toggle(name) {
  $(name).checked = !$(name).checked;
  paint();
}

function swap() {
  const only = $("truth").checked && !$("prediction").checked;
  $("truth").checked = !only;
  $("prediction").checked = only;
  paint();
}

function fade(by) {
  $("opacity").value = Number($("opacity").value) + by;
  paint();
}

function look(type) {
  $("view").value = String(type);
  nv.setSliceType(type);
}

const keys = {
  t: () => toggle("truth"), p: () => toggle("prediction"), o: () => toggle("outlines"), x: swap,
  "-": () => fade(-0.1), "+": () => fade(0.1), "=": () => fade(0.1), "[": () => go(-1), "]": () => go(1),
  1: () => look(3), 2: () => look(0), 3: () => look(1), 4: () => look(2),
  c: () => { const menu = $("channel"); menu.selectedIndex = (menu.selectedIndex + 1) % menu.length; choose(menu.selectedIndex); paint(); },
};

function press(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || !nv?.volumes.length) return;
  const typing = event.target.matches("select, input[type=range]");
  const step = steps[event.key];
  const act = step ? () => nv.moveCrosshairInVox(...step) : keys[event.key.toLowerCase()];
  if (!act || (typing && (step || /^[\w]$/.test(event.key)))) {
    if (event.target === $("canvas") && event.key !== "Tab") event.stopImmediatePropagation();
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
  act();
}

function listen() {
  addEventListener("keydown", press, true);
  addEventListener("hashchange", () => show(wanted()));
  $("model").addEventListener("change", (event) => {
    const several = casesOf(models[event.target.value]);
    location.hash = address(several.find((entry) => entry.case === at.case) || several[0]);
  });
  $("case").addEventListener("change", (event) => { location.hash = address(casesOf(at.model)[event.target.value]); });
  $("channel").addEventListener("change", (event) => { choose(Number(event.target.value)); paint(); });
  $("view").addEventListener("change", (event) => look(Number(event.target.value)));
  for (const name of [...layers, "outlines"]) $(name).addEventListener("change", paint);
  $("opacity").addEventListener("input", paint);
  $("previous").addEventListener("click", () => go(-1));
  $("next").addEventListener("click", () => go(1));
  $("help").addEventListener("click", () => {
    $("keys").hidden = !$("keys").hidden;
    $("help").setAttribute("aria-expanded", String(!$("keys").hidden));
  });
}

async function start() {
  nv = new niivue.Niivue({
    logLevel: "error", dragAndDropEnabled: false, show3Dcrosshair: false, isRadiologicalConvention: true,
    backColor: [0, 0, 0, 1], crosshairColor: [1, 1, 1, 0.5], crosshairWidth: 0.3, crosshairWidthUnit: "percent", sagittalNoseLeft: true, loadingText: "loading", isNearestInterpolation: true,
    multiplanarShowRender: 0, multiplanarEqualSize: false, isColorbar: false, sliceType: 3,
  });
  nv.onLocationChange = told;
  await nv.attachToCanvas($("canvas"));
  listen();
  await show(wanted());
}

function fetchLibrary() {
  const script = document.createElement("script");
  script.src = "viewer/niivue.js";
  script.onload = () => start().catch((error) => complain(`The viewer cannot start (${error.message || error}); does this browser have WebGL 2?`));
  script.onerror = () => complain("viewer/niivue.js is not beside this page; run `segmake report` again");
  document.head.append(script);
}

legend();
if (location.protocol === "file:") {
  const folder = decodeURIComponent(location.pathname).replace(/\/[^/]*\/[^/]*$/, "");
  $("command").textContent = `segmake view '${folder.replaceAll("'", "'\\''")}'`;
  $("controls").hidden = true;
  $("offline").hidden = false;
} else if (!data.entries.length) {
  complain("There is no image with a truth or a prediction in this results folder.");
} else {
  fetchLibrary();
}
