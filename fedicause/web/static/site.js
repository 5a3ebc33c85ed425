// What pages do better with a script: the count moves, the address is copied, the handle is not typed twice.
"use strict";

const language = document.documentElement.lang;
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const whole = new Intl.NumberFormat(language === "en" ? "en-GB" : language);
const share = new Intl.NumberFormat(language === "en" ? "en-GB" : language, { style: "percent" });
const plural = new Intl.PluralRules(language);

function watchSupport(box) {
  const EVERY = 4000;
  const RENEW = 60000;
  const WIDE = 1000;
  let shown = null;
  let moving = 0;
  let failures = 0;
  let renewed = performance.now();

  const live = () => box.querySelector("[data-live]");
  const within = (name) => [...document.querySelectorAll(`[data-${name}]`)];

  function write(total) {
    for (const number of within("total")) number.textContent = whole.format(total);
    const noun = box.querySelector("[data-noun]");
    if (noun) noun.textContent = plural.select(total) === "one" ? noun.dataset.one : noun.dataset.other;
    const bar = box.querySelector("[data-bar]");
    if (!bar) return;
    const target = Number(bar.dataset.bar);
    bar.setAttribute("aria-valuenow", Math.min(total, target));
    const percent = box.querySelector("[data-percent]");
    if (percent) percent.textContent = share.format(Math.floor((100 * Math.min(total, target)) / target) / 100);
  }

  // What each part adds, as [name, number], in the order of the page.
  function partsOf(support) {
    const parts = support.hosts.map((host) => [host.host, host.signatures]);
    return support.endorsements ? [["endorsements", support.endorsements], ...parts] : parts;
  }

  function writeParts(support) {
    const parts = partsOf(support);
    for (const cell of within("part")) {
      const part = parts.find(([name]) => name === cell.dataset.part);
      if (part) cell.textContent = whole.format(part[1]);
    }
    for (const number of within("people")) {
      const people = support.people[number.dataset.people];
      if (people !== null) number.textContent = whole.format(people);
    }
    const bar = box.querySelector("[data-bar]");
    const pieces = bar ? [...bar.querySelectorAll("rect")] : [];
    const most = bar ? Math.max(Number(bar.dataset.bar), support.total) : 1;
    let before = 0;
    parts.forEach(([name, number], place) => {
      const drawn = [[pieces[place], most]];
      for (const piece of within("piece")) if (piece.dataset.piece === name) drawn.push([piece, support.total]);
      for (const [rect, whole] of drawn) {
        if (!rect) continue;
        const [start, end] = [before, before + number].map((edge) => Math.floor((WIDE * edge) / Math.max(whole, 1)));
        rect.setAttribute("x", start);
        rect.setAttribute("width", end - start);
      }
      before += number;
    });
  }

  function move(from, to) {
    cancelAnimationFrame(moving);
    if (calm.matches || document.hidden || from === to) return write(to);
    const start = performance.now();
    const length = Math.min(1200, 300 + 40 * Math.abs(to - from));
    const step = (now) => {
      const part = Math.min(1, (now - start) / length);
      write(Math.round(from + (to - from) * (1 - (1 - part) ** 3)));
      if (part < 1) moving = requestAnimationFrame(step);
    };
    moving = requestAnimationFrame(step);
    for (const number of within("total")) {
      number.classList.remove("moved");
      void number.offsetWidth;
      number.classList.add("moved");
    }
  }

  // Whether the page says the same with other numbers; else its words change too.
  function isOfOneShape(support) {
    const { shape, sort, next } = live().dataset;
    const states = support.hosts.map((host) => `${host.host}:${host.state}`);
    if (support.endorsements) states.unshift("endorsements:endorsements");
    const alone = support.hosts.length === 1 && !support.signatures;
    const now = alone && support.endorsements ? states[0] : states.join(" ");
    const made = !support.signatures ? "endorsements" : support.endorsements ? "both" : "signatures";
    return shape === now && sort === made && (next === "" || Number(next) === support.next);
  }

  async function renew() {
    renewed = performance.now();
    const answer = await fetch(box.dataset.page, { cache: "no-cache", credentials: "omit", headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of within("live")) {
      const fresh = page.querySelector(`[data-live="${old.dataset.live}"]`);
      if (!fresh || old.contains(document.activeElement)) continue;
      const open = [...old.querySelectorAll("details")].map((details) => details.open);
      fresh.querySelectorAll("details").forEach((details, place) => { details.open = Boolean(open[place]); });
      old.replaceWith(fresh);
    }
  }

  async function ask() {
    if (!document.hidden) {
      try {
        // The browser asks with the ETag that it has; an unchanged count is a 304 without a body.
        const answer = await fetch(box.dataset.support, { cache: "no-cache", credentials: "omit" });
        if (!answer.ok) throw new Error(`${answer.status}`);
        const support = await answer.json();
        const said = JSON.stringify(support);
        if (shown === null || shown.said !== said) {
          const isOld = shown !== null && performance.now() - renewed > RENEW;
          if (isOld || !isOfOneShape(support)) await renew();
          move(shown === null ? support.total : shown.total, support.total);
          writeParts(support);
          for (const shares of within("shares")) shares.textContent = whole.format(support.shares);
          shown = { total: support.total, said };
        }
        failures = 0;
      } catch {
        failures = Math.min(failures + 1, 5);
      }
    }
    setTimeout(ask, EVERY * 2 ** failures);
  }

  // A campaign of another server of which nothing is known has no count to move.
  if (!live()) return;
  document.addEventListener("visibilitychange", () => { if (!document.hidden && shown !== null) failures = 0; });
  setTimeout(ask, 1000);
}

function rememberHandle(form) {
  const KEY = "fedicause handle";
  const field = form.elements.namedItem(form.dataset.handle || "handle");
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
