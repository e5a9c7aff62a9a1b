"use strict";
// What a report gains with a script: sorting and filtering of tables, series that can be switched, values under the pointer,
// a choice between light and dark. All texts come from the page and go back as text, never as HTML.
(() => {
  const all = (query, within = document) => [...within.querySelectorAll(query)];

  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  // Index: the section in view, and sections that open when they are linked to.
  function followIndex() {
    const links = new Map(all(".index a").map((link) => [link.hash.slice(1), link]));
    const targets = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
    const mark = () => {
      const above = targets.filter((target) => target.getBoundingClientRect().top < innerHeight / 3);
      const current = above.at(-1) ?? targets[0];
      links.forEach((link, id) => {
        if (current && id === current.id) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      });
    };
    let waiting = false;
    addEventListener("scroll", () => {
      if (waiting) return;
      waiting = true;
      requestAnimationFrame(() => { waiting = false; mark(); });
    }, { passive: true });
    mark();
    const open = () => {
      const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      const folded = target && (target.querySelector("details") ?? target.closest("details"));
      if (folded) folded.open = true;
    };
    addEventListener("hashchange", open);
    open();
    addEventListener("beforeprint", () => all("details").forEach((folded) => { folded.open = true; }));
  }

  function chooseTheme() {
    const themes = ["auto", "light", "dark"];
    const button = element("button", { type: "button", className: "theme" });
    let chosen = 0;
    const show = () => {
      button.textContent = `Colours: ${themes[chosen]}`;
      if (chosen) document.documentElement.dataset.theme = themes[chosen];
      else delete document.documentElement.dataset.theme;
    };
    button.addEventListener("click", () => { chosen = (chosen + 1) % themes.length; show(); });
    show();
    document.querySelector(".index")?.append(button);
  }

  // Tables. A number is sorted by its full value where the page gives one, and whatever is none comes last.
  function key(cell, numeric) {
    if (!numeric) return cell.textContent;
    const text = cell.dataset.v ?? cell.textContent.replace(/\s/g, "").replace("−", "-");
    return parseFloat(text);
  }

  function compare(a, b, numeric) {
    if (!numeric) return a.localeCompare(b, "en", { numeric: true });
    if (Number.isNaN(a) || Number.isNaN(b)) return 0;
    return a - b;
  }

  function sortable(table) {
    const body = table.tBodies[0];
    const order = [...body.rows];
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const numeric = head.classList.contains("n");
      const button = element("button", { type: "button" }, ...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        // Best first, then the other way, then as it was.
        const next = { none: numeric ? "descending" : "ascending" };
        next[next.none] = numeric ? "ascending" : "descending";
        const direction = next[head.getAttribute("aria-sort") ?? "none"] ?? "none";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        if (direction === "none") return body.append(...order);
        head.setAttribute("aria-sort", direction);
        const keyed = order.map((row) => [row, key(row.cells[column], numeric)]);
        const last = keyed.filter(([, value]) => Number.isNaN(value));
        const rows = keyed.filter(([, value]) => !Number.isNaN(value));
        const sign = direction === "ascending" ? 1 : -1;
        rows.sort((a, b) => sign * compare(a[1], b[1], numeric));
        body.append(...rows.concat(last).map(([row]) => row));
      });
    });
  }

  function filterable(table) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 4) return;
    const count = element("span", { role: "status" });
    const input = element("input", { type: "search", placeholder: "Filter rows" });
    input.setAttribute("aria-label", "Filter rows");
    const show = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const matching = rows.filter((row) => {
        const text = row.textContent.toLowerCase();
        const shown = words.every((word) => text.includes(word));
        row.hidden = !shown;
        return shown;
      });
      count.textContent = words.length ? `${matching.length} of ${rows.length} rows` : `${rows.length} rows`;
    };
    input.addEventListener("input", show);
    show();
    table.parentElement.before(element("div", { className: "tools" }, input, count));
  }

  // Legends: a click switches a series, a double click leaves it alone.
  function switchable(figure) {
    const keys = all(".legend li[data-s]", figure);
    if (keys.length < 2) return;
    const on = (item) => item.getAttribute("aria-pressed") === "true";
    const set = (item, shown) => {
      item.setAttribute("aria-pressed", String(shown));
      const drawn = all(`.panels [data-s="${CSS.escape(item.dataset.s)}"]`, figure);
      drawn.forEach((group) => group.classList.toggle("off", !shown));
    };
    keys.forEach((item) => {
      item.tabIndex = 0;
      item.setAttribute("role", "button");
      item.title = "Click: show or hide; double click: show alone";
      set(item, true);
      item.addEventListener("click", () => set(item, !on(item)));
      item.addEventListener("dblclick", () => {
        const alone = keys.every((other) => other === item || !on(other));
        keys.forEach((other) => set(other, alone || other === item));
      });
      item.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        set(item, !on(item));
      });
    });
  }

  // Values under the pointer. An axis is pixel, pixel, position, position, unit, kind of scale, label.
  function axis(text) {
    const words = text.split(" ");
    return [...words.slice(0, 5).map(Number), words[5], words.slice(6).join(" ")];
  }

  function written(place, [, , , , unit, kind]) {
    if (kind === "log") return short(10 ** place, 3);
    if (kind === "signed") return short(Math.sinh(place), 3);
    if (kind === "percent") return `${(100 * place).toFixed(2)} %`;
    if (kind === "count") return String(Math.round(place));
    return short(Math.round(place / unit) * unit, 4);
  }

  function short(value, digits) {
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(digits - 1);
    return String(Number(value.toPrecision(digits)));
  }

  const quantity = (axis) => axis[6].replace(/, %$/, "");
  const pixel = (place, [from, to, low, high]) => from + ((place - low) / (high - low)) * (to - from);

  // Whole numbers as source maps have them: five bits a letter, the lowest first, and the lowest of all is the sign.
  const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  function decoded(text) {
    const numbers = [];
    let [value, weight] = [0, 1];
    for (const letter of text) {
      const digit = LETTERS.indexOf(letter);
      value += (digit % 32) * weight;
      weight *= 32;
      if (digit >= 32) continue;
      numbers.push(value % 2 ? -(value - 1) / 2 : value / 2);
      [value, weight] = [0, 1];
    }
    return numbers;
  }

  // Runs are [value, times, value, times, …].
  function unrolled(runs) {
    const values = [];
    for (let i = 0; i < runs.length; i += 2) values.push(...Array(runs[i + 1]).fill(runs[i]));
    return values;
  }

  function points(plot) {
    const [x, y] = [axis(plot.dataset.x), axis(plot.dataset.y)];
    const found = [];
    for (const group of all("[data-dots]", plot)) {
      for (const row of group.dataset.dots.split("\n").filter(Boolean)) {
        const [px, py, ...words] = row.split(" ");
        found.push({ group, px: Number(px), py: Number(py), lines: () => words.join(" ").split("; ") });
      }
    }
    for (const group of all("[data-line]", plot)) {
      const [steps, counts, width, line] = group.dataset.line.split(" ").map(decoded);
      const [dx, seedsAt] = [unrolled(steps), unrolled(counts)];
      let [ax, ay] = [0, 0];
      for (let i = 0; i < dx.length; i += 1) {
        const [dy, below = 0, above = below] = line.slice(width[0] * i, width[0] * (i + 1));
        ax += dx[i];
        ay += dy;
        const [at, mean, low, high, seeds] = [ax * x[4], ay * y[4], (ay - below) * y[4], (ay + above) * y[4], seedsAt[i]];
        const lines = () => {
          const value = `${quantity(y)}: ${written(mean, y)}`;
          const spread = seeds > 1 ? ` (${written(low, y)} to ${written(high, y)}, ${seeds} seeds)` : " (1 seed)";
          return [value + spread, `${quantity(x)}: ${written(at, x)}`];
        };
        found.push({ group, px: pixel(at, x), py: pixel(mean, y), lines });
      }
    }
    return found;
  }

  // The value of a map under the pointer, and the rectangle that shows it.
  function cell(map, at) {
    const [[left, top, width, height, rows, columns], step, [fromRow, fromColumn], most, values] = JSON.parse(map.dataset.map);
    const row = Math.floor(((at.y - top) / height) * rows);
    const column = Math.floor(((at.x - left) / width) * columns);
    if (row < 0 || row >= rows || column < 0 || column >= columns) return null;
    const value = values[row * columns + column];
    const signed = (places) => (places > 0 ? `+${places}` : String(places));
    const lines = [
      `value: ${value === null ? "not finite" : short((value / 1000) * most, 3)}`,
      `row ${signed((row - fromRow) * step)}, column ${signed((column - fromColumn) * step)}`,
    ];
    const [w, h] = [width / columns, height / rows];
    return { group: map, lines: () => lines, box: { x: left + column * w, y: top + row * h, width: w, height: h } };
  }

  // The name of a series: its own, or that of the legend and what is added to it.
  function name(group) {
    const { name: own, s, more = "" } = group.dataset;
    return own ?? group.closest("figure").querySelector(`.legend li[data-s="${CSS.escape(s)}"] span`).textContent + more;
  }

  function hoverable(tip) {
    const known = new WeakMap();
    const SVG = "http://www.w3.org/2000/svg";
    let cursor = null;
    const hide = () => { tip.hidden = true; cursor?.remove(); };
    const mark = (within, shape, properties) => {
      cursor?.remove();
      cursor = document.createElementNS(SVG, shape);
      for (const [name, value] of Object.entries({ class: "cursor", ...properties })) cursor.setAttribute(name, value);
      within.append(cursor);
    };
    const nearestPoint = (plot, at) => {
      if (!known.has(plot)) known.set(plot, points(plot));
      let [nearest, distance] = [null, 160];
      for (const point of known.get(plot)) {
        const away = Math.hypot(point.px - at.x, point.py - at.y);
        if (away < distance && !point.group.classList.contains("off")) [nearest, distance] = [point, away];
      }
      return nearest;
    };
    const show = (event) => {
      const image = event.target.closest?.(".panel svg");
      const map = event.target.closest?.(".map");
      const plot = image?.querySelector(".plot");
      if (!map && !plot) return hide();
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(image.getScreenCTM().inverse());
      const nearest = map ? cell(map, at) : nearestPoint(plot, at);
      if (!nearest) return hide();
      if (map) mark(map, "rect", nearest.box);
      else mark(plot, "circle", { r: 20, cx: nearest.px, cy: nearest.py });
      tip.replaceChildren(element("b", { textContent: name(nearest.group) }), ...nearest.lines().map((line) => element("span", { textContent: line })));
      tip.hidden = false;
      const { width, height } = tip.getBoundingClientRect();
      const left = Math.min(event.clientX + 14, innerWidth - width - 8);
      const above = event.clientY - height - 12;
      tip.style.transform = `translate(${Math.max(8, left)}px, ${above > 8 ? above : event.clientY + 18}px)`;
    };
    addEventListener("pointermove", show, { passive: true });
    addEventListener("pointerdown", show, { passive: true });
    addEventListener("scroll", hide, { passive: true });
  }

  followIndex();
  chooseTheme();
  all("section.table table").forEach((table) => { sortable(table); filterable(table); });
  all("figure").forEach(switchable);
  const tip = element("div", { className: "tip", hidden: true });
  tip.setAttribute("role", "tooltip");
  document.body.append(tip);
  hoverable(tip);
})();
