// What signing is like with a script: no second page, the right country, a hint at a slip of the finger.
"use strict";

{
  const PAUSE = 15 * 60 * 1000;
  const AT_ONCE = 4;
  const MOST = 1e6;
  const DOMAINS = ["gmail.com", "googlemail.com", "gmx.de", "gmx.net", "web.de", "t-online.de", "outlook.com", "hotmail.com", "icloud.com", "yahoo.com", "proton.me", "posteo.de", "mailbox.org", "libero.it", "virgilio.it", "orange.fr", "free.fr", "laposte.net", "wanadoo.fr", "bluewin.ch"];

  const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

  // altcha's protocol, version 2: the first counter whose key begins as it should.
  async function solve(challenge) {
    const { nonce, salt, cost, keyLength, keyPrefix } = challenge.parameters;
    const start = bytes(nonce);
    const password = new Uint8Array(start.length + 4);
    let found = null;
    async function search(first) {
      const own = password.slice();
      own.set(start);
      for (let counter = first; found === null && counter < MOST; counter += AT_ONCE) {
        new DataView(own.buffer).setUint32(start.length, counter);
        const key = await crypto.subtle.importKey("raw", own, "PBKDF2", false, ["deriveBits"]);
        const how = { name: "PBKDF2", hash: "SHA-256", salt: bytes(salt), iterations: cost };
        const derived = hex(await crypto.subtle.deriveBits(how, key, keyLength * 8));
        if (derived.startsWith(keyPrefix)) found ??= { counter, derivedKey: derived };
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, (_, first) => search(first)));
    return btoa(JSON.stringify({ challenge, solution: found }));
  }

  function proveWork(form) {
    const field = form.elements.namedItem("altcha");
    const button = form.querySelector("button[type=submit]");
    const label = button.textContent;
    let work = null;
    let since = 0;
    let isReady = false;

    async function prove() {
      try {
        const answer = await fetch(form.dataset.challenge, { cache: "no-store", credentials: "omit" });
        if (answer.ok) field.value = await solve(await answer.json());
      } catch {
        // Without a proof the next page asks once more.
        field.value = "";
      }
    }

    function begin() {
      if (work !== null && performance.now() - since < PAUSE) return;
      since = performance.now();
      work = prove();
    }

    function rest() {
      isReady = false;
      button.textContent = label;
      button.removeAttribute("aria-busy");
    }

    form.addEventListener("focusin", begin, { once: true });
    form.addEventListener("submit", async (event) => {
      if (isReady) return;
      event.preventDefault();
      if (button.getAttribute("aria-busy") === "true") return;
      button.setAttribute("aria-busy", "true");
      button.textContent = button.dataset.busy;
      begin();
      await work;
      isReady = true;
      // Not before this event is over: within it a form is not sent once more.
      setTimeout(() => form.requestSubmit());
    });
    // Somebody comes back to a page whose proof was used.
    addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      field.value = "";
      work = null;
      rest();
    });
  }

  // Where the browser's language has a region, that is the better guess.
  function guessCountry(select) {
    for (const wanted of navigator.languages ?? []) {
      let region;
      try {
        region = new Intl.Locale(wanted).region;
      } catch {
        continue;
      }
      // Browsers say en-US wherever they are.
      if (!region || wanted === "en-US" || ![...select.options].some((option) => option.value === region)) continue;
      select.value = region;
      return;
    }
  }

  // How many letters must change, at most two, for one word to be the other.
  function distance(one, other) {
    if (Math.abs(one.length - other.length) > 2) return 3;
    let before = Array.from({ length: other.length + 1 }, (_, place) => place);
    for (let row = 1; row <= one.length; row += 1) {
      const line = [row];
      for (let column = 1; column <= other.length; column += 1) {
        const change = before[column - 1] + (one[row - 1] === other[column - 1] ? 0 : 1);
        line.push(Math.min(change, before[column] + 1, line[column - 1] + 1));
      }
      before = line;
    }
    return before[other.length];
  }

  function suggestAddress(field) {
    let offer = null;
    field.addEventListener("change", () => {
      offer?.remove();
      const at = field.value.lastIndexOf("@");
      const domain = field.value.slice(at + 1).trim().toLowerCase();
      if (at < 1 || DOMAINS.includes(domain)) return;
      const near = DOMAINS.find((known) => distance(domain, known) <= (known.length > 7 ? 2 : 1));
      if (!near) return;
      const better = `${field.value.slice(0, at)}@${near}`;
      offer = document.createElement("button");
      offer.type = "button";
      offer.className = "suggestion";
      offer.textContent = `${near}?`;
      offer.setAttribute("aria-label", field.dataset.suggest.replace("{mail}", better));
      offer.addEventListener("click", () => {
        field.value = better;
        offer.remove();
        field.focus();
      });
      // Beside the label: nothing may move under a finger that is on its way to the button.
      field.after(offer);
    });
  }

  function shareNatively(button) {
    const shared = { title: button.dataset.title, url: button.dataset.native };
    if (!navigator.canShare?.(shared)) return;
    button.hidden = false;
    button.addEventListener("click", () => navigator.share(shared).catch(() => {}));
  }

  function openTarget() {
    const target = location.hash.length > 1 ? document.getElementById(location.hash.slice(1)) : null;
    const details = target?.closest("details");
    if (!details || details.open) return;
    details.open = true;
    target.scrollIntoView();
  }

  for (const form of document.querySelectorAll("form[data-sign]")) if (globalThis.crypto?.subtle) proveWork(form);
  for (const select of document.querySelectorAll("select[data-guess]")) guessCountry(select);
  for (const field of document.querySelectorAll("[data-suggest]")) suggestAddress(field);
  for (const button of document.querySelectorAll("[data-native]")) shareNatively(button);
  addEventListener("hashchange", openTarget);
  openTarget();
}
