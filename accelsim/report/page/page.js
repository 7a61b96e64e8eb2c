"use strict";
/* What every page does: figures in the colours of the theme, drawn when they come into view; tables to sort and filter. */
const page = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const colour = (text) => text.replace(/var\((--\w+)\)/g, (_, name) => getComputedStyle(root).getPropertyValue(name).trim());
  const themed = (spec) => JSON.parse(JSON.stringify(spec), (key, value) =>
    typeof value === "string" && value.includes("var(--") ? colour(value) : value);
  /* Plotly's button that uploads a figure to its company's server is no part of an offline report. */
  const options = {
    displaylogo: false, responsive: true, showSendToCloud: false, plotlyServerURL: "", modeBarButtonsToRemove: ["select2d", "lasso2d"],
  };
  const base = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", margin: { l: 60, r: 20, t: 30, b: 45 },
    font: { color: "var(--ink)", family: "system-ui, sans-serif", size: 12 },
    hoverlabel: { bgcolor: "var(--soft)", bordercolor: "var(--line)", font: { color: "var(--ink)" }, align: "left" },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: "var(--faint)", activecolor: "var(--accent)" },
  };
  const legend = { orientation: "h", x: 0, y: 1, yanchor: "bottom", traceorder: "normal", itemsizing: "constant" };
  const axis = { gridcolor: "var(--line)", zerolinecolor: "var(--line)", linecolor: "var(--line)", automargin: true };
  const styled = (layout) => {
    const axes = Object.keys(layout).filter((name) => /^[xy]axis\d*$/.test(name)).map((name) => [name, { ...axis, ...layout[name] }]);
    return { ...base, ...layout, ...Object.fromEntries(axes), legend: { ...legend, ...layout.legend } };
  };

  const makers = new Map(), drawn = new Set();
  const draw = (id) => {
    const { traces, layout } = makers.get(id)();
    const first = !drawn.has(id);
    drawn.add(id);
    return Plotly.react(id, themed(traces), themed(styled(layout)), options).then((plot) => {
      plot.dataset.drawn = "yes";
      if (first) plot.dispatchEvent(new Event("drawn"));
    });
  };
  const seen = new IntersectionObserver((entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
    seen.unobserve(entry.target);
    if (!drawn.has(entry.target.id)) draw(entry.target.id);
  }), { rootMargin: "200px" });
  /* `make` returns { traces, layout }; `ready` is called once with the element of the drawn figure. */
  const figure = (id, make, ready = () => {}) => {
    const element = document.getElementById(id);
    makers.set(id, make);
    element.addEventListener("drawn", () => ready(element), { once: true });
    seen.observe(element);
  };
  const redraw = (ids = [...drawn]) => ids.filter((id) => drawn.has(id)).forEach(draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw());
  addEventListener("beforeprint", () => { root.dataset.theme = "light"; [...makers.keys()].forEach(draw); });
  addEventListener("afterprint", () => { delete root.dataset.theme; redraw(); });
  (data.figures || []).forEach((one) => figure(one.name, () => one));

  const nothing = (value) => value === null || value === "" || value === "-";
  const order = (a, b) => nothing(a) || nothing(b) ? nothing(a) - nothing(b)
    : typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
  const relations = {
    "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b, "=": (a, b) => a === b,
  };
  const plain = (name) => name.toLowerCase().replaceAll(" ", "");
  /* "linear cycles>1000": every word must be there; a comparison names a column, or the end of its dotted name. */
  const filter = (source, text) => {
    const tests = text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
      const [, name, relation, wanted] = word.match(/^(.+?)(<=|>=|<|>|=)(.+)$/) || [];
      const column = name === undefined ? -1 : source.columns.findIndex((one) => plain(one) === name || plain(one).endsWith(`.${name}`));
      if (column < 0) return (i) => source.columns.some((_, c) => source.text(i, c).toLowerCase().includes(word));
      const number = Number(wanted);
      return (i) => {
        const value = source.value(i, column);
        if (nothing(value)) return false;
        return relations[relation](...(typeof value === "number" ? [value, number] : [String(value).toLowerCase(), wanted]));
      };
    });
    return (i) => tests.every((test) => test(i));
  };

  /* Makes the headings of a table sort and its filter work. `source`: count, columns (names), value(i, c) to sort
     and compare by, text(i, c) to search in, row(i). At most `most` rows are shown. Returns the indices that the filter leaves, in order. */
  const interactive = (table, source, most = Infinity) => {
    const body = table.tBodies[0], input = document.getElementById(`${table.id}-filter`), told = document.getElementById(`${table.id}-shown`);
    const indices = Array.from({ length: source.count }, (_, i) => i);
    const left = () => indices.filter(filter(source, input.value));
    const fill = () => {
      const rows = left();
      body.replaceChildren(...rows.slice(0, most).map(source.row));
      told.textContent = `${Math.min(most, rows.length).toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows shown`;
    };
    [...table.tHead.rows[0].cells].forEach((th, c, all) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = th.textContent;
      th.replaceChildren(button);
      th.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const up = th.getAttribute("aria-sort") !== "ascending";
        all.forEach((other) => other.setAttribute("aria-sort", "none"));
        th.setAttribute("aria-sort", up ? "ascending" : "descending");
        indices.sort((a, b) => (nothing(source.value(a, c)) || nothing(source.value(b, c)) || up ? 1 : -1)
          * order(source.value(a, c), source.value(b, c)) || a - b);
        fill();
      });
    });
    input.closest(".tools").hidden = false;
    input.addEventListener("input", fill);
    fill();
    return left;
  };
  const parsed = (text) => {
    const number = text.replaceAll(",", "").replace(/^</, "");
    return number !== "" && Number.isFinite(Number(number)) ? Number(number) : text;
  };
  /* The same for a table whose rows are in the page. */
  const interactiveText = (table) => {
    const rows = [...table.tBodies[0].rows], values = rows.map((row) => [...row.cells].map((cell) => parsed(cell.textContent)));
    const columns = [...table.tHead.rows[0].cells].map((th) => th.textContent);
    return interactive(table, {
      count: rows.length, columns, value: (i, c) => values[i][c], text: (i, c) => rows[i].cells[c].textContent, row: (i) => rows[i],
    });
  };
  return { data, figure, redraw, interactive, interactiveText };
})();
