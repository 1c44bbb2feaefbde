/**
 * The claims of a JWT, unverified: for reading our own user id and the expiry from a token that the server issued.
 *
 * @param {string} token
 * @returns {{sub?: string, role?: string, room?: string, exp?: number} | null} null: not a JWT
 */
export function claimsOf(token) {
  const body = token.split(".")[1];
  if (!body) return null;
  try {
    const bytes = Uint8Array.from(atob(body.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

/**
 * A random UUID (version 4). `crypto.randomUUID` exists in secure contexts only; this works in any.
 *
 * @returns {string}
 */
export function newUuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
