"use strict";
// Hides what the form does not ask for. An element says with numbers what it has to do with; one
// that says nothing of a field is shown whatever the field asks for.
(() => {
  const form = document.getElementById("filter");
  const told = document.getElementById("told");
  const items = [...document.querySelectorAll(".item")];
  const fields = [...form.querySelectorAll("select")];
  const fits = (item, field) => {
    const numbers = item.dataset[field.name];
    return field.value === "" || numbers === undefined || numbers.split(" ").includes(field.value);
  };
  const show = () => {
    let shown = 0;
    let all = 0;
    for (const item of items) {
      item.hidden = !fields.every((field) => fits(item, field));
      if (item.tagName === "ARTICLE") {
        all += 1;
        shown += item.hidden ? 0 : 1;
      }
    }
    for (const field of fields) {
      field.classList.toggle("on", field.value !== "");
    }
    told.textContent = `${shown} of ${all} sentences of this page`;
  };
  form.hidden = false;
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  // The fields are empty only after the event.
  form.addEventListener("reset", () => setTimeout(show));
  show();
})();
