/** How far the timestamp may be from now, in seconds. */
const TOLERANCE = 300;

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), character => character.charCodeAt(0));

/**
 * Whether a webhook came from the instance and is fresh (Standard Webhooks).
 * @param body As it was received, byte for byte.
 * @param headers `webhook-id` (remember it to do nothing twice), `webhook-timestamp`, `webhook-signature`.
 * @param secret `whsec_…`, shown once when the endpoint was made.
 */
export async function verifyWebhook(
  body: string | Uint8Array, headers: Record<string, string | undefined>, secret: string, now = Date.now()): Promise<boolean> {
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures } = headers;
  if (!id || !signatures || !timestamp || !/^\d+$/.test(timestamp)) return false;
  if (Math.abs(now / 1000 - Number(timestamp)) > TOLERANCE) return false;
  const key = await crypto.subtle.importKey("raw", bytesOf(secret.replace(/^whsec_/, "")), { name: "HMAC", hash: "SHA-256" }, false,
    ["verify"]);
  const encoder = new TextEncoder();
  const head = encoder.encode(`${id}.${timestamp}.`);
  const content = typeof body === "string" ? encoder.encode(body) : body;
  const signed = new Uint8Array(head.length + content.length);
  signed.set(head);
  signed.set(content, head.length);
  let valid = false;
  for (const signature of signatures.split(" ")) {
    if (!/^v1,[A-Za-z0-9+/]+=*$/.test(signature)) continue;
    // Compares in constant time.
    if (await crypto.subtle.verify("HMAC", key, bytesOf(signature.slice(3)), signed)) valid = true;
  }
  return valid;
}
