/* The table of every cell: a filter, sorting by a column, and the lines to take away. */
(() => {
const $ = id => document.getElementById(id);
const rows = [...document.querySelectorAll("#cells tbody tr")];

Lab.filter = text => {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    row.hidden = !words.every(w => row.dataset.text.includes(w));
    shown += !row.hidden;
  }
  $("shown").textContent = shown + " of " + rows.length + " cells";
  if (words.length > 0) $("every").open = true;
  if ($("filter").value !== text) $("filter").value = text;
};
document.querySelectorAll("#cells th button").forEach((button, i) => button.addEventListener("click", () => {
  const head = button.parentElement, up = head.getAttribute("aria-sort") !== "ascending";
  document.querySelectorAll("#cells th").forEach(th => th.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const key = row => { const v = row.children[i].dataset.v; return v === undefined ? row.children[i].textContent : v === "" ? Infinity : +v; };
  rows.sort((a, b) => { const x = key(a), y = key(b); return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1); });
  rows.forEach(row => row.parentElement.append(row));
}));
/* The readers of results take .gz as it is. */
if ($("download")) $("download").addEventListener("click", () => {
  const bytes = Uint8Array.from(atob($("raw").textContent.trim()), c => c.charCodeAt(0));
  const link = Lab.element("a", null, {href: URL.createObjectURL(new Blob([bytes], {type: "application/gzip"})), download: "results.jsonl.gz"});
  link.click();
});
})();
