"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const layout = (extra) => Object.assign({
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: css("--ink") },
    margin: { l: 70, r: 20, t: 10, b: 50 }, legend: { orientation: "h", y: 1.08 },
  }, extra);
  const options = { displaylogo: false, responsive: true };
  const axis = (name) => ({ title: { text: name }, type: data.log.includes(name) ? "log" : "linear", gridcolor: css("--line"), zeroline: false });
  const column = (name) => data.columns.indexOf(name);
  const values = (name) => data.rows.map((row) => row[column(name)]);
  const label = (row) => data.settings.map((name) => `${name} = ${row[column(name)]}`).join("<br>");

  const draw = () => {
    const groups = new Map();
    data.rows.forEach((row, index) => {
      const key = row[column(data.color)];
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(index);
    });
    const traces = [...groups].map(([key, rows], index) => ({
      type: "scattergl", mode: "markers", name: String(key), opacity: 0.55,
      marker: { size: 6, color: data.colours[index % data.colours.length], symbol: data.symbols[index % data.symbols.length] },
      x: rows.map((i) => data.rows[i][column(data.x)]), y: rows.map((i) => data.rows[i][column(data.y)]),
      customdata: rows, text: rows.map((i) => label(data.rows[i])), hovertemplate: "%{text}<br>%{x}, %{y}<extra></extra>",
    }));
    const front = data.rows.map((row, i) => i).filter((i) => data.front[i])
      .sort((a, b) => data.rows[a][column(data.x)] - data.rows[b][column(data.x)]);
    traces.push({
      type: "scattergl", mode: "lines+markers", name: `front (${front.length})`, line: { color: css("--ink"), width: 1 },
      marker: { size: 9, symbol: "circle-open", color: css("--ink") }, customdata: front,
      x: front.map((i) => data.rows[i][column(data.x)]), y: front.map((i) => data.rows[i][column(data.y)]),
      text: front.map((i) => label(data.rows[i])), hovertemplate: "%{text}<br>%{x}, %{y}<extra></extra>",
    });
    Plotly.react("scatter", traces, layout({ xaxis: axis(data.x), yaxis: axis(data.y) }), options);
    const dimensions = [...data.varied, data.x, data.y].map((name) => {
      const all = values(name);
      if (all.every((v) => typeof v === "number")) return { label: name, values: all };
      const names = [...new Set(all)];
      return { label: name, values: all.map((v) => names.indexOf(v)), tickvals: names.map((_, i) => i), ticktext: names.map(String) };
    });
    Plotly.react("parallel", [{ type: "parcoords", dimensions, labelangle: -15,
      line: { color: values(data.y), colorscale: "Cividis", showscale: true } }],
      layout({ margin: { l: 70, r: 70, t: 70, b: 20 } }), options);
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  document.getElementById("scatter").on("plotly_click", (event) => choose(event.points[0].customdata));

  const choose = (index) => {
    const row = data.rows[index], box = document.getElementById("chosen");
    box.hidden = false;
    box.textContent = data.columns.map((name, i) => `${name}: ${row[i]}`).join("\n") + "\n\n" + data.commands[index];
    box.scrollIntoView({ block: "nearest" });
  };

  const head = document.querySelector("#table thead"), body = document.querySelector("#table tbody");
  const numeric = data.columns.map((_, i) => data.rows.every((row) => row[i] === null || typeof row[i] === "number"));
  let order = data.rows.map((_, i) => i), sorted = { column: -1, up: true };
  const shown = () => {
    const word = document.getElementById("filter").value.toLowerCase();
    return order.filter((i) => !word || data.rows[i].some((value) => String(value).toLowerCase().includes(word)));
  };
  const cell = (value) => value === null ? "-" : typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
  const fill = () => {
    const rows = shown(), page = rows.slice(0, data.page);
    body.replaceChildren(...page.map((i) => {
      const line = document.createElement("tr");
      line.tabIndex = 0;
      line.addEventListener("click", () => choose(i));
      line.addEventListener("keydown", (event) => { if (event.key === "Enter") choose(i); });
      line.append(...data.rows[i].map((value, c) => {
        const one = document.createElement("td");
        one.textContent = cell(value);
        if (numeric[c]) one.className = "n";
        return one;
      }));
      return line;
    }));
    document.getElementById("shown").textContent = `${page.length} of ${rows.length} shown`;
  };
  const compare = (a, b) => a === b ? 0 : a === null ? 1 : b === null ? -1 : a < b ? -1 : 1;
  const sort = (c) => {
    sorted = { column: c, up: sorted.column === c ? !sorted.up : true };
    order.sort((a, b) => (sorted.up ? 1 : -1) * compare(data.rows[a][c], data.rows[b][c]) || a - b);
    head.querySelectorAll("th").forEach((th, i) => th.setAttribute("aria-sort", i !== c ? "none" : sorted.up ? "ascending" : "descending"));
    fill();
  };
  const titles = document.createElement("tr");
  titles.append(...data.columns.map((name, c) => {
    const th = document.createElement("th");
    th.textContent = name; th.scope = "col"; th.tabIndex = 0; th.setAttribute("aria-sort", "none");
    if (numeric[c]) th.className = "n";
    th.addEventListener("click", () => sort(c));
    th.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(c); } });
    return th;
  }));
  head.append(titles);
  document.getElementById("filter").addEventListener("input", fill);
  fill();

  const quoted = (value) => value === null ? "" : /[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  document.getElementById("download").addEventListener("click", () => {
    const lines = [data.columns, ...shown().map((i) => data.rows[i])].map((row) => row.map(quoted).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    link.download = `${data.name}.csv`;
    link.click();
    URL.revokeObjectURL(link.href);
  });
})();
