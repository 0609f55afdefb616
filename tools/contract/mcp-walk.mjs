// Walks every tool of /mcp with the official client, which holds each answer against the tool's own output schema, and
// compares it with what the API says to the same question. The given keys and ids come as JSON in WORLD.
import assert from "node:assert/strict";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const world = JSON.parse(process.env.WORLD);
const names = ["get_key", "list_profiles", "get_limits", "list_posts", "get_post", "validate_post", "list_events",
  "create_post", "update_post", "publish_post", "cancel_post", "delete_draft", "create_upload", "complete_upload",
  "retry_delivery"].map(name => `postmantis_${name}`);

const connect = async key => {
  const client = new Client({ name: "walk", version: "1" });
  await client.connect(new StreamableHTTPClientTransport(new URL(`${world.address}/mcp`),
    { requestInit: { headers: { Authorization: `Bearer ${key}` } } }));
  await client.listTools();
  return async (name, args = {}) => {
    const result = await client.callTool({ name: `postmantis_${name}`, arguments: args });
    return { ...result, client };
  };
};
const get = async path => (await fetch(`${world.address}/api/v1${path}`,
  { headers: { Authorization: `Bearer ${world.keys.publish}` } })).json();
const later = days => new Date(Date.parse(world.now) + days * 86400000).toISOString();
const done = result => { assert.ok(!result.isError, JSON.stringify(result.content)); return result.structuredContent; };
const refused = (result, code) => {
  assert.ok(result.isError, `expected ${code}`);
  assert.equal(JSON.parse(result.content[1].text).code, code, result.content[0].text);
  assert.match(result.content[0].text, /Next: ./);
};

const call = await connect(world.keys.publish);
const { client } = await call("get_key");

// What is offered.
const { tools } = await client.listTools();
assert.deepEqual(tools.map(tool => tool.name), names);
for (const tool of tools) {
  assert.match(tool.name, /^[a-z_]{1,64}$/);
  assert.ok(tool.description.length > 60 && tool.title, tool.name);
  assert.equal(tool.inputSchema.additionalProperties, false);
  assert.deepEqual(Object.keys(tool.annotations).sort(),
    ["destructiveHint", "idempotentHint", "openWorldHint", "readOnlyHint", "title"]);
  assert.ok(tool.outputSchema || tool.name === "postmantis_delete_draft", tool.name);
}
const reading = tools.filter(tool => tool.annotations.readOnlyHint).map(tool => tool.name);
assert.deepEqual(reading, names.slice(0, 7));
assert.deepEqual(tools.filter(tool => tool.annotations.openWorldHint).map(tool => tool.name),
  ["create_post", "publish_post", "retry_delivery"].map(name => `postmantis_${name}`));

// Reads say what the API says.
assert.deepEqual(done(await call("get_key")), await get("/key"));
assert.deepEqual(done(await call("list_profiles", { limit: 2 })), await get("/profiles?limit=2"));
assert.equal(done(await call("get_limits", { profileId: world.profile })).data.text.max, 500);
assert.deepEqual(done(await call("list_posts", { status: ["completed"], sort: "createdAt", view: "summary", limit: 3 })),
  await get("/posts?status=completed&sort=createdAt&view=summary&limit=3"));
assert.deepEqual(done(await call("get_post", { postId: world.published })), await get(`/posts/${world.published}`));
assert.deepEqual(done(await call("list_events", { afterSequence: 0, types: ["delivery.published"], limit: 5 })),
  await get("/events?afterSequence=0&types=delivery.published&limit=5"));

// From an idea to a scheduled post and back.
const text = { post: { body: "From an agent", metadata: { by: "walk" } }, profiles: [world.profile] };
assert.equal(done(await call("validate_post", text)).data.valid, true);
const once = { ...text, idempotencyKey: "walk-1" };
const draft = done(await call("create_post", once)).data;
assert.equal(draft.status, "draft");
assert.equal(done(await call("create_post", once)).data.id, draft.id, "the same key makes one post");
refused(await call("create_post", { ...once, post: { body: "Another" } }), "idempotencyMismatch");
assert.equal(done(await call("list_posts", { metadata: { by: "walk" } })).data.length, 1);
refused(await call("update_post", { postId: draft.id, ifRevision: 7, post: { body: "Lost" } }), "preconditionFailed");
const edited = done(await call("update_post", { postId: draft.id, ifRevision: 1, post: { body: "Edited" } })).data;
assert.deepEqual([edited.revision, edited.body], [2, "Edited"]);
const scheduled = done(await call("publish_post", { postId: draft.id, scheduledAt: later(3), ifRevision: 2 })).data;
assert.equal(scheduled.status, "scheduled");
assert.equal(done(await call("cancel_post", { postId: draft.id })).data.status, "canceled");
refused(await call("cancel_post", { postId: draft.id }), "conflict");
const now = done(await call("create_post", { ...text, post: { body: "At once" }, when: "now", idempotencyKey: "walk-2" }));
assert.deepEqual([now.data.status, now.warnings], ["scheduled", []]);
refused(await call("create_post", { ...text, post: { body: "At once" }, when: "now", idempotencyKey: "walk-3" }), "duplicatePost");
const at = done(await call("create_post",
  { ...text, post: { body: "Later" }, when: "at", scheduledAt: later(5), idempotencyKey: "walk-4" })).data;
assert.equal(at.scheduledAt, later(5));
refused(await call("create_post", { ...text, when: "at", idempotencyKey: "walk-5" }), "invalidRequest");
refused(await call("create_post", text), "invalidRequest");
const gone = done(await call("create_post", { ...text, idempotencyKey: "walk-6" })).data;
assert.equal((await call("delete_draft", { postId: gone.id })).content[0].text, "Done.");
refused(await call("get_post", { postId: gone.id }), "notFound");
assert.equal(done(await call("retry_delivery", { postId: world.failed.post, deliveryId: world.failed.delivery })).data.status, "publishing");

// A picture.
const dot = Buffer.from(world.dot, "base64");
const ticket = done(await call("create_upload", { fileName: "dot.png", mimeType: "image/png", fileSize: dot.length })).data;
const put = await fetch(ticket.uploadUrl, { method: ticket.uploadMethod, headers: ticket.requiredHeaders, body: dot });
assert.ok(put.ok, `${put.status}`);
assert.equal(done(await call("complete_upload", { artifactId: ticket.artifactId })).data.status, "verified");

// What each key may.
const writes = [
  ["create_post", () => ({ ...text, idempotencyKey: crypto.randomUUID() }), "draft"],
  ["create_post", () => ({ ...text, post: { body: crypto.randomUUID() }, when: "now", idempotencyKey: crypto.randomUUID() }), "publish"],
  ["update_post", () => ({ postId: world.draft, post: { externalId: "seen" } }), "draft"],
  ["publish_post", () => ({ postId: world.draft, scheduledAt: later(9) }), "publish"],
  ["cancel_post", () => ({ postId: world.draft }), "publish"],
  ["create_upload", () => ({ fileName: "dot.png", mimeType: "image/png", fileSize: dot.length }), "draft"],
  ["complete_upload", () => ({ artifactId: ticket.artifactId }), "draft"],
  ["retry_delivery", () => ({ postId: world.failed.post, deliveryId: world.failed.delivery }), "publish"],
  ["delete_draft", () => ({ postId: world.published }), "draft"],
];
for (const rung of ["read", "draft"]) {
  const as = await connect(world.keys[rung]);
  for (const [tool, args, needed] of writes) {
    const result = await as(tool, args());
    if (rung === "read" || needed === "publish") refused(result, "insufficientPermission");
    else if (tool === "delete_draft") refused(result, "conflict");
    else done(result);
  }
  for (const [tool, args] of [["get_key", {}], ["list_profiles", {}], ["get_limits", { profileId: world.profile }],
    ["list_posts", {}], ["get_post", { postId: world.published }], ["validate_post", text], ["list_events", {}]])
    done(await as(tool, args));
}
for (const other of ["narrow", "stranger"]) {
  const as = await connect(world.keys[other]);
  assert.equal(done(await as("list_posts")).data.length, 0);
  for (const [tool, args] of [["get_limits", { profileId: world.profile }], ["get_post", { postId: world.published }],
    ["update_post", { postId: world.draft, post: { body: "Mine" } }], ["publish_post", { postId: world.draft }],
    ["cancel_post", { postId: world.draft }], ["delete_draft", { postId: world.draft }],
    ["retry_delivery", { postId: world.failed.post, deliveryId: world.failed.delivery }]])
    refused(await as(tool, args), "notFound");
  refused(await as("create_post", { ...text, when: "now", idempotencyKey: "x" }), "invalidRequest");
}

// Documents, rules, and the prompt.
const { resources } = await client.listResources();
assert.ok(resources.some(resource => resource.uri === "postmantis://docs/api.md"));
assert.match((await client.readResource({ uri: "postmantis://docs/api.md" })).contents[0].text, /^# The API/);
const rules = JSON.parse((await client.readResource({ uri: "postmantis://providers/sandbox" })).contents[0].text);
assert.deepEqual(rules, (await get("/providers/sandbox")).data);
assert.equal((await client.listResourceTemplates()).resourceTemplates[0].uriTemplate, "postmantis://providers/{provider}");
await assert.rejects(client.readResource({ uri: "file:///etc/passwd" }));
assert.equal((await client.listPrompts()).prompts[0].name, "publish_with_care");
const { messages } = await client.getPrompt({ name: "publish_with_care", arguments: { about: "the launch" } });
assert.match(messages[0].content.text, /the launch[^]*postmantis_validate_post[^]*postmantis_publish_post/);
await assert.rejects(client.callTool({ name: "postmantis_disconnect_profile", arguments: {} }), /no tool/);
console.log("walked");
