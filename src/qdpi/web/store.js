/**
 * The one place that holds the page's state: the book, the journey's log and what follows from it, the runs under way.
 * Views read the signals; only the functions here and in actions.js change them.
 */

import * as api from "./api.js";
import { announce } from "./announce.js";
import { go, pageHref, route } from "./router.js";
import { servedPage } from "./shell.js";
import { emptyState, foldAll, SequenceGap } from "./state/fold.js";
import { newRun, without, withDelta, withStatus } from "./state/runs.js";
import { nodeOf, Tree, writtenTitle } from "./state/tree.js";
import { vaultOf, withChange } from "./state/vault.js";
import { union, visitedPages } from "./state/visited.js";
import { computed, effect, signal } from "./vendor/vendor.js";

/** @typedef {import("./state/runs.js").Run} Run */
/** @typedef {{pageId: string, status: "loading" | "ready" | "error", page: any, problem: api.Problem | null}} Shown */
/**
 * @typedef {{seq: number, state: import("./state/fold.js").JourneyState, vault: import("./state/vault.js").Vault,
 *   proof: "moving" | "checking" | "proven" | "different" | "unknown", position: string | null, problem: string}} Moment
 *   `position` is the page where the reader was; `proof` says whether the server recorded the same state
 */
/** @typedef {{id: number, kind: "info" | "problem", title: string, detail: string, next: string}} Notice */

export const sessionId = signal("");
/** What the server is: limits, writer, book. @type {import("@preact/signals").Signal<any>} */
export const about = signal(null);
/** The ring and the sections. @type {import("@preact/signals").Signal<any>} */
export const canon = signal(null);
/** The voices by character. @type {import("@preact/signals").Signal<Map<number, any>>} */
export const voices = signal(new Map());
/** What runs usually take here, by model, the newest first. @type {import("@preact/signals").Signal<any[]>} */
export const usual = signal([]);

/** The journey's outcomes; `treeVersion` changes with it. */
export const tree = new Tree();
export const treeVersion = signal(0);
export const state = signal(emptyState());
export const runs = signal(/** @type {import("./state/runs.js").Runs} */ (new Map()));
export const vault = signal(/** @type {import("./state/vault.js").Vault} */ (new Map()));
export const connection = signal(/** @type {"connecting" | "online" | "reconnecting" | "offline"} */ ("connecting"));
export const notices = signal(/** @type {Notice[]} */ ([]));
export const panel = signal(/** @type {string | null} */ (null));
/** What was read, as the server keeps it. */
export const readPages = signal({ canon: "", pages: "" });
/** The ids of the pages that were read. */
export const visited = computed(() => (treeVersion.value, visitedPages(readPages.value, canon.value?.ring ?? [], tree.nodes)));
/** A moment in the past that is shown; null for now. See past.js. */
export const past = signal(/** @type {Moment | null} */ (null));
/** What is shown of the journey's state and of the vault: those of now, or of that moment. */
export const stateShown = computed(() => past.value?.state ?? state.value);
export const vaultShown = computed(() => past.value?.vault ?? vault.value);
/** The moment whose preview is asked for: not each one that the slider passes. */
const settledSeq = computed(() => (past.value === null || past.value.proof === "moving" ? null : past.value.seq));
/** The page that was read last, at first where the reader left off: the address need not name it. */
export const leftOff = signal(/** @type {string | null} */ (null));

/** The page that is shown: the one in the address, where the reader was at the moment in it, else the one read last. */
export const pageId = computed(() => {
  const { pageId: named, view, seq } = route.value;
  return named ?? (view !== "page" || seq !== null ? past.value?.position : null) ?? leftOff.value;
});
export const shown = signal(/** @type {Shown | null} */ (null));
export const preview = signal(/** @type {{pageId: string, seq: number, value: any} | null} */ (null));
/**
 * @typedef {Run & {outcome: {page_id: string} | null, key: string, isTaken: boolean}} Watched a run, and its page once it
 *   is bound. Until the server has taken the press, its id is the `key`, which stays the same.
 */
/** What the reader writes to press with: kept until a page has answered it. */
export const draft = signal("");
/** The symbol that the reader has chosen to press: kept as long. */
export const chosen = signal(/** @type {number | null} */ (null));
/** The run that the reader waits for, in place of the page that it was pressed on. */
export const watched = signal(/** @type {Watched | null} */ (null));
/** The page of a press of this tab that was bound while the reader was elsewhere, until it is read. */
export const bound = signal(/** @type {{pageId: string, symbol: number} | null} */ (null));
/** A page that takes the place of its own words as they were written: nothing moves then, not even the focus. */
export const continued = signal(/** @type {string | null} */ (null));
/** The newest outcome that the server has committed and the page has: nothing before it can be lost. */
export const savedSeq = computed(() => (treeVersion.value, tree.head));

/** @type {Map<string, Promise<any>>} the pages that were read, the oldest first */
const pages = new Map();
const MOST_PAGES = 200;

/**
 * @param {string} id
 * @returns {Promise<any>} a page, read once
 * @throws {api.Problem}
 */
export function pageOf(id) {
  const known = pages.get(id);
  if (known) return known;
  const reading = api.page(id, sessionId.value);
  pages.set(id, reading);
  reading.catch(() => pages.delete(id));
  for (const oldest of pages.keys()) {
    if (pages.size <= MOST_PAGES) break;
    pages.delete(oldest);
  }
  return reading;
}

/** Show the page of the address whenever it changes, and read its neighbours ahead. */
export function followAddress() {
  if (servedPage !== null) pages.set(servedPage.page_id, Promise.resolve(servedPage));
  effect(() => {
    const id = pageId.value;
    if (id === null || shown.peek()?.pageId === id) return;
    if (id === servedPage?.page_id && shown.peek() === null) {
      if (past.peek() === null) leftOff.value = id;
      shown.value = { pageId: id, status: "ready", page: servedPage, problem: null };
    } else void show(id);
  });
}

/** Resolve once the page of the address can be shown, or it is known why not. @returns {Promise<void>} */
export function firstShown() {
  return new Promise((resolve) => {
    const stop = effect(() => {
      if (pageId.value !== null && (shown.value === null || shown.value.status === "loading")) return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
}

/** Where the reader was in the page that a press took the place of. */
let left = { pageId: /** @type {string | null} */ (null), top: 0 };

/** @param {string} id @returns {number} how far a page was scrolled that comes back, the top of any other; told once */
export function takeScroll(id) {
  const { pageId, top } = left;
  left = { pageId: null, top: 0 };
  return id === pageId ? top : 0;
}

/** @typedef {{symbol: number | null, locus: string, words: string}} Pressed */

/** Show a press at once, which the server has not taken yet. @param {string} key @param {Pressed} pressed */
export function watchSent(key, pressed) {
  left = { pageId: pageId.peek(), top: scrollY };
  watched.value = { ...newRun(key), ...pressed, outcome: null, key, isTaken: false };
}

/** @param {string} pressId @param {string} [key] of the press as it was sent */
export function watchRun(pressId, key = pressId) {
  const run = runs.peek().get(pressId);
  if (run) watched.value = { ...run, outcome: null, key, isTaken: true };
}

/** Show the words of a page that is bound already. @param {any} event @param {Pressed} pressed @param {string} key */
export function watchBound(event, pressed, key) {
  watched.value = { ...newRun(event.press_id), ...pressed, outcome: null, key, isTaken: true };
  endRun(event);
}

/** No longer wait for a run: its page takes its place, or the page that it was pressed on. @param {string} [boundAs] */
export function endWatching(boundAs) {
  if (boundAs === undefined) {
    watched.value = null;
    return;
  }
  void pageOf(boundAs).then(
    (page) => {
      continued.value = boundAs;
      shown.value = { pageId: boundAs, status: "ready", page, problem: null };
      go(pageHref(boundAs));
      watched.value = null;
    },
    (error) => {
      watched.value = null;
      report(error, "The page is bound, and cannot be shown yet");
    },
  );
}

/** Whoever goes to another page no longer waits in place of this one. */
export function followWatched() {
  let before = route.peek();
  effect(() => {
    const now = route.value;
    if (now !== before && now.view === "page" && before.view === "page") watched.value = null; // to the same page, too
    before = now;
  });
  effect(() => {
    const at = pageId.value;
    const locus = watched.peek()?.locus ?? null;
    if (locus !== null && at !== locus) watched.value = null;
    if (at === bound.peek()?.pageId) bound.value = null;
  });
}

/** Keep the run that is watched as the stream tells of it. @param {string} pressId */
function refreshWatched(pressId) {
  const now = watched.peek();
  if (now?.pressId === pressId) watchRun(pressId, now.key);
}

/** @param {string} id */
export async function show(id) {
  if (past.peek() === null) leftOff.value = id;
  shown.value = { pageId: id, status: "loading", page: shown.peek()?.page ?? null, problem: null };
  try {
    const page = await pageOf(id);
    if (shown.peek()?.pageId !== id) return;
    shown.value = { pageId: id, status: "ready", page, problem: null };
    for (const { page_id } of neighboursOf(id)) void pageOf(page_id).catch(() => null);
  } catch (error) {
    if (shown.peek()?.pageId !== id) return;
    shown.value = { pageId: id, status: "error", page: null, problem: asProblem(error) };
  }
}

/** @param {string} id @returns {any[]} the entries of the pages before and after one of the book, round the ring */
export function neighboursOf(id) {
  const ring = canon.peek()?.ring ?? [];
  const at = ring.findIndex((/** @type {any} */ entry) => entry.page_id === id);
  return at < 0 || ring.length < 2 ? [] : [ring.at(at - 1), ring[(at + 1) % ring.length]];
}

/** @param {string} id @returns {any} the entry of a page of the book */
const entryOf = (id) => canon.value?.ring.find((/** @type {any} */ entry) => entry.page_id === id);

/** @param {string} id @returns {string} the title of a page of the journey or of the book */
export function titleOf(id) {
  const written = tree.pages.get(id);
  if (written) return writtenTitle(written.trajectory, written.title);
  return entryOf(id)?.title ?? id;
}

/** @param {string} id @returns {boolean} whether it is a page of the book or of the journey */
const isKnown = (id) => tree.pages.has(id) || entryOf(id) !== undefined;

/** Read what each symbol would do at the page that is shown, again after each outcome. */
export function followPreview() {
  effect(() => {
    const id = pageId.value;
    const seq = savedSeq.value;
    const session = sessionId.value;
    const at = settledSeq.value;
    if (id === null || !isKnown(id) || session === "" || (at === null && past.peek() !== null)) return undefined;
    const leaving = new AbortController();
    api.preview(session, id, leaving.signal, at).then(
      (value) => (preview.value = { pageId: id, seq, value }),
      () => undefined, // the grid then says that it does not know; pressing still works
    );
    return () => leaving.abort();
  });
}

/** Read what runs usually take, whenever the reader is about to press or waits. */
export function followUsual() {
  const isWanted = computed(() => panel.value === "press" || runs.value.size > 0);
  effect(() => {
    if (!isWanted.value) return;
    api.usualRuns().then(
      (told) => (usual.value = told.models),
      () => undefined, // then the page does not say it
    );
  });
}

/** @param {number | null} code a symbol @returns {any} what its runs usually take here, as far as that is known */
export function usualOf(code) {
  const [model] = usual.value;
  const own = code === null ? undefined : model?.behaviours.find((/** @type {any} */ each) => each.behavior === (code & 15));
  return (own ?? model)?.usual;
}

/** Read the whole journey so far. @throws {api.Problem} */
export async function loadJourney() {
  let after = tree.head;
  for (;;) {
    const columns = await api.tree(sessionId.value, after);
    tree.addColumns(columns);
    if (columns.next_after === null) break;
    after = columns.next_after;
  }
  const [view, place] = await Promise.all([
    api.journey(sessionId.value, { after: tree.head, limit: 1 }), api.place(sessionId.value),
  ]);
  takePlace(place);
  if (view.state.seq >= state.peek().seq) state.value = view.state;
  leftOff.value ??= place.page_id ?? view.position ?? canon.value?.ring[0]?.page_id ?? null;
  vault.value = vaultOf(await wholeVault());
  treeVersion.value += 1;
}

/** @param {string | null} [at] a moment @returns {Promise<import("./state/vault.js").Entry[]>} */
export async function wholeVault(at = null) {
  const entries = [];
  let after = null;
  do {
    const part = await api.vault(sessionId.value, { at, after });
    entries.push(...part.entries);
    after = part.next;
  } while (after !== null);
  return entries;
}

/**
 * Take a frame of the journey's stream.
 *
 * @param {import("./stream.js").Frame} frame
 */
export function takeFrame(frame) {
  const kind = frame.event.split(".").pop();
  if (frame.event === "status") takeStatus(frame.data);
  else if (kind === "delta") takeDelta(frame.data);
  else if (kind === "done" || kind === "failed") takeOutcome(frame.data);
  else if (kind === "vault") takeVaultChange(frame.data);
  else if (kind === "place") takePlace(frame.data);
}

/** @param {any} status */
function takeStatus(status) {
  if (status.phase === "following") return; // what the page has not yet comes in order, and each outcome is told once
  runs.value = withStatus(runs.value, status);
  refreshWatched(status.press_id);
}

/** @param {any} delta */
function takeDelta(delta) {
  runs.value = withDelta(runs.value, delta).runs;
  refreshWatched(delta.press_id);
}

/** @param {any} event */
function takeOutcome(event) {
  const run = runs.peek().get(event.press_id);
  runs.value = without(runs.peek(), event.press_id);
  endRun(event);
  if (!tree.add(nodeOf(event))) {
    if (event.seq > tree.head + 1) void loadJourney().catch(report);
    return;
  }
  try {
    state.value = foldAll([asOutcome(event)], state.peek());
  } catch (error) {
    if (!(error instanceof SequenceGap)) throw error;
    void loadJourney().catch(report);
  }
  treeVersion.value += 1;
  outcomes.forEach((listener) => listener(event, run ?? newRun(event.press_id)));
}

/** The run that is watched has its outcome: all of its words, or none. @param {any} event */
function endRun(event) {
  const run = watched.peek();
  if (run === null || run.pressId !== event.press_id) return;
  if (event.error !== undefined) {
    watched.value = null;
    return;
  }
  const text = { attempt: Math.max(1, run.text.attempt), points: Array.from(event.text), whole: true };
  watched.value = { ...run, phase: "saved", until: null, symbol: event.symbol_code, text, outcome: { page_id: event.page_id } };
}

/** A failed run has no page, whatever else its event has. @param {any} event */
function asOutcome(event) {
  return event.error === undefined ? event : { seq: event.seq };
}

/** A change of the vault, here, in another tab or on another device; it may come again. @param {any} change */
function takeVaultChange(change) {
  const { page_id, label, notes, event_id, ts } = change;
  const known = vault.peek().get(page_id);
  if (known && Date.parse(known.saved_at) > Date.parse(ts)) return;
  const entry = change.action === "unsaved" ? null : { ...known, page_id, label, notes, event_id, saved_at: ts };
  vault.value = withChange(vault.peek(), page_id, entry);
}

/** What was read here or elsewhere. @param {{canon: string, pages: string}} place */
export function takePlace({ canon, pages }) {
  const known = readPages.peek();
  readPages.value = { canon: union(known.canon, canon), pages: union(known.pages, pages) };
}

/** So long must a page be shown to be read, in milliseconds. */
const READ_AFTER = 1500;

/** The pages that were read and of which the server does not know yet, the newest last. @type {Set<string>} */
const untold = new Set();

/** Tell the server where the reader reads, once a page has been shown for a while. */
export function followReading() {
  effect(() => {
    const now = shown.value;
    if (now?.status !== "ready" || route.value.view !== "page" || past.value !== null) return undefined;
    const reading = setTimeout(() => {
      untold.delete(now.pageId);
      untold.add(now.pageId);
      void tellPlaces();
    }, READ_AFTER);
    return () => clearTimeout(reading);
  });
  effect(() => {
    if (connection.value === "online") void tellPlaces();
  });
}

/** Where the server cannot be reached, the places wait for the next page turn, or until the connection is back. */
async function tellPlaces() {
  for (const id of untold) {
    try {
      takePlace(await api.setPlace(sessionId.peek(), id));
    } catch (error) {
      const problem = asProblem(error);
      if (problem.isUnreachable || problem.status === 429 || problem.status === 503) return;
      report(error, "Where you read was not kept");
    }
    untold.delete(id);
  }
}

/** @type {Set<(event: any, run: Run) => void>} */
const outcomes = new Set();
/** @param {(event: any, run: Run) => void} listener called with each new outcome, and the run that it ends */
export function onOutcome(listener) {
  outcomes.add(listener);
  return () => outcomes.delete(listener);
}

let lastNotice = 0;
/**
 * @param {Omit<Notice, "id">} notice
 * @returns {number} its id
 */
export function notify(notice) {
  const id = (lastNotice += 1);
  notices.value = [...notices.peek().filter((each) => each.title !== notice.title), { id, ...notice }].slice(-4);
  announce(`${notice.title}. ${notice.detail}`);
  return id;
}

/** @param {number} id */
export function dismiss(id) {
  notices.value = notices.peek().filter((notice) => notice.id !== id);
}

/** Show a failure. @param {unknown} error @param {string} [title] */
export function report(error, title = "That did not work") {
  const problem = asProblem(error);
  notify({ kind: "problem", title, detail: problem.detail, next: problem.nextStep });
}

/** @param {unknown} error @returns {api.Problem} */
export function asProblem(error) {
  if (error instanceof api.Problem) return error;
  console.error(error);
  return new api.Problem({ code: "page", detail: "The page made a mistake.", next_step: "Load it again; nothing is lost." });
}
