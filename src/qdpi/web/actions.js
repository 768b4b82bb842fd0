/** What a reader does: every button, key and command calls one of these. */

import * as api from "./api.js";
import { announce } from "./announce.js";
import { go, pageHref, route } from "./router.js";
import { withStatus } from "./state/runs.js";
import { writtenTitle } from "./state/tree.js";
import {
  bound, canon, chosen, draft, endWatching, notify, onOutcome, pageId, panel, past, report, runs, sessionId, shown, tree, vault, watchBound, watched, watchRun, watchSent,
} from "./store.js";
import { withChange } from "./state/vault.js";

/** @param {string} id */
export function openPage(id) {
  endWatching();
  go(pageHref(id));
}

/** Wait for a run, in place of the page that it was pressed on. @param {import("./state/runs.js").Run} run */
export function watch({ pressId, locus }) {
  if (locus !== null) go(pageHref(locus));
  watchRun(pressId);
}

/**
 * Press a symbol at the page that is shown.
 *
 * @param {number} code
 * @param {string} [words] what the reader asks for with it
 * @param {string | null} [at] another page
 */
export async function press(code, words = "", at = pageId.peek()) {
  if (at === null || isPast()) return;
  const request = { session_id: sessionId.peek(), symbol_code: code, page_id: at, client_request_id: crypto.randomUUID?.() ?? randomId() };
  await send(request.client_request_id, () => api.press(words ? { ...request, user_intent: words } : request), { symbol: code, locus: at, words });
}

/** @returns {boolean} whether the past is shown, in which nothing can be done; the reader is told so */
function isPast() {
  if (past.peek() === null) return false;
  notify({ kind: "info", title: "This is the past", detail: "Nothing is pressed or saved in it.", next: "Esc comes back to now." });
  return true;
}

/** Ask in words at the page that is shown; the book chooses who answers. @param {string} words */
export async function ask(words) {
  const at = pageId.peek();
  if (at === null || words.trim() === "" || isPast()) return;
  const request = { session_id: sessionId.peek(), page_id: at, user_intent: words, client_request_id: crypto.randomUUID?.() ?? randomId() };
  await send(request.client_request_id, () => api.ask(request), { symbol: null, locus: at, words });
}

/** What is sent and not yet taken by the server, and whether the reader has stopped it meanwhile. @type {Map<string, {isStopped: boolean}>} */
const sending = new Map();

/**
 * A press is shown at once; it is the server's when that has answered.
 *
 * @param {string} key the client's id of the press
 * @param {() => Promise<any>} request the same request when it is sent again: it is one press
 * @param {import("./store.js").Pressed} pressed
 */
async function send(key, request, pressed) {
  const sent = { isStopped: false };
  const isWatched = () => watched.peek()?.key === key; // else the reader has gone on meanwhile
  sending.set(key, sent);
  panel.value = null;
  announce("Queued");
  watchSent(key, pressed);
  try {
    const accepted = await again(request);
    const press = accepted.event_id;
    if (draft.peek() === pressed.words) draft.value = "";
    chosen.value = null;
    const outcome = answered.find((event) => event.press_id === press);
    if (outcome) {
      // The stream was faster than the answer to the press.
      if (outcome.error === undefined && isWatched()) watchBound(outcome, pressed, key);
      else if (outcome.error !== undefined) {
        if (isWatched()) endWatching();
        giveBack(pressed);
      }
      return;
    }
    own.add(press);
    if (!runs.peek().has(press)) {
      runs.value = withStatus(runs.peek(), {
        press_id: press, phase: "queued", symbol_code: pressed.symbol, locus: pressed.locus, user_intent: pressed.words,
      });
    }
    if (isWatched()) watchRun(press, key);
    if (sent.isStopped) await stop(press);
  } catch (error) {
    if (isWatched()) endWatching();
    giveBack(pressed);
    report(error, "The press was not taken");
  } finally {
    sending.delete(key);
  }
}

/** Words that no page has answered are the reader's again: to press with, once more. @param {{words: string, symbol: number | null}} pressed */
function giveBack({ words, symbol }) {
  if (words === "") return;
  chosen.value ??= symbol;
  if (draft.peek() === "") draft.value = words;
  panel.value ??= "press";
}

/** The presses of this tab. @type {Set<string>} */
const own = new Set();
/** The newest outcomes. @type {any[]} */
const answered = [];
const MOST_ANSWERED = 100;

/** @param {() => Promise<any>} request */
async function again(request, attempts = 4) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await request();
    } catch (error) {
      const passes = error instanceof api.Problem && (error.isUnreachable || error.status === 503);
      if (!passes || attempt === attempts) throw error;
      await new Promise((resolve) => setTimeout(resolve, 300 * 2 ** attempt));
    }
  }
}

/** Stop a run: what it has written is kept, and labelled. @param {string} pressId */
export async function stop(pressId) {
  const sent = sending.get(pressId);
  if (sent) {
    sent.isStopped = true; // it is stopped when it is taken
    announce("Stopping");
    return;
  }
  try {
    await api.stop(sessionId.peek(), pressId);
    announce("Stopping");
  } catch (error) {
    report(error, "It could not be stopped");
  }
}

/** Write a page again, as a sibling: the same symbol, at the same page, with the same words. @param {string} id */
export async function writeAgain(id) {
  const node = tree.pages.get(id);
  if (!node?.locus || node.symbol === null) return;
  const words = shown.peek()?.pageId === id ? (shown.peek()?.page?.user_intent ?? "") : "";
  await press(node.symbol, words, node.locus);
}

/** Go to the next or the previous of the pages at the same locus. @param {1 | -1} step */
export function nextSibling(step) {
  const id = pageId.peek();
  if (id === null) return;
  const { siblings, place } = tree.siblingsOf(id, past.peek()?.seq);
  const sibling = place ? siblings[place - 1 + step] : tree.grownAt(id, past.peek()?.seq).at(step > 0 ? 0 : -1);
  if (sibling?.pageId) openPage(sibling.pageId);
}

/** Turn the page: along the ring, or from a written page to where it leads. @param {1 | -1} step */
export function turn(step) {
  const page = shown.peek()?.page;
  const ring = canon.peek()?.ring ?? [];
  if (!page) return;
  const at = ring.findIndex((/** @type {any} */ entry) => entry.page_id === page.page_id);
  if (at >= 0) {
    const to = ring[(at + step + ring.length) % ring.length];
    openPage(to.page_id);
  } else if (step < 0) {
    const [locus] = tree.ancestryOf(page.page_id);
    if (locus) openPage(locus);
  } else {
    const [first] = tree.grownAt(page.page_id);
    openPage(first?.pageId ?? page.return_to);
  }
}

/** Return to the book: to the page that this one leads back to. */
export function returnToBook() {
  const page = shown.peek()?.page;
  const to = page?.return_to ?? tree.ancestryOf(pageId.peek() ?? "").at(-1);
  if (to) openPage(to);
}

/** @param {string} id @param {string} [label] @param {string} [notes] */
export async function save(id, label, notes) {
  if (isPast()) return;
  try {
    const update = await api.save(sessionId.peek(), { page_id: id, ...(label === undefined ? {} : { label }), ...(notes === undefined ? {} : { notes }) });
    vault.value = withChange(vault.peek(), id, update.entry);
    announce("Saved in your vault");
  } catch (error) {
    report(error, "The page was not saved");
  }
}

/** @param {string} id */
export async function unsave(id) {
  if (isPast()) return;
  try {
    await api.unsave(sessionId.peek(), id);
    vault.value = withChange(vault.peek(), id, null);
    announce("Taken out of your vault");
  } catch (error) {
    report(error, "The page is still in your vault");
  }
}

/** Go where this tab's presses lead, and say how they ended. */
export function followPresses() {
  onOutcome((event, run) => {
    answered.push(event);
    answered.splice(0, answered.length - MOST_ANSWERED);
    const isOwn = own.delete(event.press_id);
    if (event.error !== undefined) {
      if (isOwn && event.error.code !== "stopped") giveBack(run);
      notify({ kind: event.error.code === "stopped" ? "info" : "problem", title: "No page was written", detail: event.error.detail, next: event.error.next_step });
      return;
    }
    if (isOwn && (watched.peek()?.pressId !== event.press_id || route.peek().view !== "page")) bound.value = { pageId: event.page_id, symbol: event.symbol_code };
    const words = (event.text.match(/\S+/gu) ?? []).length;
    announce(`Bound: ${writtenTitle(event.trajectory, event.title)}, ${words} words. Press Alt+R to read.`);
  });
}

/** For browsers without `crypto.randomUUID`, which only secure origins have. */
function randomId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
