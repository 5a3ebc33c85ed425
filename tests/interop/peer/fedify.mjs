// A small server on Fedify with one account, `cleo`. Commands come in as lines of JSON, answers go out likewise;
// whatever another server says to it is told as {"received": activity}.
//
//   node --import ./globals.mjs fedify.mjs draft-cavage-http-signatures-12|rfc9421

import { createServer } from "node:http";
import { createInterface } from "node:readline";

import { createFederation, generateCryptoKeyPair, MemoryKvStore } from "@fedify/fedify";
import * as vocab from "@fedify/vocab";
import { lookupWebFinger } from "@fedify/webfinger";

const { Accept, Announce, Create, Delete, EmojiReact, Endpoints, Follow, Like, Note, Person, Reject, Undo } = vocab;

const firstKnock = process.argv[2];
const federation = createFederation({ kv: new MemoryKvStore(), allowPrivateAddress: true, firstKnock });
const keys = [await generateCryptoKeyPair("RSASSA-PKCS1-v1_5"), await generateCryptoKeyPair("Ed25519")];
const notes = new Map();

federation
  .setActorDispatcher("/users/{identifier}", async (context, identifier) => {
    if (identifier !== "cleo") return null;
    const pairs = await context.getActorKeyPairs(identifier);
    return new Person({
      id: context.getActorUri(identifier),
      preferredUsername: identifier,
      name: "Cleo",
      inbox: context.getInboxUri(identifier),
      endpoints: new Endpoints({ sharedInbox: context.getInboxUri() }),
      publicKey: pairs[0].cryptographicKey,
      assertionMethods: pairs.map((pair) => pair.multikey),
    });
  })
  .setKeyPairsDispatcher(() => keys);
federation.setObjectDispatcher(Note, "/notes/{number}", (_, { number }) => notes.get(number) ?? null);
const inboxes = federation.setInboxListeners("/users/{identifier}/inbox", "/inbox");
for (const kind of [Accept, Reject, Create, Announce, Delete, vocab.Update]) {
  inboxes.on(kind, async (_, activity) => tell({ received: await activity.toJsonLd({ format: "compact" }) }));
}

const server = createServer(async (asked, answer) => {
  const parts = [];
  for await (const part of asked) parts.push(part);
  const hasBody = !["GET", "HEAD"].includes(asked.method);
  const request = new Request(`${base}${asked.url}`, {
    method: asked.method,
    headers: asked.headers,
    body: hasBody ? Buffer.concat(parts) : undefined,
  });
  const response = await federation.fetch(request, { contextData: undefined });
  answer.writeHead(response.status, Object.fromEntries(response.headers));
  answer.end(Buffer.from(await response.arrayBuffer()));
});
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const base = `http://127.0.0.1:${server.address().port}`;
const context = federation.createContext(new URL(base), undefined);
const me = context.getActorUri("cleo");
const loader = await context.getDocumentLoader({ identifier: "cleo" });
const reading = { documentLoader: loader, contextLoader: context.contextLoader, allowPrivateAddress: true };
let count = 0;

const id = (kind) => new URL(`${base}/act/${kind}-${++count}`);
const read = async (uri) => await context.lookupObject(new URL(uri), reading);

async function say(activity, to) {
  await context.sendActivity({ identifier: "cleo" }, to, activity);
  return { said: activity.id.href };
}

const commands = {
  // The actor behind an address: WebFinger first, then what its `self` link leads to.
  async find({ address }) {
    const found = await lookupWebFinger(new URL(address), { allowPrivateAddress: true });
    const self = found?.links?.find((link) => link.rel === "self");
    const actor = await read(self.href);
    return { subject: found.subject, actor: actor.id.href, kind: actor.constructor.name, name: `${actor.name}` };
  },
  async read({ uri }) {
    const object = await read(uri);
    return { kind: object?.constructor.name, id: object?.id?.href, content: object?.content?.toString() };
  },
  async pinned({ actor }) {
    const collection = await (await read(actor)).getFeatured(reading);
    const ids = [];
    for await (const item of collection.getItems(reading)) ids.push(item.id.href);
    return { ids };
  },
  async follow({ actor }) {
    const target = await read(actor);
    return await say(new Follow({ id: id("follow"), actor: me, object: target.id }), target);
  },
  async like({ note, emoji }) {
    const Kind = emoji ? EmojiReact : Like;
    const more = emoji ? { content: emoji } : {};
    return await say(new Kind({ id: id("like"), actor: me, object: new URL(note), ...more }), await author(note));
  },
  async unlike({ note, like }) {
    const object = new Like({ id: new URL(like), actor: me, object: new URL(note) });
    return await say(new Undo({ id: id("undo"), actor: me, object }), await author(note));
  },
  async announce({ note }) {
    const to = vocab.PUBLIC_COLLECTION;
    return await say(new Announce({ id: id("boost"), actor: me, object: new URL(note), to }), await author(note));
  },
  async reply({ note, content }) {
    const number = `${++count}`;
    const replyTarget = new URL(note);
    const to = vocab.PUBLIC_COLLECTION;
    const published = globalThis.Temporal?.Now?.instant?.();
    const said = new Note({ id: new URL(`${base}/notes/${number}`), attribution: me, content, replyTarget, to, published });
    notes.set(number, said);
    return await say(new Create({ id: id("create"), actor: me, object: said, to }), await author(note));
  },
};

async function author(note) {
  return await (await read(note)).getAttribution(reading);
}

function tell(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

tell({ base, actor: me.href });
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...parameters } = JSON.parse(line);
  try {
    tell({ done: command, ...(await commands[command](parameters)) });
  } catch (error) {
    tell({ failed: command, why: `${error?.stack ?? error}` });
  }
}
process.exit(0);
