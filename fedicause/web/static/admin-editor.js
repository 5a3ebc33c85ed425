// What writing is like with a script: the page beside the form, an address out of the title, no lost work.
"use strict";

{
  const PAUSE = 400;
  const LONGEST_ADDRESS = 40;
  const LETTERS = { ß: "ss", æ: "ae", œ: "oe", ø: "o", ł: "l", đ: "d", ð: "d" };

  function address(title) {
    const plain = title.toLowerCase().replace(/[ßæœøłđð]/g, (letter) => LETTERS[letter]).normalize("NFKD").replace(/\p{M}/gu, "").replace(/['’]/g, "");
    const words = plain.replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
    if (words.length <= LONGEST_ADDRESS) return words;
    const short = words.slice(0, LONGEST_ADDRESS + 1);
    return short.slice(0, short.lastIndexOf("-")) || words.slice(0, LONGEST_ADDRESS);
  }

  function proposeAddress(form) {
    const title = form.elements.namedItem("title");
    const slug = form.querySelector("[data-slug]");
    if (!title || !slug) return;
    let isOwn = slug.value !== "" && slug.value !== address(title.value);
    slug.addEventListener("input", () => { isOwn = slug.value !== ""; });
    title.addEventListener("input", () => { if (!isOwn) slug.value = address(title.value); });
  }

  // Whoever closes the page with something unsaved in it is asked first.
  function keepWork(form) {
    const read = () => JSON.stringify([...new FormData(form)].map(([name, value]) => [name, value instanceof File ? value.name : value]));
    const saved = form.querySelector("[aria-invalid], .theirs") || document.querySelector("[role=alert]") ? null : read();
    let isLeaving = false;
    form.addEventListener("submit", (event) => { isLeaving = event.submitter?.formTarget !== "preview"; });
    window.addEventListener("pageshow", () => { isLeaving = false; });
    window.addEventListener("beforeunload", (event) => {
      if (!isLeaving && read() !== saved) event.preventDefault();
    });
  }

  // What was written outlives a session that has ended meanwhile, and a browser that starts again.
  function keepDraft(form) {
    const key = `editor:${form.action}`;
    const own = () => [...form.elements].filter((each) => each.name && each.name !== "csrf" && each.type !== "file" && each.type !== "submit");
    const values = () => Object.fromEntries(own().map((each) => [each.name, each.type === "checkbox" ? each.checked : each.value]));
    const offer = document.querySelector("[data-restore]");
    const kept = sessionStorage.getItem(key);
    const now = JSON.stringify(values());
    if (offer && kept && kept !== now && !document.querySelector("[role=alert]")) {
      offer.hidden = false;
      offer.querySelector("button").addEventListener("click", () => {
        const before = JSON.parse(kept);
        for (const each of own()) {
          if (!(each.name in before)) continue;
          if (each.type === "checkbox") each.checked = before[each.name];
          else each.value = before[each.name];
        }
        offer.hidden = true;
        form.dispatchEvent(new Event("change"));
      });
    }
    form.addEventListener("input", () => sessionStorage.setItem(key, JSON.stringify(values())));
  }

  // Only what the chosen kind has of its own.
  function showKind(form) {
    const kind = form.elements.namedItem("kind");
    if (!kind) return;
    const show = () => { for (const part of form.querySelectorAll("[data-kind]")) part.hidden = part.dataset.kind !== kind.value; };
    kind.addEventListener("change", show);
    show();
  }

  function showPicture(form) {
    const field = form.elements.namedItem("picture");
    if (!field?.files) return () => null;
    let shown = null;
    field.addEventListener("change", () => {
      if (shown) URL.revokeObjectURL(shown);
      const isTooLarge = field.files.length && field.files[0].size > Number(field.dataset.most);
      field.setCustomValidity(isTooLarge ? field.dataset.tooLarge : "");
      shown = field.files.length ? URL.createObjectURL(field.files[0]) : null;
      let thumb = form.querySelector("[data-thumb]");
      if (!thumb && shown) {
        thumb = Object.assign(document.createElement("img"), { alt: "", className: "thumb" });
        thumb.dataset.thumb = "";
        field.closest(".field").before(thumb);
      }
      if (thumb && shown) thumb.src = shown;
    });
    return () => shown;
  }

  function showPage(form, picture) {
    const pane = document.querySelector("[data-pane]");
    const frame = pane?.querySelector("iframe");
    if (!frame || !form.dataset.preview) return;
    let timer = 0;
    let asked = 0;

    // The page without its scripts, which are not to run here, and with the picture that is not sent yet.
    function prepared(html) {
      const page = new DOMParser().parseFromString(html, "text/html");
      for (const each of page.querySelectorAll("script")) each.remove();
      // A frame that may open nothing: what is clicked in it leads nowhere.
      for (const each of page.links) each.target = "_blank";
      const image = page.querySelector(".picture img");
      if (image && picture()) image.src = picture();
      return page;
    }

    function put(page) {
      const inside = frame.contentDocument;
      if (inside?.querySelector("main")) {
        inside.documentElement.lang = page.documentElement.lang;
        inside.body.replaceChildren(...page.body.childNodes);
      } else {
        frame.srcdoc = `<!doctype html>${page.documentElement.outerHTML}`;
      }
    }

    async function ask() {
      const number = ++asked;
      const data = new FormData(form);
      data.delete("picture");
      try {
        const answer = await fetch(form.dataset.preview, { method: "POST", body: data, credentials: "same-origin" });
        if (answer.ok && number === asked) put(prepared(await answer.text()));
      } catch {
        // Without the server the last preview stays; what is typed does, too.
      }
    }

    function soon() {
      clearTimeout(timer);
      timer = setTimeout(ask, PAUSE);
    }

    const isWide = matchMedia("(min-width: 84rem)");
    function settle() {
      pane.hidden = !isWide.matches;
      if (!pane.hidden) ask();
    }
    isWide.addEventListener("change", settle);
    settle();
    for (const kind of ["input", "change"]) form.addEventListener(kind, () => { if (!pane.hidden) soon(); });
  }

  // A time of day means the writer's own; the server is told how far that is from UTC.
  function tellZone(form) {
    const when = form.querySelector("[data-when]");
    if (!when) return;
    const offset = form.elements.namedItem("offset");
    const named = form.querySelector("[data-zone]");
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (named && zone) named.textContent = zone;
    const shift = (text, minutes) => new Date(Date.parse(`${text}Z`) + minutes * 60000).toISOString().slice(0, 16);
    if (when.value && offset.value === "0") when.value = shift(when.value, -new Date(`${when.value}Z`).getTimezoneOffset());
    const tell = () => { if (when.value) offset.value = String(-new Date(when.value).getTimezoneOffset()); };
    tell();
    when.addEventListener("input", tell);
  }

  // Something was saved: what is kept of it is only old.
  if (new URLSearchParams(location.search).has("done")) {
    for (const key of Object.keys(sessionStorage)) if (key.startsWith("editor:")) sessionStorage.removeItem(key);
  }
  for (const form of document.querySelectorAll("[data-editor]")) {
    proposeAddress(form);
    showKind(form);
    const picture = showPicture(form);
    showPage(form, picture);
    keepWork(form);
    keepDraft(form);
  }
  for (const form of document.querySelectorAll("[data-schedule]")) tellZone(form);
}
