"use strict";

// Tables: the button in a column's head sorts by it, the better first, then the other way round.

function sortBy(head) {
  const body = head.closest("table").tBodies[0];
  const other = { ascending: "descending", descending: "ascending" };
  const order = other[head.getAttribute("aria-sort")] ?? head.dataset.first;
  const sign = order === "ascending" ? 1 : -1;
  const value = (row) => row.cells[head.cellIndex].dataset.value;
  const rows = [...body.rows].sort((a, b) => compare(value(a), value(b), sign));
  for (const cell of head.parentElement.cells) cell.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
  body.append(...rows);
}

function number(text) {
  return { inf: Infinity, "-inf": -Infinity }[text] ?? Number(text);
}

function compare(a, b, sign) {
  if (a === b) return 0;
  if (a === "nan" || b === "nan") return a === "nan" ? 1 : -1; // always last
  const difference = number(a) - number(b);
  return sign * (Number.isNaN(difference) ? a.localeCompare(b) : difference);
}

for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => sortBy(button.closest("th")));
}

const filter = document.getElementById("filter");
filter.addEventListener("input", () => {
  const wanted = filter.value.toLowerCase();
  for (const row of document.getElementById("scores-table").tBodies[0].rows) {
    row.hidden = !row.cells[0].dataset.value.toLowerCase().includes(wanted);
  }
});

// Viewer: two pictures of a scene on top of each other, the left one cut off at the divider.

const STEP = 2; // percent
const LEAP = 10;

function startViewer(scenes) {
  const [scene, left, right, size, stage, divider] =
    ["scene", "left-name", "right-name", "size", "stage", "divider"].map((id) => document.getElementById(id));
  const images = { left: document.getElementById("left"), right: document.getElementById("right") };
  let at = 50;

  const current = () => scenes[scene.selectedIndex];
  const all = () => [...current().sources, ...current().results];

  function fill(select, fallback) {
    const chosen = select.value;
    const groups = [["Sources", current().sources], ["Fused", current().results]];
    select.replaceChildren(...groups.map(([label, pictures]) => {
      const group = document.createElement("optgroup");
      group.label = label;
      group.append(...pictures.map((picture) => new Option(picture.name)));
      return group;
    }));
    const kept = all().findIndex((picture) => picture.name === chosen);
    select.selectedIndex = kept < 0 ? fallback : kept;
  }

  function show() {
    for (const [side, select] of [["left", left], ["right", right]]) {
      images[side].src = all()[select.selectedIndex].data;
      images[side].alt = `${current().scene}, ${select.value}`;
      document.getElementById(`${side}-tag`).textContent = select.value;
    }
    move(at);
  }

  function changeScene() {
    fill(left, current().sources.length - 1);
    fill(right, current().sources.length);
    show();
  }

  function move(percent) {
    at = Math.min(100, Math.max(0, percent));
    stage.style.setProperty("--at", `${at}%`);
    divider.setAttribute("aria-valuenow", Math.round(at));
    divider.setAttribute("aria-valuetext", `${left.value} ${Math.round(at)} %, ${right.value} ${Math.round(100 - at)} %`);
  }

  function resize() {
    const { naturalWidth: width, naturalHeight: height } = images.right;
    const factor = Number(size.value);
    stage.classList.toggle("enlarged", factor > 0);
    stage.style.width = factor ? `${factor * width}px` : `min(100%, ${(75 * width) / height}vh)`;
  }

  function drag(event) {
    const box = stage.getBoundingClientRect();
    move((100 * (event.clientX - box.left)) / box.width);
  }

  stage.addEventListener("pointerdown", (event) => {
    const scrolls = event.pointerType === "touch" && stage.classList.contains("enlarged");
    if (event.button !== 0 || (scrolls && event.target !== divider)) return;
    event.preventDefault();
    divider.focus({ preventScroll: true, focusVisible: false });
    stage.setPointerCapture(event.pointerId);
    drag(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) drag(event);
  });
  divider.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? LEAP : STEP;
    const to = {
      ArrowLeft: at - step, ArrowDown: at - step, ArrowRight: at + step, ArrowUp: at + step,
      PageDown: at - LEAP, PageUp: at + LEAP, Home: 0, End: 100,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    move(to);
  });

  function turn(by) {
    scene.selectedIndex = (scene.selectedIndex + by + scenes.length) % scenes.length;
    changeScene();
  }

  document.getElementById("previous").addEventListener("click", () => turn(-1));
  document.getElementById("next").addEventListener("click", () => turn(1));
  document.getElementById("swap").addEventListener("click", () => {
    [left.selectedIndex, right.selectedIndex] = [right.selectedIndex, left.selectedIndex];
    show();
  });
  scene.addEventListener("change", changeScene);
  left.addEventListener("change", show);
  right.addEventListener("change", show);
  size.addEventListener("change", resize);
  images.right.addEventListener("load", resize);

  scene.append(...scenes.map((item) => new Option(item.scene)));
  changeScene();
}

const data = document.getElementById("data");
if (data) startViewer(JSON.parse(data.textContent));
