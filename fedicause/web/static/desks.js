// Lists with tick boxes: all at once, a stretch with Shift, and from one to the next with the arrow keys.
"use strict";

for (const form of document.querySelectorAll("form[data-ticks]")) {
  const all = form.querySelector("[data-all]");
  const ticks = [...form.querySelectorAll('input[type="checkbox"]')].filter((each) => each.name);
  let last = null;

  if (all && ticks.length > 1) {
    const box = all.querySelector("input");
    all.hidden = false;
    box.addEventListener("change", () => {
      for (const each of ticks) each.checked = box.checked;
    });
    form.addEventListener("change", () => {
      box.checked = ticks.every((each) => each.checked);
      box.indeterminate = !box.checked && ticks.some((each) => each.checked);
    });
  }

  for (const each of ticks) {
    each.addEventListener("click", (event) => {
      if (event.shiftKey && last) {
        const [from, to] = [ticks.indexOf(last), ticks.indexOf(each)].sort((a, b) => a - b);
        for (const between of ticks.slice(from, to + 1)) between.checked = each.checked;
      }
      last = each;
    });
    each.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const next = step && ticks[ticks.indexOf(each) + step];
      if (next) {
        event.preventDefault();
        next.focus();
      }
    });
  }
}
