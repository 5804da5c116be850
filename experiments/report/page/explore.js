/* The explorer: what is drawn is chosen by the controls and kept in the address. It computes no statistics. */
Lab.explore = DATA => {
const {time, size, count, FIGURES, SYMBOLS, DASHES, colour, element} = Lab;
const $ = id => document.getElementById(id);
const CELLS = DATA.cells;
const TAILS = [["p999_ns", "p99.9"], ["p9999_ns", "p99.99"]]; // described, and known to no interval
const LINES_MAX = 12; // in one chart; more become several charts

const valueOf = (cell, figure) => figure === "to_control" ? (cell.to_control ? cell.to_control[0] : null)
  : cell.intervals[figure] ? cell.intervals[figure][0] : cell.figures[figure];
const intervalOf = (cell, figure) => {
  const found = figure === "to_control" ? cell.to_control : cell.intervals[figure];
  return found && found[1] !== null && found[2] !== null ? found : null;
};
const intervalText = (cell, figure) => {
  const found = intervalOf(cell, figure), text = FIGURES[figure][1];
  return found ? text(found[1]) + " – " + text(found[2]) : TAILS.some(([name]) => name === figure) ? "none: a description" : "too few blocks";
};
const hover = (cell, figure) => `${cell.text}\n${FIGURES[figure][0]}: ${FIGURES[figure][1](valueOf(cell, figure))}\n95 %: ` +
  `${intervalText(cell, figure)}\n${cell.blocks} blocks, ${cell.trials} trials` + (cell.stopped ? "\nstopped: " + cell.stopped : "") + cell.flags.map(f => "\n⚑ " + f).join("");

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
          lang: prefer(values(cells, "lang"), "c"), figure: "p50_ns", logx: "1", logy: "1", raw: "0", special: cells.some(c => c.plain) ? "0" : "1", q: ""};
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
  const label = element("label", LABELS[name]), box = element("select", null, {name});
  for (const [value, text] of options) box.append(new Option(text, value, false, value === state[name]));
  box.addEventListener("change", () => { state[name] = box.value; update(); });
  label.append(box);
  return label;
}
function check(name, text) {
  const label = element("label", null, {class: "check"}), box = element("input", null, {type: "checkbox", name});
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
  controls.push(select("figure", Object.entries(FIGURES).map(([k, f]) => [k, f[0]])));
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
/* A line joins cells of one kind that differ in their size (or load) alone: never an object tree with an array of bytes. */
const kind = c => c.axes.payload.split(":")[0];
function seriesOf(cells, byLoad) {
  const varies = name => new Set(cells.map(c => name === "kind" ? kind(c) : axis(c, name))).size > 1;
  const told = AXES.slice(1).filter(n => n !== "payload" && varies(n));
  const kinds = varies("kind"), found = new Map();
  const alike = new Set(REST.map(key => key.name).filter(n => new Set(cells.map(c => c.axes[n])).size === 1));
  for (const c of cells) {
    const parts = told.map(n => axis(c, n)).concat(byLoad ? (varies("payload") ? [c.axes.payload] : []) : kinds ? [kind(c)] : []);
    for (const {name: n, usual} of REST) {
      const known = n === "envs" && !c.joins; // of one Env, as all cells of such a transport
      const unset = c.axes[n] === 0; // as keys are that the workload does not have
      if (!alike.has(n) && !known && !unset && !(byLoad && n === "load") && String(c.axes[n]) !== usual) parts.push(n + " " + c.axes[n]);
    }
    const name = parts.join(" ") || c.axes.transport;
    if (!found.has(name)) found.set(name, {name, members: []});
    found.get(name).members.push(c);
  }
  const numbered = (a, b) => a.name.localeCompare(b.name, "en", {numeric: true});
  return {series: [...found.values()].sort(numbered), told, kinds};
}
/* Charts of at most LINES_MAX lines, which share their axes: split by the one key that suffices with the fewest charts, else by several. */
const look = (s, name) => name === "kind" ? kind(s.members[0]) : axis(s.members[0], name);
function split(series, name) {
  const groups = new Map();
  for (const s of series) groups.set(look(s, name), [...(groups.get(look(s, name)) || []), s]);
  return groups;
}
function charts(series, names, title = [], by = []) {
  if (series.length <= LINES_MAX || names.length === 0) return [{title: title.join(", "), by, series}];
  const ways = names.map(name => ({name, groups: split(series, name)}));
  const enough = ways.filter(w => Math.max(...[...w.groups.values()].map(g => g.length)) <= LINES_MAX).sort((a, b) => a.groups.size - b.groups.size);
  const {name, groups} = enough[0] || ways[0];
  return [].concat(...[...groups].map(([value, members]) => charts(members, enough[0] ? [] : names.slice(1), [...title, value], [...by, name])));
}

/* ---- the explorer's chart ---- */

/* Without what the chart's title says. */
function shorter(s, by) {
  const parts = s.name.split(" ");
  for (const name of by) { const at = parts.indexOf(look(s, name)); if (at >= 0 && parts.length > 1) parts.splice(at, 1); }
  return parts.join(" ");
}

/* Colour tells what differs first (transport, else serializer, …), dash and symbol what differs second. */
function looks(series) {
  const of = name => [...new Set(series.map(s => look(s, name)))];
  const [first, second] = ["transport", "serializer", "kind", "wake", "placement", "lang"].filter(name => of(name).length > 1).concat(["transport", "kind"]);
  const firsts = of(first), seconds = of(second);
  const used = new Map();
  return series.map(s => {
    const a = firsts.indexOf(look(s, first)), b = seconds.indexOf(look(s, second));
    const key = a + "/" + b, again = used.get(key) || 0; // what still differs in neither
    used.set(key, again + 1);
    const rest = (first === second ? 0 : b) + again;
    return {colour: colour(look(s, first), a), symbol: SYMBOLS[(first === second ? a : rest) % SYMBOLS.length], dash: DASHES[rest % DASHES.length]};
  });
}
function drawExplorer(cells) {
  const figure = state.figure, text = FIGURES[figure][1];
  const known = cells.filter(c => { const v = valueOf(c, figure); return v !== null && v !== undefined && !(state.logy === "1" && v <= 0); });
  const byLoad = state.workload === "openloop" && new Set(known.map(c => c.axes.load)).size > 1;
  const {series, told, kinds} = seriesOf(known, byLoad);
  const bars = !byLoad && series.every(s => new Set(s.members.map(c => c.axes.size_bytes)).size <= 1);
  const xOf = c => byLoad ? c.axes.load : Math.max(1, c.axes.size_bytes);
  const parts = charts(series, ["transport", "serializer", "placement", "wake"].filter(n => told.includes(n)).concat(kinds ? ["kind"] : []));
  const boxes = parts.map(part => {
    const figureBox = element("div", null, {class: "part"});
    if (part.title) figureBox.append(element("h3", part.title));
    const box = element("div");
    figureBox.append(box);
    return {figureBox, box, part};
  });
  $("chart-explore").replaceChildren(...boxes.map(b => b.figureBox));
  $("chart-explore").classList.toggle("several", parts.length > 1);
  const range = list => parts.length > 1 && list.length ? {min: Math.min(...list) * 0.8, max: Math.max(...list) * 1.25} : {};
  const within = range(known.map(c => valueOf(c, figure))), across = range(known.map(xOf));
  for (const {box, part} of boxes) {
    const styles = looks(part.series);
    if (part.series.length === 0) continue;
    Lab.chart(box, {label: FIGURES[figure][0] + (part.title ? ", " + part.title : ""), height: parts.length > 1 ? 290 : 400, unnamed: bars, below: parts.length > 1,
      x: byLoad ? {type: "linear", title: "offered load in percent of the capacity", format: v => v + " %"}
        : bars ? {type: "band"} : {type: state.logx === "1" ? "log" : "linear", title: "payload, as encoded", format: size, ...across,
           ticks: state.logx === "1" ? [...new Set(known.map(xOf))].sort((a, b) => a - b) : null},
      y: {type: state.logy === "1" ? "log" : "linear", title: FIGURES[figure][0], format: text, ...(bars ? {} : within)},
      series: part.series.map((s, i) => ({name: shorter(s, part.by), ...styles[i], bar: bars, line: !bars && s.members.length > 1,
        points: s.members.sort((a, b) => xOf(a) - xOf(b)).map(c => { const r = intervalOf(c, figure);
          return [bars ? s.name : xOf(c), valueOf(c, figure), r && r[1], r && r[2], hover(c, figure)]; })}))});
  }
  $("caption-explore").textContent = known.length === 0 ? "No measured cell fits this choice." : `${known.length} cells, ${series.length} lines` +
    (parts.length > 1 ? ` in ${parts.length} charts of one scale` : "") + ", all drawn.";
  drawExplored(known, figure);
}
function drawExplored(cells, figure) {
  const head = element("tr"), top = element("thead"), body = element("tbody");
  const tails = TAILS.filter(([name]) => name !== figure), stopped = cells.some(c => c.stopped);
  const titles = ["cell", "payload", FIGURES[figure][0], "95 %", ...tails.map(([, title]) => title), "blocks", ...(stopped ? ["stopped"] : []), "noise"];
  for (const text of titles) head.append(element("th", text, {scope: "col"}));
  top.append(head);
  body.append(...cells.map(c => {
    const row = element("tr");
    row.append(element("td", c.text), element("td", size(c.axes.size_bytes)), element("td", FIGURES[figure][1](valueOf(c, figure)), {"data-v": valueOf(c, figure)}),
               element("td", intervalText(c, figure)), ...tails.map(([name]) => element("td", FIGURES[name][1](c.figures[name]))), element("td", c.blocks),
               ...(stopped ? [element("td", c.stopped, {class: "wraps"})] : []), element("td", c.flags.map(f => f.split(":")[0]).join(", ")));
    [...row.children].forEach((td, i) => { td.dataset.title = titles[i]; });
    return row;
  }));
  $("explored").replaceChildren(top, body);
}

/* ---- all of it ---- */

function drawAll() {
  drawControls();
  const cells = chosen();
  drawExplorer(cells);
  Lab.more(DATA, {state, ANY, fits, values, axis, valueOf, intervalOf, hover, prefer}, cells);
  Lab.filter(state.q);
}
function update() { drawAll(); writeState(); }
addEventListener("hashchange", () => { readState(); drawAll(); });
$("filter").addEventListener("input", () => { state.q = $("filter").value; writeState(); Lab.filter(state.q); });
readState();
drawAll();
};
