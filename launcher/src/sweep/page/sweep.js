"use strict";
const all = [...document.querySelectorAll("[data-trial]")];
const rows = all.filter((it) => it.tagName === "TR");
const show = (trial, on) => {
  for (const it of all) {
    if (it.dataset.trial === trial) it.classList.toggle("on", on);
  }
};
for (const it of all) {
  for (const [begins, ends] of [["mouseenter", "mouseleave"], ["focus", "blur"]]) {
    it.addEventListener(begins, () => show(it.dataset.trial, true));
    it.addEventListener(ends, () => show(it.dataset.trial, false));
  }
}
// The table is one stop of the tabulator: arrows go from row to row.
rows.forEach((row, at) => {
  row.tabIndex = at === 0 ? 0 : -1;
  row.addEventListener("keydown", (event) => {
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (!rows[next]) return;
    event.preventDefault();
    row.tabIndex = -1;
    rows[next].tabIndex = 0;
    rows[next].focus();
  });
});
