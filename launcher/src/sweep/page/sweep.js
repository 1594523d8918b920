"use strict";
const show = (trial, on) => {
  for (const it of document.querySelectorAll("[data-trial]")) {
    if (it.dataset.trial === trial) it.classList.toggle("on", on);
  }
};
for (const it of document.querySelectorAll("[data-trial]")) {
  it.addEventListener("mouseenter", () => show(it.dataset.trial, true));
  it.addEventListener("mouseleave", () => show(it.dataset.trial, false));
}
