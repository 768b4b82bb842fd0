/** The gateway's HTTP API. Every failure is a `Problem`, with a sentence for the reader and a next step. */

import { root } from "./shell.js";

/** A failed request: problem details (RFC 9457), or that the gateway could not be reached. */
export class Problem extends Error {
  /** @param {{code: string, detail: string, next_step?: string, status?: number, retryAfter?: number | null}} problem */
  constructor({ code, detail, next_step = "", status = 0, retryAfter = null }) {
    super(detail);
    this.code = code;
    this.detail = detail;
    this.nextStep = next_step;
    this.status = status;
    /** Seconds after which to try again, null where the server names none. */
    this.retryAfter = retryAfter;
  }

  /** Whether the request never reached a gateway that answers. */
  get isUnreachable() {
    return this.status === 0 || this.status === 502 || this.status === 504;
  }
}

export const API = `${root}/api/v1`;

/**
 * @param {string} path below the gateway's root
 * @param {{method?: string, body?: unknown, file?: File, signal?: AbortSignal, etag?: string | null}} [options]
 * @returns {Promise<{value: any, etag: string | null, status: number}>} `value` is null for 204 and 304
 * @throws {Problem}
 */
export async function request(path, { method = "GET", body, file, signal, etag = null } = {}) {
  const headers = /** @type {Record<string, string>} */ ({ accept: "application/json" });
  if (body !== undefined) headers["content-type"] = "application/json";
  if (file !== undefined) headers["content-type"] = "application/zip";
  if (etag) headers["if-none-match"] = etag;
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: file ?? (body === undefined ? undefined : JSON.stringify(body)) });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem({
      code: "unreachable", detail: "The book’s server does not answer.",
      next_step: "Nothing is lost. The page tries again by itself.",
    });
  }
  if (response.status === 304) return { value: null, etag, status: 304 };
  if (!response.ok) throw await problemOf(response);
  const value = response.status === 204 ? null : await response.json();
  return { value, etag: response.headers.get("etag"), status: response.status };
}

/** @param {Response} response */
async function problemOf(response) {
  const retryAfter = Number(response.headers.get("retry-after")) || null;
  try {
    const told = await response.json();
    return new Problem({
      code: String(told.code ?? response.status), detail: String(told.detail ?? response.statusText),
      next_step: told.next_step, status: response.status, retryAfter,
    });
  } catch {
    const detail = `The server answered ${response.status} ${response.statusText}.`;
    return new Problem({ code: String(response.status), detail, next_step: "Try again.", status: response.status, retryAfter });
  }
}

/** @param {string} path @param {AbortSignal} [signal] */
const get = async (path, signal) => (await request(`${API}${path}`, { signal })).value;
/** @param {string} path @param {unknown} body @param {string} [method] */
const send = async (path, body, method = "POST") => (await request(`${API}${path}`, { method, body })).value;
const segment = encodeURIComponent;

/** @param {Record<string, string | number | null | undefined>} values */
function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text && `?${text}`;
}

export const about = () => get("/about");
export const canon = () => get("/canon");
export const voices = () => get("/voices");
export const usualRuns = () => get("/pipeline/stats/runs");
/** @param {string | null} [sessionId] an id to renew */
export const beginSession = (sessionId = null) => send("/session", sessionId ? { session_id: sessionId } : {});

/** @param {string} id @param {string} sessionId @param {AbortSignal} [signal] */
export const page = (id, sessionId, signal) => get(`/page/${segment(id)}${query({ session_id: sessionId })}`, signal);
/** @param {string} id @param {string} sessionId */
export const receipt = (id, sessionId) => get(`/page/${segment(id)}/receipt${query({ session_id: sessionId })}`);
/** @param {string} id @param {string} sessionId */
export const revisions = (id, sessionId) => get(`/page/${segment(id)}/revisions${query({ session_id: sessionId })}`);

/** @param {string} sessionId @param {number} after */
export const tree = (sessionId, after) => get(`/journey/${segment(sessionId)}/tree${query({ after })}`);
/** @param {string} sessionId @param {{at?: number | null, after?: number, limit?: number}} options */
export const journey = (sessionId, options = {}) => get(`/journey/${segment(sessionId)}${query(options)}`);
/** @param {string} sessionId */
export const place = (sessionId) => get(`/journey/${segment(sessionId)}/place`);
/** @param {string} sessionId @param {string} pageId */
export const setPlace = (sessionId, pageId) => send(`/journey/${segment(sessionId)}/place`, { page_id: pageId });
/** @param {string} sessionId @param {string} pageId @param {AbortSignal} [signal] @param {number | null} [at] a moment */
export const preview = (sessionId, pageId, signal, at = null) =>
  get(`/journey/${segment(sessionId)}/preview/lean${query({ page_id: pageId, at })}`, signal);

/** @param {{session_id: string, symbol_code: number, page_id: string, user_intent?: string, client_request_id: string}} press */
export const press = (press) => send("/event/ui/symbol", press);
/** @param {{session_id: string, page_id: string, user_intent: string, client_request_id: string}} ask */
export const ask = (ask) => send("/event/ask", ask);
/** @param {string} sessionId @param {string} pressId */
export const stop = (sessionId, pressId) => send("/event/stop", { session_id: sessionId, event_id: pressId });

/** @param {string} sessionId @param {{at?: string | null, after?: string | null}} [options] */
export const vault = (sessionId, options = {}) => get(`/vault/${segment(sessionId)}${query(options)}`);
/** @param {string} sessionId @param {{page_id: string, label?: string, notes?: string}} change */
export const save = (sessionId, change) => send(`/vault/${segment(sessionId)}`, change);
/** @param {string} sessionId @param {string} pageId */
export const unsave = (sessionId, pageId) => send(`/vault/${segment(sessionId)}/${segment(pageId)}`, undefined, "DELETE");

/** @param {Record<string, string | number | null | undefined>} options @param {AbortSignal} [signal] */
export const search = (options, signal) => get(`/search${query(options)}`, signal);
/** @param {string} sessionId @param {string} format @returns {string} the address of a journey as a file */
export const exportUrl = (sessionId, format) => `${API}/export/${segment(sessionId)}${query({ format })}`;
/** @param {File} file an archive @param {string | null} sessionId of its journey, where the server signs them */
export const importJourney = async (file, sessionId) =>
  (await request(`${API}/import${query({ session_id: sessionId })}`, { method: "POST", file })).value;
