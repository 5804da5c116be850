/* What stands first: transports over sizes, and the serializers' shares. The data is what verdict.py made. */
Lab.glance = data => {
const {time, size, percent, element, colour, SYMBOLS} = Lab;
const $ = id => document.getElementById(id);
const interval = ([, , low, high]) => low === null ? "too few blocks for an interval" : `95 % ${time(low)} – ${time(high)}`;

function transports(found) {
  Lab.chart($("chart-transports"), {
    label: "Round trip by message size, a line for each transport, both axes logarithmic", direct: true, height: innerWidth < 600 ? 330 : 400,
    x: {type: "log", title: "message size", format: size, ticks: found.sizes}, y: {type: "log", title: "round trip, p50", format: time},
    series: found.series.map((s, i) => ({name: s.name, colour: colour(s.name, i), symbol: SYMBOLS[i % SYMBOLS.length],
      points: s.points.map(p => [...p, `${s.name}, ${size(p[0])}: ${time(p[1])}, ${interval(p)}`])})),
    ties: found.ties.map(t => ({x: t.size, range: t.range, text: `${t.names.join(", ")} are not clearly apart at ${size(t.size)}`}))});
}

/* A row for each serializer, a column for each transport: the share of a call that serializing takes, as a bar behind its number. */
function serializers(found) {
  const names = [...new Set(found.rows.map(r => r.serializer))], transports = [...new Set(found.rows.map(r => r.transport))];
  const table = element("table", null, {class: "shares"}), top = element("thead"), head = element("tr"), body = element("tbody");
  for (const title of ["serializer", ...transports]) head.append(element("th", title, {scope: "col"}));
  top.append(head);
  for (const name of names) {
    const line = element("tr");
    line.append(element("th", name, {scope: "row"}));
    for (const transport of transports) {
      const row = found.rows.find(r => r.serializer === name && r.transport === transport);
      line.append(row ? shareCell(row) : element("td", "–"));
    }
    body.append(line);
  }
  table.append(top, body);
  $("chart-serializers").replaceChildren(table);
}
function shareCell(row) {
  const share = Math.max(0, Math.min(1, row.share[0]));
  const cell = element("td", null, {style: `--share:${(100 * share).toFixed(1)}%`, "data-share": share, class: share > 0.5 ? "over" : ""});
  const bounds = row.share[1] === null ? "" : ` (${Math.round(100 * Math.max(0, row.share[1]))}–${Math.round(100 * Math.max(0, row.share[2]))})`;
  const value = element("b", percent(share));
  value.append(element("span", bounds, {class: "bounds"}));
  cell.append(value, element("small", time(row.p50[0])));
  return cell;
}
if (data.transports && $("chart-transports")) transports(data.transports);
if (data.serializers && $("chart-serializers")) serializers(data.serializers);
};
