/* One kind of chart: lines, points or bars over a logarithmic, linear or named axis, with intervals, drawn by D3 as an SVG that takes the page's
   colours (also in print) and the width of its box.

   {series: [{name, colour, symbol, dash, line, points: [[x, y, low, high, text]]}], x: {type: "log" | "linear" | "band", title, format, ticks},
    y: {type, title, format, min, max}, height, ties: [{x, range: [y, y], text}], rule: y, direct: names at the ends of their lines, below: names below} */
Lab.chart = (() => {
const SYMBOL_AREA = 52, NAME_HEIGHT = 15;

function extent(values, type, low, high) {
  let [a, b] = d3.extent(values);
  if (type === "log") { if (a === b) { a /= 2; b *= 2; } else { const pad = Math.pow(b / a, 0.04); a /= pad; b *= pad; } }
  else { a = Math.min(a, 0); if (a === b) b = a + 1; b += 0.04 * (b - a); }
  return [low === undefined ? a : low, high === undefined ? b : high];
}
function logTicks([a, b]) {
  const decades = Math.log10(b / a), steps = decades > 3 ? [1] : decades > 1.2 ? [1, 3] : [1, 2, 3, 5, 7];
  const found = [];
  for (let e = Math.floor(Math.log10(a)); e <= Math.ceil(Math.log10(b)); e++)
    for (const s of steps) { const v = s * Math.pow(10, e); if (v >= a && v <= b) found.push(v); }
  return found;
}
/* As many ticks as there is room for. */
function thinned(ticks, scale, apart) {
  const kept = [];
  for (const t of ticks) if (kept.length === 0 || Math.abs(scale(t) - scale(kept[kept.length - 1])) >= apart) kept.push(t);
  return kept;
}
function scaleOf(axis, values, range, names) {
  if (axis.type === "band") return d3.scale.ordinal().domain(names).rangePoints(range, 1);
  const domain = extent(values, axis.type, axis.min, axis.max);
  return (axis.type === "log" ? d3.scale.log() : d3.scale.linear()).domain(domain).range(range);
}
function ticksOf(axis, scale, apart) {
  if (axis.type === "band") return scale.domain();
  return thinned(axis.ticks || (axis.type === "log" ? logTicks(scale.domain()) : scale.ticks(6)), scale, apart);
}
/* Names at the ends of lines, moved apart. */
function endings(series, x, y) {
  const ends = series.map(s => { const p = s.points[s.points.length - 1]; return {s, x: x(p[0]), y: y(p[1])}; }).sort((a, b) => a.y - b.y);
  for (let i = 1; i < ends.length; i++) ends[i].y = Math.max(ends[i].y, ends[i - 1].y + NAME_HEIGHT);
  return ends;
}
function axes(svg, chart, x, y, inner, margin) {
  const {width, height} = inner;
  const xTicks = ticksOf(chart.x, x, chart.x.type === "band" ? 0 : 58), yTicks = ticksOf(chart.y, y, 24);
  const slanted = chart.x.type === "band" && xTicks.length > 0 && d3.max(xTicks, t => String(t).length) * 7 > width / xTicks.length;
  const grid = svg.append("g").attr("class", "grid");
  for (const t of yTicks) {
    grid.append("line").attr({x1: 0, x2: width, y1: y(t), y2: y(t)});
    svg.append("text").attr({x: -8, y: y(t) + 4, "text-anchor": "end"}).text(chart.y.format(t));
  }
  for (const t of xTicks) {
    grid.append("line").attr({x1: x(t), x2: x(t), y1: 0, y2: height});
    const label = svg.append("text").attr({"text-anchor": slanted ? "end" : "middle"}).text((chart.x.format || String)(t));
    label.attr("transform", `translate(${x(t)},${height + 18})` + (slanted ? "rotate(-35)" : ""));
  }
  svg.append("text").attr({x: width / 2, y: height + margin.bottom - 6, "text-anchor": "middle", class: "title"}).text(chart.x.title || "");
  svg.append("text").attr({x: -margin.left + 2, y: -10, class: "title"}).text(chart.y.title || "");
}
function drawSeries(svg, s, x, y, base) {
  const g = svg.append("g").attr("class", "series").style("color", s.colour);
  const points = s.points.filter(p => p[1] !== null && p[1] !== undefined);
  if (s.line !== false && points.length > 1)
    g.append("path").attr({class: "line", "stroke-dasharray": s.dash || null, d: d3.svg.line().x(p => x(p[0])).y(p => y(p[1]))(points)});
  for (const [at, value, low, high, text] of points) {
    const spot = g.append("g");
    if (s.bar) spot.append("line").attr({class: "bar", x1: x(at), x2: x(at), y1: base, y2: y(value)});
    if (low !== null && low !== undefined && high !== null && high !== undefined)
      spot.append("line").attr({class: "interval", x1: x(at), x2: x(at), y1: y(Math.max(low, y.domain()[0])), y2: y(high)});
    spot.append("path").attr({class: "point", transform: `translate(${x(at)},${y(value)})`, d: d3.svg.symbol().type(s.symbol || "circle").size(SYMBOL_AREA)()});
    spot.append("title").text(text || "");
  }
}
function drawTies(svg, ties, x, y) {
  for (const tie of ties || []) {
    const [a, b] = tie.range.map(y);
    svg.append("rect").attr({class: "tie", x: x(tie.x) - 15, width: 30, y: Math.min(a, b) - 12, height: Math.abs(a - b) + 24, rx: 12})
      .append("title").text(tie.text);
  }
}
function legend(series) {
  const box = Lab.element("div", null, {class: "legend"});
  for (const s of series) {
    const item = Lab.element("span"), svg = d3.select(item).append("svg").attr({width: 30, height: 14, "aria-hidden": "true"}).style("color", s.colour);
    if (s.line !== false) svg.append("path").attr({class: "line", d: "M1,7H29", "stroke-dasharray": s.dash || null});
    svg.append("path").attr({class: "point", transform: "translate(15,7)", d: d3.svg.symbol().type(s.symbol || "circle").size(SYMBOL_AREA)()});
    item.append(s.name);
    box.append(item);
  }
  return box;
}
function render(box, chart) {
  const outer = Math.max(260, box.clientWidth), direct = chart.direct && outer > 480;
  const longest = direct ? d3.max(chart.series, s => s.name.length) * 7.2 + 14 : 14;
  const named = chart.x.type === "band" ? d3.max(chart.series, s => d3.max(s.points, p => String(p[0]).length)) : 0;
  const margin = {top: 26, right: longest, bottom: named * 5 > 40 ? Math.min(150, 30 + named * 5) : 46, left: 62};
  const width = outer - margin.left - margin.right, height = (chart.height || 360) - margin.top - margin.bottom;
  const all = [].concat(...chart.series.map(s => s.points.filter(p => p[1] !== null && p[1] !== undefined)));
  const ys = [].concat(...all.map(p => [p[1], p[2], p[3]])).filter(v => v !== null && v !== undefined && (chart.y.type !== "log" || v > 0));
  const x = scaleOf(chart.x, all.map(p => p[0]), [0, width], [...new Set(all.map(p => p[0]))]);
  const y = scaleOf(chart.y, ys.concat(chart.rule === undefined ? [] : [chart.rule]), [height, 0]);
  const svg = d3.select(document.createElementNS("http://www.w3.org/2000/svg", "svg"))
    .attr({viewBox: `0 0 ${outer} ${height + margin.top + margin.bottom}`, role: "img", "aria-label": chart.label || chart.y.title || ""});
  const g = svg.append("g").attr("transform", `translate(${margin.left},${margin.top})`);
  axes(g, chart, x, y, {width, height}, margin);
  drawTies(g, chart.ties, x, y);
  if (chart.rule !== undefined) g.append("line").attr({class: "rule", x1: 0, x2: width, y1: y(chart.rule), y2: y(chart.rule)});
  for (const s of chart.series) drawSeries(g, s, x, y, height);
  if (direct) for (const end of endings(chart.series.filter(s => s.points.length > 0), x, y))
    g.append("text").attr({x: end.x + 10, y: end.y + 4, class: "name"}).style("fill", end.s.colour).text(end.s.name);
  const parts = [svg.node()];
  if (!direct && chart.series.length > 1 && !chart.unnamed) chart.below ? parts.push(legend(chart.series)) : parts.unshift(legend(chart.series));
  box.replaceChildren(...parts);
}
/* Drawn again whenever the width of its box changes. */
const drawn = new WeakMap();
const observer = new ResizeObserver(entries => { for (const e of entries) {
  const known = drawn.get(e.target);
  if (known && e.target.clientWidth > 0 && e.target.clientWidth !== known.width) { known.width = e.target.clientWidth; render(e.target, known.chart); }
} });
return (box, chart) => {
  drawn.set(box, {chart, width: box.clientWidth});
  render(box, chart);
  observer.observe(box);
};
})();
