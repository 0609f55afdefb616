/**
 * The PostMantis API with a key: every operation as a method, repeated safely, and what takes several calls.
 * The shapes in `schema.ts` are made from the instance's OpenAPI document.
 */
import type { components, operations } from "./schema.js";

export type Schemas = components["schemas"];
export type Post = Schemas["Post"];
export type Delivery = Schemas["Delivery"];
export type Profile = Schemas["Profile"];
export type Artifact = Schemas["Artifact"];
export type Event = Schemas["Event"];
export type Issue = Schemas["Issue"];
export type Problem = Schemas["Problem"];
export type CreatePost = Schemas["CreatePost"];
export { verifyWebhook } from "./webhooks.js";

type Query<Name extends keyof operations> = NonNullable<operations[Name]["parameters"]["query"]>;

export interface Options {
  /** `pm_live_…` or `pm_test_…`, made in the dashboard. */
  key: string;
  /** Of the instance, such as `https://postmantis.example`. */
  address: string;
  /** How often a call is made at most, the first one included; 5. */
  mostTries?: number;
  /** The longest time in ms a server may ask to wait; beyond it the refusal is told at once; 2 minutes. */
  longestWait?: number;
  /** The first wait in ms where the server names none; each further one is twice as long; 500. */
  firstWait?: number;
  fetch?: typeof fetch;
}

/** A write may be held to the revision that was seen, and to a key under which it is done once. */
export interface Write {
  idempotencyKey?: string;
  ifRevision?: number;
  signal?: AbortSignal;
}

/** What the API refused, with its problem: `problem.errors` names each field, with a fix. */
export class PostMantisError extends Error {
  constructor(readonly status: number, readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
    this.name = "PostMantisError";
  }
}

const pause = (ms: number, signal?: AbortSignal) => new Promise<void>((resolve, reject) => {
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
});

export class PostMantis {
  readonly #options: Required<Options>;

  constructor(options: Options) {
    this.#options = { mostTries: 5, longestWait: 120_000, firstWait: 500, fetch: globalThis.fetch, ...options,
      address: options.address.replace(/\/+$/, "") };
  }

  getKey = async () => this.#data<Schemas["Key"]>("GET", "/key");
  listProviders = async () => this.#call<Schemas["ProviderList"]>("GET", "/providers");
  getProvider = async (provider: string) => this.#data<Schemas["Provider"]>("GET", `/providers/${encodeURIComponent(provider)}`);
  listProfiles = async (query: Query<"ListProfiles"> = {}) => this.#call<Schemas["ProfileList"]>("GET", "/profiles", { query });
  getProfile = async (id: string) => this.#data<Profile>("GET", `/profiles/${id}`);
  getLimits = async (id: string) => this.#data<Schemas["ProfileLimits"]>("GET", `/profiles/${id}/limits`);
  disconnectProfile = async (id: string, write: Write = {}) => this.#call<void>("POST", `/profiles/${id}/disconnect`, { write });

  validatePost = async (body: Schemas["ValidatePost"]) => this.#data<Schemas["PostCheck"]>("POST", "/posts/validate", { body });
  /** Stores a draft or accepts a post. Taken means stored, not sent: follow it with `watch`. */
  createPost = async (body: CreatePost, write: Write = {}) => this.#call<Schemas["AcceptedPost"]>("POST", "/posts", { body, write });
  listPosts = async (query: Query<"ListPosts"> = {}) => this.#call<Schemas["PostList"]>("GET", "/posts", { query });
  getPost = async (id: string) => this.#data<Post>("GET", `/posts/${id}`);
  /** A JSON Merge Patch: `null` removes, arrays are replaced whole. */
  updatePost = async (id: string, body: CreatePost, write: Write = {}) => this.#data<Post>("PATCH", `/posts/${id}`, { body, write });
  deletePost = async (id: string, write: Write = {}) => this.#call<void>("DELETE", `/posts/${id}`, { write });
  publishPost = async (id: string, body: Schemas["PublishPost"] = {}, write: Write = {}) =>
    this.#call<Schemas["AcceptedPost"]>("POST", `/posts/${id}/publish`, { body, write });
  cancelPost = async (id: string, write: Write = {}) => this.#call<Schemas["AcceptedPost"]>("POST", `/posts/${id}/cancel`, { write });
  listAttempts = async (postId: string, deliveryId: string) =>
    this.#call<Schemas["AttemptList"]>("GET", `/posts/${postId}/deliveries/${deliveryId}/attempts`);
  cancelDelivery = async (postId: string, deliveryId: string, write: Write = {}) =>
    this.#call<Schemas["AcceptedPost"]>("POST", `/posts/${postId}/deliveries/${deliveryId}/cancel`, { write });
  retryDelivery = async (postId: string, deliveryId: string, body: Schemas["RetryDelivery"] = {}, write: Write = {}) =>
    this.#call<Schemas["AcceptedPost"]>("POST", `/posts/${postId}/deliveries/${deliveryId}/retry`, { body, write });
  resolveDelivery = async (postId: string, deliveryId: string, body: Schemas["ResolveDelivery"], write: Write = {}) =>
    this.#call<Schemas["AcceptedPost"]>("POST", `/posts/${postId}/deliveries/${deliveryId}/resolve`, { body, write });

  createUpload = async (body: Schemas["CreateUpload"], write: Write = {}) =>
    this.#data<Schemas["UploadTicket"] | Artifact>("POST", "/uploads", { body, write });
  completeUpload = async (artifactId: string, write: Write = {}) =>
    this.#data<Artifact>("POST", "/uploads/complete", { body: { artifactId }, write });
  getUpload = async (id: string) => this.#data<Artifact>("GET", `/uploads/${id}`);

  listEvents = async (query: Query<"ListEvents"> = {}) => this.#call<Schemas["EventList"]>("GET", "/events", { query });
  listPublishLogs = async (query: Query<"ListPublishLogs"> = {}) => this.#call<Schemas["EventList"]>("GET", "/publish/logs", { query });

  /** Sends a media file and says what it is: verified, or failed with the reason. */
  async upload(fileName: string, mimeType: string, bytes: Uint8Array<ArrayBuffer>): Promise<Artifact> {
    const ticket = await this.createUpload({ fileName, mimeType, fileSize: bytes.byteLength }) as Schemas["UploadTicket"];
    const answer = await this.#options.fetch(ticket.uploadUrl,
      { method: ticket.uploadMethod, headers: ticket.requiredHeaders, body: bytes });
    if (!answer.ok) throw new Error(`The upload answered ${answer.status}.`);
    return this.completeUpload(ticket.artifactId);
  }

  /** The post now and after each change, until nothing changes by itself. */
  async *watch(postId: string, signal?: AbortSignal): AsyncGenerator<Post> {
    for (let seen = 0; ;) {
      const post = await this.getPost(postId);
      if (post.revision !== seen) yield post;
      seen = post.revision;
      if (post.nextCheckAt === null) return;
      await pause(Math.min(Math.max(Date.parse(post.nextCheckAt) - Date.now(), 0), 30_000), signal);
    }
  }

  /** Every event after a number, oldest first, and then each new one. */
  async *follow(afterSequence?: number, types?: Query<"ListEvents">["types"], signal?: AbortSignal): AsyncGenerator<Event> {
    for (let after = afterSequence; ;) {
      const page: Schemas["EventList"] = await this.listEvents({
        limit: 100, ...(after === undefined ? {} : { afterSequence: after }), ...(types === undefined ? {} : { types }) });
      for (const event of page.data) {
        yield event;
        after = event.sequence;
      }
      // A page may be short, even empty, and still lead on.
      if (page.pagination.hasMore) after = Number(page.pagination.nextCursor);
      else await pause(2000, signal);
    }
  }

  async #data<T>(method: string, path: string, rest: Rest = {}): Promise<T> {
    return (await this.#call<{ data: T }>(method, path, rest)).data;
  }

  async #call<T>(method: string, path: string, { query, body, write = {} }: Rest = {}): Promise<T> {
    const headers: Record<string, string> = { Authorization: `Bearer ${this.#options.key}`, "User-Agent": "postmantis-js/1.0" };
    if (body !== undefined)
      headers["Content-Type"] = method === "PATCH" ? "application/merge-patch+json" : "application/json";
    if (method === "POST") headers["Idempotency-Key"] = write.idempotencyKey ?? crypto.randomUUID();
    if (write.ifRevision !== undefined) headers["If-Match"] = `"${write.ifRevision}"`;
    const url = `${this.#options.address}/api/v1${path}${queryOf(query)}`;
    const init: RequestInit = { method, headers, redirect: "manual", ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(write.signal === undefined ? {} : { signal: write.signal }) };
    for (let attempt = 1; ; attempt++) {
      const last = attempt >= this.#options.mostTries;
      let answer: Response;
      try {
        answer = await this.#options.fetch(url, init);
      } catch (error) {
        // Every POST has its key, so that doing it again does it once.
        if (last || write.signal?.aborted) throw error;
        await pause(this.#options.firstWait * 2 ** (attempt - 1), write.signal);
        continue;
      }
      if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
      const asked = answer.headers.get("Retry-After");
      const passing = answer.status === 429 || answer.status === 503 || (answer.status === 409 && asked !== null);
      const wait = asked === null ? this.#options.firstWait * 2 ** (attempt - 1) : Number(asked) * 1000;
      if (!passing || last || !(wait <= this.#options.longestWait))
        throw new PostMantisError(answer.status, await answer.json() as Problem);
      await answer.body?.cancel();
      await pause(wait, write.signal);
    }
  }
}

interface Rest {
  query?: object;
  body?: object;
  write?: Write;
}

function queryOf(query: object = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null) continue;
    if (Array.isArray(value)) for (const one of value) search.append(name, String(one));
    else if (typeof value === "object") for (const [key, one] of Object.entries(value)) search.append(`${name}[${key}]`, String(one));
    else search.append(name, String(value));
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}
