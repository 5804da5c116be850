"use strict";
/* The page's explorer. It draws what stands in the data and computes no statistics. The state is in the address. */
(() => {
const $ = id => document.getElementById(id);
const DATA = JSON.parse($("data").textContent);
const CELLS = DATA.cells;

/* ---- figures for people ---- */

const unit = (steps, last) => v => {
  if (v === null || v === undefined) return "–";
  for (const [factor, name] of steps) if (Math.abs(v) >= factor) return +(v / factor).toPrecision(3) + name;
  return +v.toPrecision(3) + last;
};
const time = unit([[1e9, " s"], [1e6, " ms"], [1e3, " µs"]], " ns");
const rate = unit([[1e9, " G/s"], [1e6, " M/s"], [1e3, " k/s"]], " /s");
const size = unit([[1 << 30, " GiB"], [1 << 20, " MiB"], [1 << 10, " KiB"]], " B");
const count = v => v === null || v === undefined ? "–" : String(+v.toPrecision(3));
const times = v => v === null || v === undefined ? "–" : v.toFixed(2) + "×";

const FIGURES = {
  p50_ns: {title: "p50 of a message", text: time, scale: 1e-3, axis: "p50 in µs"},
  p99_ns: {title: "p99 of a message", text: time, scale: 1e-3, axis: "p99 in µs"},
  to_control: {title: "p50 ÷ bare mechanism", text: times, scale: 1, axis: "multiples of the bare mechanism"},
  messages_per_s: {title: "messages per second", text: rate, scale: 1, axis: "messages per second"},
  bytes_per_s: {title: "bytes per second", text: v => rate(v).replace("/s", "B/s"), scale: 1, axis: "bytes per second"},
  cpu_ns_per_message: {title: "processor time per message", text: time, scale: 1e-3, axis: "processor time per message in µs"},
  user_ns_per_message: {title: "… in user mode", text: time, scale: 1e-3, axis: "user time per message in µs"},
  system_ns_per_message: {title: "… in the kernel", text: time, scale: 1e-3, axis: "system time per message in µs"},
  system_calls_per_message: {title: "system calls per message", text: count, scale: 1, axis: "system calls per message"},
  voluntary_switches_per_message: {title: "sleeps per message", text: count, scale: 1, axis: "voluntary switches per message"},
  involuntary_switches_per_message: {title: "preemptions per message", text: count, scale: 1, axis: "involuntary switches per message"},
  bytes_on_wire_per_message: {title: "bytes on the wire per message", text: size, scale: 1, axis: "encoded bytes per message"},
  encode_ns: {title: "encoding (codec)", text: time, scale: 1e-3, axis: "encoding in µs"},
  decode_ns: {title: "decoding (codec)", text: time, scale: 1e-3, axis: "decoding in µs"},
  first_encode_ns: {title: "encoding of the first message (codec)", text: time, scale: 1e-3, axis: "encoding of the first message in µs"},
  first_decode_ns: {title: "decoding of the first message (codec)", text: time, scale: 1e-3, axis: "decoding of the first message in µs"},
  peak_rss_bytes: {title: "peak memory of all Envs", text: size, scale: 1 / 1048576, axis: "peak memory in MiB"},
};
const valueOf = (cell, figure) => figure === "to_control" ? (cell.to_control ? cell.to_control[0] : null)
  : cell.intervals[figure] ? cell.intervals[figure][0] : cell.figures[figure];
const intervalOf = (cell, figure) => {
  const found = figure === "to_control" ? cell.to_control : cell.intervals[figure];
  return found && found[1] !== null && found[2] !== null ? found : null;
};
const intervalText = (cell, figure) => {
  const found = intervalOf(cell, figure), text = FIGURES[figure].text;
  return found ? text(found[1]) + " – " + text(found[2]) : "too few blocks";
};

/* ---- the state ---- */

const AXES = DATA.keys.filter(key => key.title).map(key => key.name); // which the page offers a choice of
const REST = DATA.keys.filter(key => !key.title);
const ANY = "any";
const axis = (cell, name) => name === "lang" ? cell.lang : String(cell.axes[name]);
const values = (cells, name) => [...new Set(cells.map(c => axis(c, name)))]
  .sort((a, b) => name === "payload" ? sizeRank(a) - sizeRank(b) || a.localeCompare(b) : a.localeCompare(b));
function sizeRank(payload) {
  const cell = CELLS.find(c => c.axes.payload === payload);
  return cell ? cell.axes.size_bytes : 0;
}
const prefer = (found, ...wanted) => wanted.find(w => found.includes(w)) || found[0] || ANY;

function defaults() {
  const workload = prefer(values(CELLS.filter(c => !c.raw), "workload"), "echo");
  const cells = CELLS.filter(c => !c.raw && c.axes.workload === workload);
  return {workload, transport: ANY, serializer: prefer(values(cells, "serializer"), "none", "msgpack"), payload: ANY,
          placement: prefer(values(cells, "placement"), "cross", "unpinned"), wake: prefer(values(cells, "wake"), "adaptive", "block"),
          lang: prefer(values(cells, "lang"), "c"), figure: "p50_ns", logx: "1", logy: "1", raw: "0", special: "0", q: ""};
}
let state;
function readState() {
  state = defaults();
  const given = new URLSearchParams(location.hash.slice(1));
  for (const key of Object.keys(state)) if (given.has(key)) state[key] = given.get(key);
  if (!FIGURES[state.figure]) state.figure = "p50_ns";
}
function writeState() {
  const usual = defaults(), said = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) if (value !== usual[key]) said.set(key, value);
  history.replaceState(null, "", "#" + said.toString());
}

/* ---- the controls ---- */

const LABELS = {figure: "Figure", ...Object.fromEntries(DATA.keys.map(key => [key.name, key.title]))};

function select(name, options) {
  const label = document.createElement("label"), box = document.createElement("select");
  label.textContent = LABELS[name];
  box.name = name;
  for (const [value, text] of options) box.append(new Option(text, value, false, value === state[name]));
  box.addEventListener("change", () => { state[name] = box.value; update(); });
  label.append(box);
  return label;
}
function check(name, text) {
  const label = document.createElement("label"), box = document.createElement("input");
  label.className = "check";
  box.type = "checkbox";
  box.name = name;
  box.checked = state[name] === "1";
  box.addEventListener("change", () => { state[name] = box.checked ? "1" : "0"; update(); });
  label.append(box, text);
  return label;
}
function drawControls() {
  const focused = document.activeElement && document.activeElement.name;
  const of = CELLS.filter(c => c.axes.workload === state.workload);
  const controls = [select("workload", values(CELLS, "workload").map(v => [v, v]))];
  for (const name of AXES.slice(1)) {
    const found = values(of.filter(c => state.raw === "1" || !c.raw), name);
    if (state[name] !== ANY && !found.includes(state[name])) state[name] = ANY;
    controls.push(select(name, [[ANY, ANY], ...found.map(v => [v, v])]));
  }
  controls.push(select("figure", Object.entries(FIGURES).map(([k, f]) => [k, f.title])));
  controls.push(check("logx", "logarithmic x"), check("logy", "logarithmic y"), check("raw", "raw controls and peers"),
                check("special", "cells with other keys"));
  $("controls").replaceChildren(...controls);
  if (focused) { const again = $("controls").elements[focused]; if (again) again.focus(); }
}

/* ---- what is chosen ---- */

const fits = (cell, names) => names.every(n => state[n] === ANY || axis(cell, n) === state[n]);
function chosen() {
  return CELLS.filter(c => c.axes.workload === state.workload && (state.raw === "1" || !c.raw) &&
    (c.plain || state.special === "1") && (fits(c, AXES.slice(1)) || (c.raw && fits(c, ["transport", "placement"]))));
}
const shortName = (cell, without) => {
  const parts = AXES.slice(1).filter(n => !without.includes(n) && state[n] === ANY).map(n => axis(cell, n));
  for (const {name: n, usual} of REST) {
    const told = n === "envs" && !cell.joins; // of one Env, as all cells of such a transport
    if (!told && !without.includes(n) && String(cell.axes[n]) !== usual) parts.push(n + " " + cell.axes[n]);
  }
  return parts.join(" ") || axis(cell, "transport");
};

/* ---- drawing ---- */

const COLOURS = {shm: "#0072b2", queue: "#009e73", pipe: "#e69f00", unix: "#d55e00", tcp: "#cc79a7", mqueue: "#56b4e9", cma: "#8c6bb1",
                 none: "#8a8f98", msgpack: "#0072b2", pickle: "#e69f00", dill: "#d55e00", cloudpickle: "#009e73", auto: "#cc79a7"};
const MORE = ["#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7", "#8c6bb1", "#8a8f98", "#4d4d4d", "#b2df8a"];
const SYMBOLS = {shm: "circle", queue: "star", pipe: "square", unix: "diamond", tcp: "triangle-up", mqueue: "triangle-down", cma: "cross"};
const WAKE_SYMBOLS = {block: "square", adaptive: "circle", spin: "triangle-up"};
const colour = (name, i) => COLOURS[name] || MORE[i % MORE.length];

function layout(xTitle, yTitle, more) {
  const style = getComputedStyle(document.documentElement);
  const v = name => style.getPropertyValue(name).trim();
  return {height: 460, margin: {l: 66, r: 16, t: 20, b: 60}, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: {color: v("--fg"), family: "system-ui, sans-serif"}, legend: {orientation: "h", y: -0.2}, hovermode: "closest",
    hoverlabel: {bgcolor: v("--card"), font: {color: v("--fg")}},
    ...more,
    xaxis: {title: {text: xTitle}, gridcolor: v("--grid"), zeroline: false, automargin: true, ...(more || {}).xaxis},
    yaxis: {title: {text: yTitle}, gridcolor: v("--grid"), zeroline: false, exponentformat: "SI", automargin: true, ...(more || {}).yaxis}};
}
function draw(id, traces, shape) {
  const box = $(id);
  box.closest("figure").hidden = traces.length === 0;
  const heading = box.closest("figure").previousElementSibling;
  if (heading && heading.tagName === "H2") heading.hidden = traces.length === 0;
  if (traces.length > 0) Plotly.react(box, traces, shape, {displayModeBar: false, responsive: true});
}

const hover = (cell, figure) => `${cell.text}<br>${FIGURES[figure].title}: ${FIGURES[figure].text(valueOf(cell, figure))}` +
  `<br>95 %: ${intervalText(cell, figure)}<br>${cell.blocks} blocks, ${cell.trials} trials` + (cell.flags.length ? "<br>⚑ " + cell.flags.join("<br>⚑ ") : "");

function errorBars(cells, figure) {
  const scale = FIGURES[figure].scale, found = cells.map(c => intervalOf(c, figure));
  if (found.every(f => !f)) return undefined;
  return {type: "data", symmetric: false, thickness: 1,
    array: found.map(f => f ? (f[2] - f[0]) * scale : 0), arrayminus: found.map(f => f ? (f[0] - f[1]) * scale : 0)};
}

function drawExplorer(cells) {
  const figure = state.figure, info = FIGURES[figure];
  const known = cells.filter(c => valueOf(c, figure) !== null && valueOf(c, figure) !== undefined);
  const byLoad = state.workload === "openloop";
  const sizes = new Set(known.map(c => c.axes.size_bytes));
  const without = byLoad ? ["load"] : ["payload"];
  const series = new Map();
  for (const c of known) {
    const name = shortName(c, without);
    if (!series.has(name)) series.set(name, []);
    series.get(name).push(c);
  }
  const bars = !byLoad && sizes.size <= 1;
  const shown = [...series.entries()].slice(0, 24);
  const traces = shown.map(([name, members], i) => {
    const xOf = c => byLoad ? c.axes.load : Math.max(1, c.axes.size_bytes);
    members.sort((a, b) => xOf(a) - xOf(b));
    const key = members[0].axes.transport;
    const base = {name, y: members.map(c => valueOf(c, figure) * info.scale), error_y: errorBars(members, figure),
      text: members.map(c => hover(c, figure)), hovertemplate: "%{text}<extra></extra>"};
    return bars ? {...base, type: "bar", x: members.map(() => name), marker: {color: colour(key, i)}, showlegend: false}
      : {...base, type: "scatter", mode: "lines+markers", x: members.map(xOf), line: {color: state.transport === ANY ? colour(key, i) : MORE[i % MORE.length]},
         marker: {size: 8, symbol: SYMBOLS[key] || "x"}};
  });
  draw("chart-explore", traces, layout(byLoad ? "offered load in percent of the capacity" : bars ? "" : "payload in bytes, as encoded", info.axis, {
    xaxis: {type: bars ? "category" : !byLoad && state.logx === "1" ? "log" : "linear"},
    yaxis: {type: state.logy === "1" ? "log" : "linear", rangemode: state.logy === "1" ? "normal" : "tozero"}}));
  $("caption-explore").textContent = known.length === 0 ? "No measured cell fits this choice." :
    `${known.length} cells, ${series.size} series` + (series.size > 24 ? "; the first 24 are drawn" : "") + ".";
  $("chart-explore").closest("figure").hidden = false;
  drawExplored(known.slice(0, 200), figure);
}

function cellOf(tag, text, title) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (title) { made.title = title; made.tabIndex = 0; made.className = "flag"; }
  return made;
}
function drawExplored(cells, figure) {
  const head = document.createElement("tr");
  for (const text of ["cell", "payload", FIGURES[figure].title, "95 %", "blocks", ""]) head.append(cellOf("th", text));
  const rows = cells.map(c => {
    const row = document.createElement("tr"), value = cellOf("td", FIGURES[figure].text(valueOf(c, figure)));
    value.dataset.v = valueOf(c, figure);
    row.append(cellOf("td", c.text), cellOf("td", size(c.axes.size_bytes)), value, cellOf("td", intervalText(c, figure)),
               cellOf("td", c.blocks), c.flags.length ? cellOf("td", "⚑", c.flags.join("; ")) : cellOf("td", ""));
    return row;
  });
  $("explored").replaceChildren(head, ...rows);
}

const echoes = () => CELLS.filter(c => !c.raw && c.plain && c.joins && c.axes.workload === "echo" &&
  fits(c, ["placement", "wake", "lang"]));

function drawHeat() {
  let cells = echoes();
  const pairs = payload => new Set(cells.filter(c => c.axes.payload === payload).map(c => c.axes.transport + c.axes.serializer)).size;
  const payloads = values(cells, "payload").sort((a, b) => pairs(b) - pairs(a));
  const payload = state.payload !== ANY && payloads.includes(state.payload) ? state.payload : payloads[0];
  cells = cells.filter(c => c.axes.payload === payload);
  const xs = values(cells, "serializer"), ys = values(cells, "transport");
  const at = (y, x) => cells.find(c => c.axes.transport === y && c.axes.serializer === x);
  const grid = f => ys.map(y => xs.map(x => { const c = at(y, x); return c ? f(c) : null; }));
  const enough = cells.length > 1 && ys.length > 1;
  draw("chart-heat", enough ? [{type: "heatmap", x: xs, y: ys, z: grid(c => Math.log10(valueOf(c, "p50_ns"))),
    text: grid(c => time(valueOf(c, "p50_ns"))), texttemplate: "%{text}", customdata: grid(c => hover(c, "p50_ns")),
    hovertemplate: "%{customdata}<extra></extra>", colorscale: "Viridis", reversescale: true, showscale: false, xgap: 2, ygap: 2}] : [],
    layout("serializer (payload " + payload + ")", "transport", {height: 90 + 46 * ys.length}));
}

function drawCrossover() {
  const traces = DATA.crossings.filter(f => state.transport === ANY || f.transport === state.transport).map(f => ({
    type: "scatter", mode: "lines+markers", name: f.transport + " " + f.serializer, x: f.sizes, y: f.shares,
    line: {color: colour(f.serializer, 0)}, marker: {symbol: SYMBOLS[f.transport] || "x", size: 8},
    hovertemplate: `${f.transport} ${f.serializer}, ${f.placement}, wake ${f.wake}<br>%{x} B: %{y:.0%}<br>` +
      (f.size ? `one half at ${size(f.size[0])}` + (f.size[1] !== null ? ` (95 % ${size(f.size[1])} – ${size(f.size[2])})` : "")
              : f.side === "below" ? "over one half at every size" : "under one half at every size") + "<extra></extra>"}));
  draw("chart-crossover", traces, layout("encoded payload in bytes", "share of serializing", {
    xaxis: {type: "log"}, yaxis: {range: [0, 1.02], tickformat: ".0%"},
    shapes: [{type: "line", xref: "paper", x0: 0, x1: 1, y0: 0.5, y1: 0.5, line: {dash: "dot", color: "#888"}}]}));
}

const STAGES = {encode: "#0072b2", send: "#56b4e9", transit: "#b8d8ee", dispatch: "#8a8f98", decode: "#e69f00", method: "#4d4d4d",
  reply_encode: "#f2c76b", reply_send: "#009e73", reply_transit: "#a6dcc8", resume: "#b0b4bb", reply_decode: "#d55e00"};
function drawStages() {
  const cells = CELLS.filter(c => c.stages && fits(c, ["transport", "serializer", "payload", "placement", "wake"].filter(n => n !== "serializer")));
  const shown = cells.length > 0 ? cells : CELLS.filter(c => c.stages);
  const total = c => Object.values(c.stages).reduce((a, b) => a + b, 0);
  const names = shown.map(c => [c.axes.transport, c.axes.serializer, c.axes.payload, c.axes.wake].join(" ") + ", " + time(total(c)));
  const totals = shown.map(total), apart = Math.max(...totals) > 20 * Math.min(...totals); // then only shares can be seen
  draw("chart-stages", shown.length === 0 ? [] : Object.entries(STAGES).map(([stage, fill]) => ({type: "bar", orientation: "h",
    name: stage.replace("_", " "), y: names, x: shown.map(c => (c.stages[stage] || 0) / 1e3), marker: {color: fill},
    text: shown.map(c => time(c.stages[stage])), textposition: "none",
    hovertemplate: "%{y}<br>" + stage.replace("_", " ") + ": %{text}<extra></extra>"})),
    layout(apart ? "percent of the call" : "µs", "", {barmode: "stack", barnorm: apart ? "percent" : "", legend: {orientation: "h", y: -0.2, traceorder: "normal"}, height: 150 + 30 * shown.length, yaxis: {automargin: true, autorange: "reversed"}}));
}

function drawLoad() {
  const cells = CELLS.filter(c => c.axes.workload === "openloop" && fits(c, ["transport", "placement", "wake"]));
  const groups = new Map();
  for (const c of cells) {
    const name = c.axes.transport + (state.wake === ANY ? ", " + c.axes.wake : "");
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(c);
  }
  const traces = [];
  for (const [name, members] of groups) {
    members.sort((a, b) => a.axes.load - b.axes.load);
    const fill = colour(members[0].axes.transport, traces.length);
    for (const [figure, dash, label] of [["p50_ns", "solid", ""], ["p99_ns", "dot", ", p99"]])
      traces.push({type: "scatter", mode: "lines+markers", name: name + label, x: members.map(c => c.axes.load),
        y: members.map(c => valueOf(c, figure) / 1e3), error_y: errorBars(members, figure), line: {color: fill, dash},
        marker: {symbol: SYMBOLS[members[0].axes.transport] || "x", size: 8}, showlegend: figure === "p50_ns",
        text: members.map(c => hover(c, figure) + `<br>capacity ${rate(c.figures.capacity_per_s)}, offered ${rate(c.figures.offered_per_s)}`),
        hovertemplate: "%{text}<extra></extra>"});
  }
  draw("chart-load", traces, layout("offered load in percent of the capacity", "latency in µs", {yaxis: {type: "log"}}));
}

function drawPercentiles(cells) {
  const shown = cells.filter(c => c.quantiles).slice(0, 12);
  const marks = [0.5, 0.9, 0.99, 0.999, 0.9999];
  const at = DATA.quantiles.map((q, i) => [q, i]).filter(([q]) => q >= 0.1 && q < 1);
  draw("chart-percentiles", shown.map((c, i) => ({type: "scatter", mode: "lines", name: c.text, x: at.map(([q]) => 1 / (1 - q)),
    y: at.map(([, k]) => c.quantiles[k] / 1e3), line: {color: MORE[i % MORE.length]},
    text: at.map(([q, k]) => `${c.text}<br>p${+(100 * q).toPrecision(6)}: ${time(c.quantiles[k])}`), hovertemplate: "%{text}<extra></extra>"})),
    layout("percentile", "latency in µs", {xaxis: {type: "log", tickvals: marks.map(q => 1 / (1 - q)), ticktext: marks.map(q => "p" + +(100 * q).toPrecision(6))},
      yaxis: {type: "log"}, height: 460 + 12 * shown.length}));
}

function drawCpu() {
  const payload = state.payload === ANY ? prefer(values(CELLS.filter(c => c.axes.workload === state.workload), "payload"), "bytes:64") : state.payload;
  const cells = CELLS.filter(c => !c.raw && c.plain && c.axes.workload === state.workload && c.axes.payload === payload &&
    c.figures.cpu_ns_per_message && c.figures.p50_ns && fits(c, ["transport", "serializer", "placement", "lang"]));
  const groups = new Map();
  for (const c of cells) {
    if (!groups.has(c.axes.transport)) groups.set(c.axes.transport, []);
    groups.get(c.axes.transport).push(c);
  }
  draw("chart-cpu", [...groups].map(([name, members], i) => ({type: "scatter", mode: "markers", name, x: members.map(c => c.figures.p50_ns / 1e3),
    y: members.map(c => c.figures.cpu_ns_per_message / 1e3), marker: {color: colour(name, i), size: 10, symbol: members.map(c => WAKE_SYMBOLS[c.axes.wake] || "x")},
    text: members.map(c => `${c.text}<br>p50 ${time(c.figures.p50_ns)}, processor ${time(c.figures.cpu_ns_per_message)}`),
    hovertemplate: "%{text}<extra></extra>"})),
    layout("p50 in µs (payload " + payload + "; square: block, circle: adaptive, triangle: spin)", "processor time per message in µs",
           {xaxis: {type: "log"}, yaxis: {type: "log"}}));
}

/* ---- the table of every cell ---- */

const rows = [...document.querySelectorAll("#cells tbody tr")];
function drawFilter() {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  let n = 0;
  for (const row of rows) {
    row.hidden = !words.every(w => row.dataset.text.includes(w));
    n += !row.hidden;
  }
  $("shown").textContent = n + " of " + rows.length + " cells";
  if ($("filter").value !== state.q) $("filter").value = state.q;
}
$("filter").addEventListener("input", () => { state.q = $("filter").value; writeState(); drawFilter(); });
document.querySelectorAll("#cells th button").forEach((button, i) => button.addEventListener("click", () => {
  const head = button.parentElement, up = head.getAttribute("aria-sort") !== "ascending";
  document.querySelectorAll("#cells th").forEach(th => th.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = row => { const v = row.children[i].dataset.v; return v === undefined ? row.children[i].textContent : v === "" ? Infinity : +v; };
  rows.sort((a, b) => { const x = key(a), y = key(b); return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1); });
  rows.forEach(row => row.parentElement.append(row));
}));

if ($("download")) $("download").addEventListener("click", async () => {
  const bytes = Uint8Array.from(atob($("raw").textContent.trim()), c => c.charCodeAt(0));
  const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).blob();
  const link = document.createElement("a");
  link.href = URL.createObjectURL(text);
  link.download = "results.jsonl";
  link.click();
});

/* ---- all of it ---- */

function drawAll() {
  drawControls();
  const cells = chosen();
  drawExplorer(cells);
  drawHeat();
  drawCrossover();
  drawStages();
  drawLoad();
  drawPercentiles(cells);
  drawCpu();
  drawFilter();
}
function update() { drawAll(); writeState(); }
addEventListener("hashchange", () => { readState(); drawAll(); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
readState();
drawAll();
document.documentElement.dataset.drawn = "1";
})();
