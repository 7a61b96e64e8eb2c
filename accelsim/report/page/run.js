"use strict";
/* The timeline: of the intervals in view, the longest are drawn; zooming in brings the shorter ones. */
(() => {
  const { timeline } = page.data, nodes = document.getElementById("nodes");
  if (nodes) page.interactiveText(nodes);
  if (!timeline) return;
  const { events } = timeline, count = events.start.length, note = document.getElementById("timeline-note");
  const whole = [0, timeline.end / timeline.per_unit];
  let range = whole;
  const longest = Array.from({ length: count }, (_, i) => i)
    .sort((a, b) => events.end[b] - events.start[b] - events.end[a] + events.start[a]);
  const visible = () => {
    const [from, to] = range.map((value) => value * timeline.per_unit);
    if (count <= timeline.most) {
      note.textContent = `All ${count.toLocaleString("en")} intervals are drawn.`;
      return longest;
    }
    const there = longest.filter((i) => events.end[i] >= from && events.start[i] <= to);
    const shown = there.slice(0, timeline.most);
    note.textContent = there.length > shown.length
      ? `${shown.length.toLocaleString("en")} of ${there.length.toLocaleString("en")} intervals in view are drawn, the longest; zoom in to see the others.`
      : `All ${shown.length.toLocaleString("en")} intervals in view are drawn.`;
    return shown;
  };
  page.figure("timeline", () => {
    const shown = visible();
    const traces = timeline.causes.map((cause, c) => {
      const own = shown.filter((i) => events.cause[i] === c);
      return {
        type: "bar", orientation: "h", name: cause.title, base: own.map((i) => events.start[i] / timeline.per_unit),
        x: own.map((i) => (events.end[i] - events.start[i]) / timeline.per_unit), y: own.map((i) => events.track[i]),
        marker: { color: cause.colour, line: { width: 0.5, color: "var(--paper)" } }, width: 0.82,
        text: own.map((i) => timeline.names[events.name[i]]), textposition: "none",
        customdata: own.map((i) => [events.start[i].toLocaleString("en"), (events.end[i] - events.start[i]).toLocaleString("en")]),
        hovertemplate: `<b>%{text}</b><br>${cause.title}<br>from cycle %{customdata[0]}, %{customdata[1]} cycles = %{x:.4g} ${timeline.unit}<extra></extra>`,
      };
    });
    return { traces, layout: {
      barmode: "overlay", dragmode: "zoom", showlegend: true, uirevision: "kept",
      xaxis: { title: { text: timeline.unit }, range, minallowed: whole[0], maxallowed: whole[1] },
      yaxis: { tickvals: timeline.tracks.map((_, i) => i), ticktext: timeline.tracks, range: [timeline.tracks.length - 0.5, -0.5], fixedrange: true },
    } };
  }, (plot) => {
    const show = (from, to) => {
      range = [from, to];
      if (count > timeline.most) page.redraw(["timeline"]);
    };
    plot.on("plotly_relayout", (change) => {
      if ("xaxis.range[0]" in change) show(change["xaxis.range[0]"], change["xaxis.range[1]"]);
      else if (change["xaxis.autorange"]) Plotly.relayout(plot, { "xaxis.range": [...whole] });
      else if (change["xaxis.range"]) show(...change["xaxis.range"]);
    });
  });
  const keys = { ArrowLeft: [-0.25, -0.25], ArrowRight: [0.25, 0.25], "+": [0.25, -0.25], "-": [-0.5, 0.5], 0: null };
  const element = document.getElementById("timeline");
  element.tabIndex = 0;
  element.addEventListener("keydown", (event) => {
    if (!(event.key in keys)) return;
    event.preventDefault();
    const moves = keys[event.key], width = range[1] - range[0];
    const wanted = moves ? [range[0] + moves[0] * width, range[1] + moves[1] * width] : whole;
    Plotly.relayout(element, { "xaxis.range": [Math.max(whole[0], wanted[0]), Math.min(whole[1], wanted[1])] });
  });
})();
