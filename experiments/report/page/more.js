/* The charts below the explorer: each shows what it is about of the cells that the controls choose, and hides with its heading where there is none. */
Lab.more = (DATA, view, cells) => {
const {time, size, rate, percent, SYMBOLS, colour, element} = Lab;
const {state, ANY, fits, values, valueOf, intervalOf, hover, prefer} = view;
const $ = id => document.getElementById(id);
const CELLS = DATA.cells;

function show(id, there) {
  const section = $(id).closest("section");
  section.hidden = !there;
  return there;
}
const grouped = (found, name) => {
  const groups = new Map();
  for (const c of found) groups.set(name(c), [...(groups.get(name(c)) || []), c]);
  return [...groups];
};

function drawHeat() {
  let found = CELLS.filter(c => !c.raw && c.plain && c.joins && c.axes.workload === "echo" && fits(c, ["placement", "wake", "lang"]));
  const pairs = payload => new Set(found.filter(c => c.axes.payload === payload).map(c => c.axes.transport + c.axes.serializer)).size;
  const payloads = values(found, "payload").sort((a, b) => pairs(b) - pairs(a));
  const payload = state.payload !== ANY && payloads.includes(state.payload) ? state.payload : payloads[0];
  found = found.filter(c => c.axes.payload === payload);
  const xs = values(found, "serializer"), ys = values(found, "transport");
  if (!show("chart-heat", found.length > 1 && ys.length > 1)) return;
  const [low, high] = d3.extent(found, c => Math.log(valueOf(c, "p50_ns")));
  const table = element("table", null, {class: "heat"}), top = element("thead"), body = element("tbody"), head = element("tr");
  for (const title of [payload, ...xs]) head.append(element("th", title, {scope: "col"}));
  for (const y of ys) {
    const row = element("tr");
    row.append(element("th", y, {scope: "row"}));
    for (const x of xs) {
      const c = found.find(m => m.axes.transport === y && m.axes.serializer === x), heat = c ? (Math.log(valueOf(c, "p50_ns")) - low) / (high - low || 1) : 0;
      row.append(c ? element("td", time(valueOf(c, "p50_ns")), {style: `--heat:${Math.round(4 + 40 * heat)}%`, title: hover(c, "p50_ns")}) : element("td", "–"));
    }
    body.append(row);
  }
  top.append(head);
  table.append(top, body);
  $("chart-heat").replaceChildren(table);
}

function drawCrossover() {
  const found = DATA.crossings.filter(f => state.transport === ANY || f.transport === state.transport);
  if (!show("chart-crossover", found.length > 0)) return;
  const boxes = grouped(found, f => f.serializer).map(([serializer, members]) => {
    const part = element("div", null, {class: "part"}), box = element("div");
    part.append(element("h3", serializer), box);
    return {part, box, serializer, members};
  });
  $("chart-crossover").replaceChildren(...boxes.map(b => b.part));
  $("chart-crossover").classList.toggle("several", boxes.length > 1);
  for (const {box, serializer, members} of boxes) Lab.chart(box, {label: "Share of serializing by size, " + serializer, height: 280, rule: 0.5, below: true,
    x: {type: "log", title: "records, as encoded", format: size, ticks: members[0].sizes}, y: {type: "linear", title: "share of serializing", format: percent, min: 0, max: 1.02},
    series: members.map((f, i) => ({name: f.transport, colour: colour(f.transport, i), symbol: SYMBOLS[i % SYMBOLS.length],
      points: f.sizes.map((s, k) => [s, f.shares[k], null, null, `${f.transport} ${f.serializer}, ${f.placement}, wake ${f.wake}, ${size(s)}: ${percent(f.shares[k])}`])}))});
}

const STAGES = ["encode", "send", "transit", "dispatch", "decode", "method", "reply_encode", "reply_send", "reply_transit", "resume", "reply_decode"];
const told = stage => stage.replace("_", " ");
function drawStages() {
  const fitting = CELLS.filter(c => c.stages && fits(c, ["transport", "payload", "placement", "wake"]));
  const found = fitting.length > 0 ? fitting : CELLS.filter(c => c.stages);
  if (!show("chart-stages", found.length > 0)) return;
  const rows = found.map(c => {
    const total = d3.sum(Object.values(c.stages)), row = element("div", null, {class: "stages"}), bar = element("div", null, {class: "bar"});
    const longest = STAGES.filter(s => c.stages[s]).sort((a, b) => c.stages[b] - c.stages[a]).slice(0, 3);
    for (const stage of STAGES) if (c.stages[stage]) bar.append(element("span", null, {class: "stage-" + stage,
      style: `width:${(100 * c.stages[stage] / total).toFixed(2)}%`, title: `${told(stage)}: ${time(c.stages[stage])}`}));
    row.append(element("p", `${[c.axes.transport, c.axes.serializer, c.axes.payload, c.axes.wake, c.axes.placement].join(" ")}: ${time(total)}; ` +
      longest.map(s => `${told(s)} ${time(c.stages[s])}`).join(", ")), bar);
    return row;
  });
  const names = element("div", null, {class: "legend"});
  for (const stage of STAGES) {
    const item = element("span");
    item.append(element("i", null, {class: "swatch stage-" + stage}), told(stage));
    names.append(item);
  }
  $("chart-stages").replaceChildren(names, ...rows);
}

function drawLoad() {
  const found = CELLS.filter(c => c.axes.workload === "openloop" && fits(c, ["transport", "placement", "wake"]));
  if (!show("chart-load", new Set(found.map(c => c.axes.load)).size > 1)) return; // one load is no curve
  const series = [];
  grouped(found, c => [c.axes.transport, ...(state.wake === ANY ? [c.axes.wake] : []), ...(new Set(found.map(m => m.axes.payload)).size > 1 ? [c.axes.payload] : [])].join(" "))
    .forEach(([name, members], i) => {
      members.sort((a, b) => a.axes.load - b.axes.load);
      for (const [figure, dash, label] of [["p50_ns", "", ", p50"], ["p99_ns", "2 4", ", p99"]])
        series.push({name: name + label, colour: colour(members[0].axes.transport, i), dash, symbol: SYMBOLS[i % SYMBOLS.length],
          points: members.map(c => { const r = intervalOf(c, figure);
            return [c.axes.load, valueOf(c, figure), r && r[1], r && r[2], hover(c, figure) + `\ncapacity ${rate(c.figures.capacity_per_s)}, offered ${rate(c.figures.offered_per_s)}`]; })});
    });
  Lab.chart($("chart-load"), {label: "Latency under open-loop load", series, x: {type: "linear", title: "offered load in percent of the capacity", format: v => v + " %"},
    y: {type: "log", title: "latency", format: time}});
}

const LINES = 12;
function drawPercentiles() {
  const measured = cells.filter(c => c.quantiles), payload = state.payload === ANY ? prefer(values(measured, "payload"), "bytes:64") : state.payload;
  const known = measured.filter(c => c.axes.payload === payload), found = known.slice(0, LINES);
  if (!show("chart-percentiles", found.length > 0)) return;
  const apart = new Set(found.map(c => c.axes.transport)).size === found.length; // then each has its own colour, as everywhere
  const at = DATA.quantiles.map((q, i) => [q, i]).filter(([q]) => q >= 0.1 && q < 1), name = q => "p" + +(100 * q).toPrecision(6);
  Lab.chart($("chart-percentiles"), {label: "Percentiles of latency", x: {type: "log", title: "percentile", ticks: [0.5, 0.9, 0.99, 0.999, 0.9999].map(q => 1 / (1 - q)),
    format: v => name(1 - 1 / v)}, y: {type: "log", title: "latency", format: time},
    series: found.map((c, i) => ({name: c.text, colour: apart ? colour(c.axes.transport, i) : `var(--c${1 + i % 9})`, symbol: SYMBOLS[i % SYMBOLS.length],
      points: at.map(([q, k]) => [1 / (1 - q), c.quantiles[k], null, null, `${c.text}, ${name(q)}: ${time(c.quantiles[k])}`])}))});
  $("caption-percentiles").textContent = `Payload ${payload}; all trials of a cell together. ` + (known.length > LINES ?
    `Drawn are ${LINES} of ${known.length} cells, not: ${known.slice(LINES).map(c => c.text).join("; ")}. Choose fewer above.` : "");
}

const WAKES = {block: "square", adaptive: "circle", spin: "triangle-up"};
function drawCpu() {
  const payload = state.payload === ANY ? prefer(values(CELLS.filter(c => c.axes.workload === state.workload), "payload"), "bytes:64") : state.payload;
  const found = CELLS.filter(c => !c.raw && c.plain && c.axes.workload === state.workload && c.axes.payload === payload && c.figures.cpu_ns_per_message &&
    c.figures.p50_ns && fits(c, ["transport", "serializer", "placement", "lang"]));
  if (!show("chart-cpu", found.length > 1)) return;
  Lab.chart($("chart-cpu"), {label: "Latency against processor time", x: {type: "log", title: `p50 (payload ${payload})`, format: time}, y: {type: "log", title: "processor time per message", format: time},
    series: grouped(found, c => c.axes.transport + ", " + c.axes.wake).map(([name, members], i) => ({name, colour: colour(members[0].axes.transport, i), line: false,
      symbol: WAKES[members[0].axes.wake] || "cross", points: members.map(c => [c.figures.p50_ns, c.figures.cpu_ns_per_message, null, null,
        `${c.text}\np50 ${time(c.figures.p50_ns)}, processor ${time(c.figures.cpu_ns_per_message)}`])}))});
}

drawHeat();
drawCrossover();
drawStages();
drawLoad();
drawPercentiles();
drawCpu();
};
