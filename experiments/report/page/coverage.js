// The cells of corps-lab coverage: filters above, a row for each case, a mark for each serializer; the reason is its title, or text if asked for.
(() => {
  const data = JSON.parse(document.getElementById("coverage-data").textContent);
  const form = document.getElementById("coverage-controls"), body = document.getElementById("coverage-cells");
  const COLUMN = {group: 0, case: 1, home: 2, python: 3, load_python: 4};
  const MARK = {"ok": "✓", "silently wrong": "≠", "data loss": "✂", "refused at dump": "–", "refused at load": "↯", "hang": "∞",
    "crash": "†", "not run": ""};
  const ROWS_MAX = 2000;
  const element = (name, attributes, text) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const choose = (name, title, values) => {
    const label = element("label", {}, title + " "), select = element("select", {id: "coverage-" + name});
    select.append(element("option", {value: ""}, "any"));
    for (const value of values) select.append(element("option", {value}, value));
    label.append(select);
    form.append(label);
    select.addEventListener("change", draw);
    return select;
  };
  const TITLES = {group: "group", home: "home", python: "written by", load_python: "read by"};
  const selects = {};
  for (const name of data.filters) {
    const values = [...new Set(data.rows.map(row => row[COLUMN[name]]))];
    if (values.length > 1) selects[name] = choose(name, TITLES[name], values);
  }
  const reasons = element("input", {type: "checkbox", id: "coverage-reasons"}), label = element("label", {class: "check"});
  label.append(reasons, "reasons as text");
  reasons.addEventListener("change", draw);
  const outcome = choose("outcome", "outcome", data.outcomes), serializer = choose("serializer", "serializer", data.serializers);

  form.append(label);

  function draw() {
    const chosen = data.serializers.map((name, i) => i).filter(i => !serializer.value || data.serializers[i] === serializer.value);
    const rows = data.rows.filter(row => Object.entries(selects).every(([name, select]) => !select.value || row[COLUMN[name]] === select.value)
      && (!outcome.value || chosen.some(i => row[5][i] && data.outcomes[row[5][i][0]] === outcome.value)));
    document.getElementById("coverage-shown").textContent = rows.length + " of " + data.rows.length + " rows" +
      (rows.length > ROWS_MAX ? ", the first " + ROWS_MAX + " are shown" : "") + ". " +
      data.outcomes.map(name => (MARK[name] ? MARK[name] + " " : "") + name).join(", ");
    const head = element("tr");
    for (const title of ["group", "case", "home"].concat(selects.python || selects.load_python ? ["written by", "read by"] : []))
      head.append(element("th", {scope: "col"}, title));
    for (const i of chosen) head.append(element("th", {scope: "col"}, data.serializers[i]));
    const lines = rows.slice(0, ROWS_MAX).map(row => {
      const line = element("tr");
      for (const text of row.slice(0, selects.python || selects.load_python ? 5 : 3)) line.append(element("td", {}, text));
      for (const i of chosen) {
        const cell = row[5][i], name = cell ? data.outcomes[cell[0]] : "not run", detail = cell ? data.details[cell[1]] : "";
        const said = element("td", {class: "outcome " + name.replace(/ /g, "-"), title: name + (detail ? ": " + detail : "")}, MARK[name]);
        if (reasons.checked && detail) said.append(element("small", {}, detail));
        line.append(said);
      }
      return line;
    });
    const top = element("thead"), rest = element("tbody");
    top.append(head);
    rest.append(...lines);
    body.replaceChildren(top, rest);
  }
  // A link may choose: #coverage-group=classes&coverage-outcome=hang
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    if (name === "coverage-reasons") reasons.checked = value === "1";
    const select = name.startsWith("coverage-") && form.querySelector("select#" + CSS.escape(name));
    if (select && [...select.options].some(option => option.value === value)) select.value = value;
  }
  draw();
})();
