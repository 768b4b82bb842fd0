/**
 * The digest of a journey's state, as the server makes it: SHA-256 of its JSON with sorted keys, as Python writes it.
 * Equal states have equal digests, so the page can prove that a moment is what the server recorded. Pure.
 */

/**
 * Write a value as Python's `json.dumps(value, sort_keys=True)` does: a space after `,` and `:`, and only ASCII.
 *
 * @param {unknown} value of objects, arrays, strings, integers, booleans and null
 * @returns {string}
 */
export function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(", ")}]`;
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).sort(([a], [b]) => byCodePoint(a, b));
    return `{${entries.map(([key, item]) => `${ascii(key)}: ${canonicalJson(item)}`).join(", ")}}`;
  }
  return typeof value === "string" ? ascii(value) : JSON.stringify(value);
}

/** @param {string} a @param {string} b */
function byCodePoint(a, b) {
  const left = Array.from(a), right = Array.from(b);
  const at = left.findIndex((point, place) => point !== right[place]);
  if (at < 0) return left.length - right.length;
  return at >= right.length ? 1 : (left[at].codePointAt(0) ?? 0) - (right[at].codePointAt(0) ?? 0);
}

/** @param {string} text */
function ascii(text) {
  const escaped = JSON.stringify(text).replace(
    /[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return escaped;
}

/**
 * @param {import("./fold.js").JourneyState} state
 * @param {(bytes: Uint8Array) => Uint8Array} sha256
 * @returns {string} the digest, in hex
 */
export function digestOf(state, sha256) {
  const bytes = sha256(new TextEncoder().encode(canonicalJson(state)));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
