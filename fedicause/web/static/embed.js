// Puts a campaign where a link to it stands: <a class="fedicause" href="https://…/campaigns/…">. Nothing is stored.
"use strict";

(() => {
  const home = new URL(document.currentScript.src).origin;
  const KEPT = ["lang", "theme", "picture"];

  function framed(link) {
    let address;
    try {
      address = new URL(link.href);
    } catch {
      return;
    }
    const found = /^\/campaigns\/([^/]+)\/?$/.exec(address.pathname);
    if (address.origin !== home || !found) return;
    const source = new URL(`/embed/${found[1]}`, home);
    for (const name of KEPT) {
      const value = link.dataset[name] ?? address.searchParams.get(name);
      if (value) source.searchParams.set(name, value);
    }
    const frame = document.createElement("iframe");
    frame.title = link.textContent.trim();
    frame.loading = "lazy";
    frame.referrerPolicy = "no-referrer";
    // On our own pages there is nothing to keep apart, and browsers say that it would not be.
    if (home !== location.origin) frame.sandbox = "allow-scripts allow-same-origin allow-popups allow-popups-to-escape-sandbox";
    frame.className = link.className;
    frame.dataset.fedicause = "";
    Object.assign(frame.style, { display: "block", width: "100%", maxWidth: "40rem", height: "360px", border: "0", borderRadius: "14px", colorScheme: "normal" });
    frame.src = source.href;
    link.replaceWith(frame);
  }

  function start() {
    document.querySelectorAll("a.fedicause[href]").forEach(framed);
  }

  // A frame says how high it wants to be; only ours are heard, and only about themselves.
  addEventListener("message", (said) => {
    const height = said.origin === home && said.data ? Number(said.data.fedicauseHeight) : 0;
    if (!(height > 0)) return;
    for (const frame of document.querySelectorAll("iframe[data-fedicause]")) {
      if (frame.contentWindow === said.source) frame.style.height = `${Math.min(Math.ceil(height), 900)}px`;
    }
  });

  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start, { once: true });
  else start();
})();
