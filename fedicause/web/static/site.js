// What pages do better with a script: the count moves, the address is copied, the handle is not typed twice.
"use strict";

const language = document.documentElement.lang;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const whole = new Intl.NumberFormat(language === "en" ? "en-GB" : language);
const share = new Intl.NumberFormat(language === "en" ? "en-GB" : language, { style: "percent" });
const plural = new Intl.PluralRules(language);

function watchSupport(box) {
  const EVERY = 4000;
  const numbers = document.querySelectorAll("[data-total]");
  const noun = box.querySelector("[data-noun]");
  const bar = box.querySelector("[data-bar]");
  const percent = box.querySelector("[data-percent]");
  const shares = box.querySelector("[data-shares]");
  let shown = null;
  let moving = 0;
  let failures = 0;

  function write(total, goal) {
    for (const number of numbers) number.textContent = whole.format(total);
    noun.textContent = plural.select(total) === "one" ? noun.dataset.one : noun.dataset.other;
    if (bar && goal) {
      bar.value = Math.min(total, goal);
      percent.textContent = share.format(Math.floor((100 * Math.min(total, goal)) / goal) / 100);
    }
  }

  function move(from, to, goal) {
    cancelAnimationFrame(moving);
    if (calm.matches || document.hidden || from === to) return write(to, goal);
    const start = performance.now();
    const length = Math.min(1200, 300 + 40 * Math.abs(to - from));
    const step = (now) => {
      const part = Math.min(1, (now - start) / length);
      write(Math.round(from + (to - from) * (1 - (1 - part) ** 3)), goal);
      if (part < 1) moving = requestAnimationFrame(step);
    };
    moving = requestAnimationFrame(step);
    for (const number of numbers) {
      number.classList.remove("moved");
      void number.offsetWidth;
      number.classList.add("moved");
    }
  }

  async function ask() {
    if (!document.hidden) {
      try {
        // The browser asks with the ETag that it has; an unchanged count is a 304 without a body.
        const answer = await fetch(box.dataset.support, { cache: "no-cache", credentials: "omit" });
        if (!answer.ok) throw new Error(`${answer.status}`);
        const support = await answer.json();
        if (shown === null) write(support.total, support.goal);
        else if (shown !== support.total) move(shown, support.total, support.goal);
        shown = support.total;
        shares.textContent = whole.format(support.shares);
        failures = 0;
      } catch {
        failures = Math.min(failures + 1, 5);
      }
    }
    setTimeout(ask, EVERY * 2 ** failures);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden && shown !== null) failures = 0; });
  setTimeout(ask, 1000);
}

function rememberHandle(form) {
  const KEY = "fedicause handle";
  const field = form.elements.namedItem("handle");
  try {
    if (!field.value) field.value = localStorage.getItem(KEY) ?? "";
    form.addEventListener("submit", () => localStorage.setItem(KEY, field.value.trim()));
  } catch {
    // Storage is switched off: then the handle is typed again.
  }
}

function offerCopy(button) {
  const field = document.getElementById(button.dataset.copy);
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      document.execCommand("copy");
    }
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = label; }, 2000);
  });
}

function hideWhileSeen(bar) {
  const form = document.getElementById(bar.dataset.until).querySelector("form");
  new IntersectionObserver(([entry]) => bar.classList.toggle("is-away", entry.isIntersecting)).observe(form);
}

for (const box of document.querySelectorAll("[data-support]")) watchSupport(box);
for (const form of document.querySelectorAll("form[data-handle]")) rememberHandle(form);
for (const button of document.querySelectorAll("[data-copy]")) offerCopy(button);
for (const field of document.querySelectorAll("[data-select]")) field.addEventListener("focus", () => field.select());
for (const bar of document.querySelectorAll("[data-until]")) hideWhileSeen(bar);
