"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const data = JSON.parse(document.getElementById("data").textContent);

  function make(tag, attributes = {}, ...children) {
    return fill(document.createElement(tag), attributes, children);
  }

  function draw(tag, attributes = {}, ...children) {
    return fill(document.createElementNS(SVG, tag), attributes, children);
  }

  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  const number = (value) => value.toLocaleString("en");

  // ---- light and dark ----

  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);

  function nameTheme() {
    theme.textContent = isDark() ? "Light colours" : "Dark colours";
  }

  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  prefersDark.addEventListener("change", nameTheme);
  nameTheme();
  theme.hidden = false;

  // ---- tables: by number where a column has numbers, what is missing last ----

  function sortBy(table, column, direction) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => ({ row, ...keyOf(row.cells[column]) }));
    const numeric = rows.some(({ value }) => typeof value === "number");
    rows.sort((a, b) => {
      if (a.missing || b.missing) return a.missing - b.missing;
      const order = numeric ? a.value - b.value : a.value.localeCompare(b.value, "en", { numeric: true });
      return direction * order;
    });
    body.append(...rows.map(({ row }) => row));
  }

  function keyOf(cell) {
    const text = cell.textContent.trim();
    return { missing: Number(text === "" || text.startsWith("–")), value: cell.dataset.key ? Number(cell.dataset.key) : text };
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => {
      heading.querySelector("button").addEventListener("click", () => {
        const upward = heading.getAttribute("aria-sort") !== "ascending";
        for (const other of headings) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", upward ? "ascending" : "descending");
        sortBy(table, column, upward ? 1 : -1);
      });
    });
  }

  // ---- the gradient flow over training ----

  if (!data.films.length) return;
  const FLOAT32 = [-45, 38]; // beyond these powers of ten float32 training sees 0 or infinity
  const ONE_PERCENT = -2;
  const HUES = [0, 1, 2, 3, 4, 5, 9];
  const DASHES = ["none", "7 4", "2 4"];
  const which = document.getElementById("which");
  const slider = document.getElementById("step");
  const now = document.getElementById("now");
  const chart = document.getElementById("chart");
  const lines = document.querySelector("#readout tbody");
  let film, span, hidden;

  const hue = (k) => `var(--hue-${HUES[k % HUES.length]})`;
  const dash = (k) => DASHES[Math.floor(k / HUES.length) % DASHES.length];

  function choose(index) {
    film = data.films[index];
    hidden = new Set();
    slider.max = film.steps.length - 1;
    slider.value = 0;
    slider.disabled = film.steps.length < 2;
    lines.replaceChildren(...film.lines.map(rowOf));
    show();
  }

  /** The lowest and the highest power of ten of any band of the ticked cells: the axis holds still over the steps. */
  function spanOf({ lines }) {
    const shown = lines.filter((_, k) => !hidden.has(k));
    const all = shown.flatMap(({ frames }) => frames.flatMap(({ low = [], high = [] }) => [...low, ...high]));
    const finite = all.filter((value) => value !== data.zero);
    const [low, high] = ends(finite);
    return [Math.max(FLOAT32[0], Math.min(ONE_PERCENT, low) - 0.5), Math.min(FLOAT32[1], high + 0.5)];
  }

  const ends = (values) => values.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [0, 0]);

  function rowOf({ label }, k) {
    const tick = make("input", { type: "checkbox" });
    tick.checked = true;
    tick.addEventListener("change", () => {
      if (tick.checked) hidden.delete(k);
      else hidden.add(k);
      show();
    });
    const stroke = { x1: 0, x2: 26, y1: 6, y2: 6, "stroke-width": 3, "stroke-dasharray": dash(k) };
    const sample = draw("svg", { width: 26, height: 12, "aria-hidden": "true" }, draw("line", stroke));
    sample.firstChild.style.stroke = hue(k);
    const name = make("th", { scope: "row" }, make("label", {}, tick, sample, label));
    return make("tr", {}, name, ...Array.from({ length: 4 }, () => make("td")));
  }

  function show() {
    const step = Number(slider.value);
    span = spanOf(film);
    const said = `${number(film.steps[step])} of ${number(film.steps.at(-1))}`;
    now.textContent = said;
    slider.setAttribute("aria-valuetext", `update ${said}`);
    film.lines.forEach((line, k) => tell(lines.rows[k], line, line.frames[step]));
    chart.replaceChildren(picture(step, said));
  }

  function tell(row, { seeds }, frame) {
    const [, gradient, range, horizon, solved] = row.cells;
    gradient.replaceChildren(...(frame.n ? power(frame.median.at(-1)) : ["–"]));
    if (frame.n < seeds) gradient.append(` (${frame.n} of ${seeds} seeds)`);
    range.replaceChildren(...(frame.n ? [...power(frame.low.at(-1)), " – ", ...power(frame.high.at(-1))] : ["–"]));
    horizon.textContent = frame.n ? under(frame.median) : "–";
    solved.textContent = `${number(frame.solved)} of ${number(seeds)}`;
  }

  /** The first lag under 1 %, on a straight line between two stored lags where they are apart. */
  function under(median) {
    const k = median.findIndex((value) => value < ONE_PERCENT);
    if (k < 0) return `> ${number(film.lags.at(-1))}`;
    const [a, b] = [film.lags[k - 1], film.lags[k]];
    if (b - a === 1) return number(b);
    const share = (ONE_PERCENT - median[k - 1]) / (median[k] - median[k - 1]);
    return `≈ ${number(Math.floor(a + share * (b - a)) + 1)}`;
  }

  const minus = (value) => String(value).replace(/^-(?!0\.00$)/, "−").replace("-", "");
  const power = (value) => (value === data.zero ? ["0"] : ["10", make("sup", {}, minus(value.toFixed(2)))]);

  function picture(step, said) {
    const width = Math.max(280, chart.clientWidth);
    const height = Math.round(Math.min(460, Math.max(260, width * 0.45)));
    const box = { left: 52, right: width - 14, top: 34, bottom: height - 48 };
    const x = (lag) => box.left + ((box.right - box.left) * lag) / film.lags.at(-1);
    const y = (value) => box.top + ((box.bottom - box.top) * (span[1] - value)) / (span[1] - span[0]);
    const clipped = draw("clipPath", { id: "inside" }, draw("rect", sides(box)));
    const curves = draw("g", { "clip-path": "url(#inside)" });
    film.lines.forEach((line, k) => {
      if (!hidden.has(k) && line.frames[step].n) curves.append(...curve(line.frames[step], k, x, y));
    });
    const label = `Gradient against lag at update ${said}; the table below the slider has the numbers.`;
    const view = { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label };
    return draw("svg", view, clipped, axes(box, x, y), curves);
  }

  const sides = ({ left, right, top, bottom }) => ({ x: left, y: top, width: right - left, height: bottom - top });

  function curve({ median, low, high }, k, x, y) {
    const at = (values) => values.map((value, i) => `${x(film.lags[i]).toFixed(1)} ${held(y(value)).toFixed(1)}`);
    const band = draw("path", { class: "band", d: `M${[...at(low), ...at(high).reverse()].join("L")}Z` });
    const path = draw("path", { class: "median", d: `M${at(median).join("L")}`, "stroke-dasharray": dash(k) });
    band.style.fill = path.style.stroke = hue(k);
    return [band, path];
  }

  /** What is far outside the picture stays just outside. */
  const held = (pixels) => Math.min(2000, Math.max(-2000, pixels));

  function axes(box, x, y) {
    const group = draw("g");
    for (const value of ticks(span[0], span[1], (box.bottom - box.top) / 45)) {
      group.append(draw("line", { class: "grid", x1: box.left, x2: box.right, y1: y(value), y2: y(value) }));
      const raised = draw("tspan", { dy: -5, "font-size": 10 }, minus(value));
      group.append(draw("text", { x: box.left - 8, y: y(value) + 4, "text-anchor": "end" }, "10", raised));
    }
    for (const lag of ticks(0, film.lags.at(-1), (box.right - box.left) / 80)) {
      group.append(draw("text", { x: x(lag), y: box.bottom + 20, "text-anchor": "middle" }, number(lag)));
    }
    if (span[0] <= FLOAT32[0]) {
      const raised = draw("tspan", { dy: -5, "font-size": 10 }, minus(FLOAT32[0]));
      const rest = draw("tspan", { dy: 5 }, ", below which float32 has only 0");
      group.append(draw("text", { x: box.left + 6, y: box.bottom - 6 }, "10", raised, rest));
    }
    const level = y(ONE_PERCENT);
    group.append(
      draw("line", { class: "level", x1: box.left, x2: box.right, y1: level, y2: level }),
      draw("text", { x: box.right - 4, y: level + 15, "text-anchor": "end" }, "1 %"),
      draw("text", { x: (box.left + box.right) / 2, y: box.bottom + 40, "text-anchor": "middle" }, "lag (steps back from the loss)"),
      draw("text", { x: 0, y: 14 }, "gradient, relative to lag 0"),
    );
    return group;
  }

  /** Round whole numbers from low to high, about as many as asked for. */
  function ticks(low, high, most) {
    const rough = Math.max(1, (high - low) / Math.max(2, most));
    const size = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((k) => k * size).find((value) => value >= rough);
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, k) => (first + k) * step);
  }

  data.films.forEach(({ title }, index) => which.append(make("option", { value: index }, title)));
  which.addEventListener("change", () => choose(Number(which.value)));
  slider.addEventListener("input", show);
  document.getElementById("player").hidden = false;
  choose(0);
  new ResizeObserver(() => show()).observe(chart);
})();
