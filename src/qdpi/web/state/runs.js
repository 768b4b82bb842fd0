/**
 * The runs of a journey that are under way, as the frames of its stream tell of them. Pure.
 *
 * @typedef {{pressId: string, symbol: number | null, locus: string | null, words: string, phase: string,
 *   attempt: number, until: string | null, place: number | null, since: string | null,
 *   text: import("../text/points.js").Text}} Run
 * @typedef {ReadonlyMap<string, Run>} Runs by the id of the press, in the order in which they are answered
 */

import { addDelta, emptyText } from "../text/points.js";

/**
 * @param {string} pressId
 * @returns {Run}
 */
export function newRun(pressId) {
  return {
    pressId, symbol: null, locus: null, words: "", phase: "queued", attempt: 0, until: null, place: null, since: null,
    text: emptyText(),
  };
}

/**
 * A run's status: what it does, and what was pressed as far as the server knows it.
 *
 * @param {Runs} runs
 * @param {Record<string, any>} status
 * @returns {Runs}
 */
export function withStatus(runs, status) {
  const known = runs.get(status.press_id) ?? newRun(status.press_id);
  return changed(runs, {
    ...known,
    phase: status.phase,
    attempt: status.attempt ?? known.attempt,
    until: status.until ?? null,
    place: status.place ?? known.place,
    symbol: status.symbol_code ?? known.symbol,
    locus: status.locus ?? known.locus,
    words: status.user_intent ?? known.words,
    since: status.pressed_at ?? known.since,
  });
}

/**
 * A piece of a run's text.
 *
 * @param {Runs} runs
 * @param {{press_id: string, phase?: string, attempt: number, offset: number, text: string}} delta
 * @returns {{runs: Runs, added: string, restarted: boolean}}
 */
export function withDelta(runs, delta) {
  const known = runs.get(delta.press_id) ?? newRun(delta.press_id);
  const { text, added, restarted } = addDelta(known.text, delta);
  const phase = delta.phase ?? known.phase;
  return { runs: changed(runs, { ...known, text, phase, attempt: text.attempt, until: null }), added, restarted };
}

/**
 * A run has its outcome.
 *
 * @param {Runs} runs
 * @param {string} pressId
 * @returns {Runs}
 */
export function without(runs, pressId) {
  if (!runs.has(pressId)) return runs;
  const left = new Map(runs);
  left.delete(pressId);
  return left;
}

/**
 * @param {Runs} runs
 * @param {Run} run
 * @returns {Runs}
 */
function changed(runs, run) {
  return new Map(runs).set(run.pressId, run);
}
