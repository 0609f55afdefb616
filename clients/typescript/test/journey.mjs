// From a text to a published post, with the built package, against a running instance.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { PostMantis, PostMantisError, verifyWebhook } from "../dist/index.js";

const { POSTMANTIS_ADDRESS: address, POSTMANTIS_KEY: key, PAGE: page, DOT: dot } = process.env;
const client = new PostMantis({ key, address });
assert.equal((await client.getKey()).permission, "publish");
assert.ok((await client.listProfiles({ provider: ["sandbox"] })).data.some(profile => profile.id === page));
assert.equal((await client.getLimits(page)).text.max, 500);

const body = { post: { body: "From TypeScript", metadata: { by: "typescript" } }, profiles: [page] };
assert.equal((await client.validatePost(body)).valid, true);
const { data: accepted } = await client.createPost(body, { idempotencyKey: "ts-1" });
assert.equal((await client.createPost(body, { idempotencyKey: "ts-1" })).data.id, accepted.id);
await assert.rejects(client.createPost(body), error =>
  error instanceof PostMantisError && error.status === 409 && error.problem.existingPostId === accepted.id);
let last;
for await (const post of client.watch(accepted.id)) last = post;
assert.deepEqual([last.status, last.outcome], ["completed", "published"]);
assert.equal((await client.listPosts({ metadata: { by: "typescript" }, status: ["completed"] })).data[0].id, accepted.id);
for await (const event of client.follow(0, ["delivery.published"])) if (event.data.post.id === accepted.id) break;

const { data: draft } = await client.createPost({ post: { body: "Later", draft: true, externalId: "x" }, profiles: [page] });
const edited = await client.updatePost(draft.id, { post: { externalId: null } }, { ifRevision: draft.revision });
assert.deepEqual([edited.externalId, edited.body, edited.revision], [null, "Later", 2]);
await assert.rejects(client.updatePost(draft.id, {}, { ifRevision: 1 }), { status: 412 });
await client.deletePost(draft.id);
assert.equal((await client.upload("dot.png", "image/png", new Uint8Array(Buffer.from(dot, "base64")))).status, "verified");

// Waits as long as it is told, and repeats by one key.
const keys = [];
const server = createServer((request, response) => {
  keys.push(request.headers["idempotency-key"]);
  response.writeHead([503, 429, 409][keys.length - 1] ?? 200, { "Retry-After": "0", "Content-Type": "application/json" });
  response.end('{"data": {}, "warnings": []}');
}).listen(0, "127.0.0.1");
await new Promise(resolve => server.once("listening", resolve));
await new PostMantis({ key, address: `http://127.0.0.1:${server.address().port}` }).cancelPost(accepted.id);
server.close();
assert.equal(keys.length, 4);
assert.equal(new Set(keys).size, 1);

// Webhooks.
const secret = Buffer.alloc(32, 7);
const at = Math.floor(Date.now() / 1000);
const sign = (text, time, by = secret) => `v1,${createHmac("sha256", by).update(`msg_1.${time}.${text}`).digest("base64")}`;
const verify = (text, signature, time = at) => verifyWebhook(text,
  { "webhook-id": "msg_1", "webhook-timestamp": `${time}`, "webhook-signature": signature }, `whsec_${secret.toString("base64")}`);
assert.equal(await verify("{}", sign("{}", at)), true);
assert.equal(await verify("{}", `${sign("{}", at, Buffer.alloc(32))} ${sign("{}", at)}`), true);
assert.equal(await verify("{1}", sign("{}", at)), false);
assert.equal(await verify("{}", sign("{}", at - 400), at - 400), false);
assert.equal(await verify("{}", "v1,nonsense"), false);
console.log("arrived");
