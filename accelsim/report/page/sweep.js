"use strict";
/* The points of a sweep: scatter with the front, parallel coordinates, a table, CSV, and one point with its settings. */
(() => {
  const { data } = page, { count } = data, byName = new Map(data.columns.map((column) => [column.name, column]));
  const value = (column, i) => column.values ? column.values[i] : column.levels[column.codes[i]];
  const number = (x) => typeof x === "number" ? String(Number(x.toPrecision(6))) : x === null ? "-" : String(x);
  const short = (text) => text.replace(/\d+\.\d{4,}/g, (long) => String(Number(Number(long).toPrecision(6))));
  const level = (column, code) => column.spelled ? short(column.spelled[code]) : number(column.levels[code]);
  const shownValue = (column, i) => column.levels ? level(column, column.codes[i]) : number(column.values[i]);
  const onFront = new Set(data.front), over = new Set(data.over);
  const all = Array.from({ length: count }, (_, i) => i), within = all.filter((i) => !over.has(i));
  const varied = data.columns.filter((column) => column.varies && ["name", "setting"].includes(column.role));
  const objectives = data.columns.filter((column) => column.role === "objective");
  const shown = data.columns.filter((column) => column.role === "point" || column.varies);
  const element = (id) => document.getElementById(id);
  const made = (name, text, more = {}) => Object.assign(document.createElement(name), { textContent: text }, more);
  const text = (i) => [...varied, ...objectives].map((column) => `${column.name} = ${shownValue(column, i)}`).join("<br>");
  const point = (i) => byName.has("point") ? value(byName.get("point"), i) : i;
  const gl = document.createElement("canvas").getContext("webgl") ? "gl" : "";
  const scale = [[0, "var(--low)"], [0.5, "var(--middle)"], [1, "var(--high)"]];

  const chosen = { x: data.x, y: data.y, color: data.color };
  const numeric = data.columns.filter((column) => column.numeric && column.varies && column.role !== "point").map((column) => column.name);
  const names = { x: numeric, y: numeric, color: [...new Set([...varied, ...shown].map((column) => column.name))].filter((name) => name !== "point" && name !== "failure") };
  for (const [axis, options] of Object.entries(names)) {
    const select = element(`choose-${axis}`);
    select.append(...[...new Set([chosen[axis], ...options])].map((name) => made("option", name, { value: name })));
    select.value = chosen[axis];
    select.addEventListener("change", () => { chosen[axis] = select.value; page.redraw(["scatter"]); });
  }
  element("front-only").checked = data.front.length >= data.few;
  document.querySelectorAll(".tools").forEach((tools) => { tools.hidden = false; });

  const scatter = (name, rows, more) => ({
    type: `scatter${gl}`, mode: "markers", name: `${name} (${rows.length.toLocaleString("en")})`,
    x: rows.map((i) => value(byName.get(chosen.x), i)), y: rows.map((i) => value(byName.get(chosen.y), i)),
    customdata: rows, text: rows.map(text), hovertemplate: "%{text}<extra></extra>", ...more,
  });
  const coloured = (rows) => {
    const column = byName.get(chosen.color);
    const groups = new Map();
    rows.forEach((i) => {
      const key = value(column, i);
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(i);
    });
    if (column.numeric && groups.size > data.colours.length)
      return [scatter("points", rows, { opacity: 0.75, marker: { size: 6, color: rows.map((i) => value(column, i)), colorscale: scale, showscale: true, colorbar: { title: { text: chosen.color, side: "right" } } } })];
    return [...groups.keys()].sort((a, b) => a < b ? -1 : 1).map((key, index) => scatter(shownValue(column, groups.get(key)[0]), groups.get(key), {
      opacity: 0.75, marker: { size: 6, color: data.colours[index % data.colours.length], symbol: data.symbols[index % data.symbols.length] },
    }));
  };
  const extent = (column) => within.map((i) => value(column, i)).filter((one) => one !== null)
    .reduce(([low, high], one) => [Math.min(low, one), Math.max(high, one)], [Infinity, -Infinity]);
  /* An axis shows the points within the limits; the others may lie far away. */
  const axis = (name) => {
    const log = data.log.includes(name), [low, high] = extent(byName.get(name)).map((end) => log ? Math.log10(end) : end);
    const gap = 0.04 * (high - low) || 0.05 * Math.abs(high) || 1;
    return { title: { text: name }, type: log ? "log" : "linear", zeroline: false, range: [low - gap, high + gap] };
  };
  page.figure("scatter", () => {
    const front = data.front.slice().sort((a, b) => value(byName.get(chosen.x), a) - value(byName.get(chosen.x), b));
    const stairs = objectives.length === 2 && chosen.x === data.x && chosen.y === data.y;
    const traces = [
      scatter("over the limits", data.over, { opacity: 0.35, marker: { size: 5, symbol: "x", color: "var(--faint)" } }),
      ...coloured(within),
      scatter("front", front, {
        mode: stairs ? "lines+markers" : "markers", line: { color: "var(--ink)", width: 1.5, shape: data.maximised.includes(chosen.x) ? "vh" : "hv" },
        marker: { size: 9, symbol: "circle-open", color: "var(--ink)", line: { width: 1.5 } },
      }),
    ].filter((trace) => trace.x.length);
    return { traces, layout: { xaxis: axis(chosen.x), yaxis: axis(chosen.y), hovermode: "closest", showlegend: true, legend: { title: { text: `${chosen.color} ` } } } };
  }, (plot) => plot.on("plotly_click", (event) => { location.hash = `point=${point(event.points[0].customdata)}`; }));

  const ticks = (low, high) => {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1)
      for (const first of [1, 2, 5]) if (first * 10 ** power >= low && first * 10 ** power <= high) found.push(first * 10 ** power);
    return found.length > 1 ? found : [low, high];
  };
  /* Axes span all points within the limits, whichever are drawn. */
  const dimension = (column, rows) => {
    if (column.levels) {
      const step = Math.ceil(column.levels.length / 14), marks = column.levels.map((_, code) => code).filter((code) => code % step === 0);
      return { label: column.name, values: rows.map((i) => column.codes[i]), tickvals: marks, ticktext: marks.map((code) => level(column, code)), range: [0, Math.max(1, column.levels.length - 1)] };
    }
    const [low, high] = extent(column);
    if (!data.log.includes(column.name)) return { label: column.name, values: rows.map((i) => value(column, i)), range: [low, high] };
    const marks = ticks(low, high);
    return { label: column.name, values: rows.map((i) => Math.log10(value(column, i))), tickvals: marks.map(Math.log10), ticktext: marks.map(number), range: [Math.log10(low), Math.log10(high)] };
  };
  if (gl) page.figure("parallel", () => {
    const rows = element("front-only").checked ? data.front : within;
    const y = byName.get(data.y), [low, high] = extent(y);
    return {
      traces: [{ type: "parcoords", dimensions: [...varied, ...objectives].map((column) => dimension(column, rows)), labelangle: -12, labelside: "top",
        line: { color: rows.map((i) => value(y, i)), colorscale: scale, cmin: low, cmax: high, showscale: true, colorbar: { title: { text: data.y, side: "right" } } },
        unselected: { line: { color: "var(--line)", opacity: 0.2 } } }],
      layout: { margin: { l: 60, r: 60, t: 90, b: 25 } },
    };
  });
  else element("parallel").replaceWith(made("p", "This picture needs WebGL, which this browser does not offer.", { className: "note" }));
  element("front-only").addEventListener("change", () => page.redraw(["parallel"]));

  const command = (i) => {
    const told = (name) => byName.has(name) ? value(byName.get(name), i) : null;
    const words = ["accelsim simulate", told("model"), told("hardware"), told("task") && `--task ${told("task")}`, data.options];
    const settings = data.columns.filter((column) => column.role === "setting").map((column) => `-s ${column.name}='${column.spelled[column.codes[i]]}'`);
    const given = data.columns.filter((column) => column.name.startsWith("arg.") && value(column, i) !== null);
    const arguments_ = given.length ? `\n# and with these arguments of the model's builder: ${given.map((column) => `${column.name.slice(4)}=${value(column, i)}`).join(", ")}` : "";
    return [...words.filter(Boolean), ...settings].join(" ") + arguments_;
  };
  const show = () => {
    const [, wanted] = location.hash.match(/^#point=(\d+)$/) || [];
    if (wanted === undefined) return;
    const i = all.find((one) => point(one) === Number(wanted)), box = element("chosen");
    box.hidden = false;
    if (i === undefined) {
      box.replaceChildren(made("p", `Point ${wanted} is not in this page; the store of the sweep has it.`));
      return;
    }
    const list = made("dl", "");
    list.append(...data.columns.filter((column) => value(column, i) !== "" && value(column, i) !== null).map((column) => {
      const line = made("div", "");
      line.append(made("dt", column.name), made("dd", shownValue(column, i)));
      return line;
    }));
    const title = made("h3", `Point ${wanted}${onFront.has(i) ? ", on the front" : over.has(i) ? ", over the limits" : ""}`);
    box.replaceChildren(title, list, made("p", "Time it again, with everything about it:", { className: "note" }), made("pre", command(i)));
    box.scrollIntoView({ block: "nearest" });
  };
  addEventListener("hashchange", show);
  show();

  const table = element("points-table");
  table.tHead.rows[0].append(...shown.map((column) => made("th", column.name, { scope: "col", className: column.numeric ? "n" : "" })));
  const left = page.interactive(table, {
    count, columns: shown.map((column) => column.name), value: (i, c) => value(shown[c], i), text: (i, c) => shownValue(shown[c], i),
    row: (i) => {
      const line = document.createElement("tr");
      line.append(...shown.map((column) => {
        const cell = made("td", column.role === "point" ? "" : shownValue(column, i), { className: column.numeric ? "n" : "" });
        if (column.role === "point") cell.append(made("a", point(i), { href: `#point=${point(i)}` }));
        return cell;
      }));
      return line;
    },
  }, data.most);
  const quoted = (one) => one === null ? "" : /[",\n]/.test(String(one)) ? `"${String(one).replaceAll('"', '""')}"` : String(one);
  const download = (name, rows) => {
    const lines = [data.columns.map((column) => column.name), ...rows.map((i) => data.columns.map((column) => value(column, i)))];
    const link = made("a", "", { download: `${name}.csv`, href: URL.createObjectURL(new Blob([`${lines.map((line) => line.map(quoted).join(",")).join("\n")}\n`], { type: "text/csv" })) });
    link.click();
    URL.revokeObjectURL(link.href);
  };
  element("download-front").addEventListener("click", () => download(`${data.name}-front`, data.front));
  element("download-rows").addEventListener("click", () => download(`${data.name}-points`, left()));
})();
