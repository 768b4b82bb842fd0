/**
 * Going back in time: the whole desk as it was after any outcome. Dragging folds here, from the tree; letting go asks
 * the server once, and compares the digests of both states.
 */

import * as api from "./api.js";
import { announce } from "./announce.js";
import { go, momentHref, pageHref, route } from "./router.js";
import { Moments, proofOf } from "./state/past.js";
import { Placements, Ring } from "./state/placement.js";
import { vaultOf } from "./state/vault.js";
import { asProblem, canon, leftOff, notify, past, sessionId, titleOf, tree, vault, wholeVault } from "./store.js";
import { computed, effect, untracked } from "./vendor/vendor.js";

/** The most entries of a vault that come with a journey. */
const MOST_SAVED = 1000;

/** The journey's moments on the ring of the book, which `canon` gives. */
const moments = computed(() => new Moments(tree, new Placements(new Ring(canon.value?.ring ?? []))));

/** @returns {Placements} where each of the journey's pages stands, the newest too */
export function placements() {
  return moments.value.placements.take(tree.nodes);
}

/** The address from which the reader went back in time. @type {string | null} */
let before = null;

/**
 * Show a moment while the slider moves: what can be told from the tree.
 *
 * @param {number} seq
 */
export function moveTo(seq) {
  if (past.peek() === null) before = route.peek().seq === null ? location.pathname + location.search : null;
  const at = Math.max(0, Math.min(tree.head, seq));
  past.value = { seq: at, state: moments.peek().at(at), proof: "moving", vault: vaultUntil(at), position: past.peek()?.position ?? null, problem: "" };
}

/** The slider was let go: show the page where the reader was, ask the server once, and compare. */
export async function settle() {
  const moment = past.peek();
  if (moment === null) return;
  if (moment.seq === tree.head && route.peek().seq !== tree.head) return toNow();
  const { seq } = moment;
  past.value = { ...moment, proof: "checking", position: moment.state.position ?? firstPage() };
  if (route.peek().view === "page") go(momentHref(seq), { replace: route.peek().seq !== null });
  try {
    const [told, { sha256 }] = await Promise.all([
      api.journey(sessionId.peek(), { at: seq, after: seq, limit: 1 }), import("./vendor/hash.js"),
    ]);
    const saved = told.vault_count > MOST_SAVED ? await wholeVault(String(seq)) : told.vault;
    if (past.peek()?.seq !== seq) return;
    const { state, isProven } = proofOf(moments.peek().at(seq), told, sha256);
    past.value = { ...past.peek(), seq, state, proof: isProven ? "proven" : "different", vault: vaultOf(saved), position: state.position ?? firstPage(), problem: "" };
    announce(`${nameOf(seq)}. ${isProven ? "Exactly as the server recorded it." : "The server recorded something else."} Escape comes back to now.`);
  } catch (error) {
    const now = past.peek();
    if (now?.seq === seq) past.value = { ...now, proof: "unknown", problem: asProblem(error).detail };
  }
}

/** @param {number} seq */
export async function goTo(seq) {
  moveTo(seq);
  await settle();
}

/** Come back to now, and to where the reader was. */
export function toNow() {
  if (past.peek() === null) return;
  past.value = null;
  if (route.peek().seq !== null) go(before ?? pageHref(leftOff.peek() ?? firstPage() ?? ""), { replace: true });
  before = null;
  announce("Now");
}

/** @param {number} seq @returns {string} a moment in words */
export function nameOf(seq) {
  if (seq === 0) return "Before the first page";
  const node = tree.nodes[seq - 1];
  return node?.pageId ? titleOf(node.pageId) : "A page that was not written";
}

/** Follow the moment in the address, and leave the past where the browser goes back to a page of now. */
export function followMoment() {
  effect(() => {
    const { seq } = route.value;
    if (seq === null) return;
    untracked(() => {
      if (past.peek()?.seq === seq) return;
      if (seq <= tree.head) return void goTo(seq);
      notify({ kind: "info", title: "That moment is not here", detail: `It is ${seq}, and this journey has ${tree.head} outcomes.`, next: "This is the journey as it is now." });
      go(pageHref(leftOff.peek() ?? firstPage() ?? ""), { replace: true });
    });
  });
  addEventListener("popstate", () => {
    if (route.peek().seq === null && past.peek() !== null) past.value = null;
  });
}

/** @param {number} seq @returns {import("./state/vault.js").Vault} what was saved until then and is saved still */
function vaultUntil(seq) {
  const seconds = tree.nodes[seq - 1]?.ts ?? -Infinity;
  return vaultOf([...vault.peek().values()].filter((entry) => Date.parse(entry.saved_at) / 1000 <= seconds));
}

/** @returns {string | null} */
function firstPage() {
  return canon.peek()?.ring[0]?.page_id ?? null;
}
