// What the peers take for granted, for versions of Node.js that don't have it yet: crypto (before 19) and navigator
// (before 21). Loaded first, by `node --import`.

import { webcrypto } from "node:crypto";

const missing = {
  crypto: webcrypto,
  CryptoKey: webcrypto.CryptoKey,
  navigator: { userAgent: `Node.js/${process.versions.node}` },
};
for (const [name, value] of Object.entries(missing)) {
  if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value });
}
