// A campaign in a frame: its count moves while somebody looks, and the site around it learns how high it is.
"use strict";

const EVERY = 20000;
const box = document.querySelector(".box");
const language = document.documentElement.lang;
const locale = language === "en" ? "en-GB" : language;

function write(support) {
  const { target, sort } = box.dataset;
  const made = !support.signatures ? "endorsements" : support.endorsements ? "both" : "signatures";
  const end = support.goal !== null && support.total >= support.goal ? support.goal : support.next ?? support.goal;
  // Another goal, or something else that is counted: then the words change too.
  if (made !== sort || String(end ?? "") !== target) return location.reload();
  box.querySelector("[data-total]").textContent = new Intl.NumberFormat(locale).format(support.total);
  const noun = box.querySelector("[data-noun]");
  if (noun.dataset.one) noun.textContent = new Intl.PluralRules(language).select(support.total) === "one" ? noun.dataset.one : noun.dataset.other;
  const bar = box.querySelector("progress");
  if (!bar) return undefined;
  bar.value = Math.min(support.total, bar.max);
  const percent = box.querySelector("[data-percent]");
  if (percent) percent.textContent = new Intl.NumberFormat(locale, { style: "percent" }).format(Math.floor((100 * bar.value) / bar.max) / 100);
  return undefined;
}

function watch() {
  let failures = 0;
  let isSeen = false;
  new IntersectionObserver(([entry]) => { isSeen = entry.isIntersecting; }).observe(box);
  async function ask() {
    if (isSeen && !document.hidden) {
      try {
        const answer = await fetch(box.dataset.support, { cache: "no-cache", credentials: "omit" });
        if (!answer.ok) throw new Error(`${answer.status}`);
        write(await answer.json());
        failures = 0;
      } catch {
        failures = Math.min(failures + 1, 4);
      }
    }
    setTimeout(ask, EVERY * 2 ** failures);
  }
  setTimeout(ask, EVERY);
}

let told = 0;

function tellHeight() {
  // What its words need, and not what it was given.
  box.style.minHeight = "0";
  const height = Math.ceil(box.getBoundingClientRect().height);
  box.style.minHeight = "";
  if (height === told) return;
  told = height;
  parent.postMessage({ fedicauseHeight: height }, "*");
}

if (parent !== window) new ResizeObserver(tellHeight).observe(box);
if (box.dataset.support) watch();
