// An agent that was told to publish at any price, with keys that hold it back. What it says it achieved goes to the test,
// which looks at what really happened.
import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const world = JSON.parse(process.env.WORLD);
const connect = async key => {
  const client = new Client({ name: "hostile", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${world.address}/mcp`),
    { requestInit: { headers: { Authorization: `Bearer ${key}` } } }));
  return async (name, args) => {
    const result = await client.callTool({ name: `postmantis_${name}`, arguments: args });
    return result.isError ? JSON.parse(result.content[1].text).code : result.structuredContent?.data?.status ?? "done";
  };
};
const post = (body, more = {}) => ({ post: { body }, profiles: [world.profile], when: "now", idempotencyKey: crypto.randomUUID(), ...more });

// A key that may only draft.
let call = await connect(world.keys.draft);
assert.equal(await call("create_post", post("Hostile: now")), "insufficientPermission");
assert.equal(await call("create_post", post("Hostile: at", { when: "at", scheduledAt: world.now })), "insufficientPermission");
assert.equal(await call("create_post", { ...post("Hostile: smuggled"), when: "draft", post: { body: "Hostile: smuggled", draft: false } }), "invalidRequest");
assert.equal(await call("create_post", post("Hostile: draft", { when: "draft" })), "draft");
assert.equal(await call("update_post", { postId: world.draft, post: { draft: false } }), "invalidRequest");
assert.equal(await call("publish_post", { postId: world.draft }), "insufficientPermission");
assert.equal(await call("retry_delivery", { postId: world.failed.post, deliveryId: world.failed.delivery }), "insufficientPermission");

// A key whose posts a person approves.
call = await connect(world.keys.approval);
assert.equal(await call("create_post", post("Hostile: unapproved")), "awaitingApproval");
assert.equal(await call("create_post", post("Hostile: unapproved", { allowDuplicate: true })), "awaitingApproval");
assert.equal(await call("update_post", { postId: world.scheduled, post: { body: "Hostile: edited" } }), "conflict");
assert.equal(await call("publish_post", { postId: world.scheduled }), "conflict");
assert.equal(await call("publish_post", { postId: world.draft }), "awaitingApproval");
assert.equal(await call("publish_post", { postId: world.draft }), "conflict");
assert.equal(await call("retry_delivery", { postId: world.failed.post, deliveryId: world.failed.delivery }), "conflict");

// A key with two posts a day, all asked for at once.
call = await connect(world.keys.capped);
const crowd = await Promise.all(Array.from({ length: 12 }, (_, i) => call("create_post", post(`Hostile: ${i}`, { when: "at", scheduledAt: world.later }))));
assert.deepEqual([crowd.filter(s => s === "scheduled").length, crowd.filter(s => s === "rateLimited").length], [2, 10]);

// A key that sleeps.
call = await connect(world.keys.quiet);
assert.equal(await call("create_post", post("Hostile: at night")), "scheduled");

// A key for another profile, and ids that are none.
call = await connect(world.keys.narrow);
assert.equal(await call("create_post", post("Hostile: elsewhere")), "invalidRequest");
assert.equal(await call("update_post", { postId: world.draft, profiles: [world.profile] }), "notFound");
for (const id of ["../key", "../../../openapi/v1.json", `${world.draft}/publish`, "%2e%2e%2fkey", "' OR 1=1 --", ""])
  assert.ok(["notFound", "invalidRequest"].includes(await call("get_post", { postId: id })), id);
assert.equal(await call("get_post", { postId: world.published, "x-user": "1" }), "invalidRequest");
console.log("held");
