/**
 * A journey's state: the ordered fold of its outcomes, as the server folds them (src/qdpi/journey.py).
 * Pure. `journey_vectors.json` tests both.
 *
 * @typedef {{branch_id: string, section: number, anchor: string, return_to: string, pages: number,
 *   opened_seq: number}} Branch
 * @typedef {{page_id: string, terms: string[]}} RecentLocus
 * @typedef {{fold_version: number, seq: number, position: string | null, pages: number, failures: number,
 *   departures: number, returns: number, branches: Record<string, Branch>, recent: RecentLocus[]}} JourneyState
 * @typedef {{seq: number, page_id?: string, trajectory?: string, branch_id?: string | null, anchor?: string,
 *   anchor_section?: number, return_to?: string, locus?: string, locus_terms?: string[]}} Outcome
 *   A failed run has no `page_id`.
 */

const RECENT_LOCI = 4;
const RETURN = "T1";

/** An outcome does not follow the last one of its journey: read the log from there. */
export class SequenceGap extends Error {}

/** @returns {JourneyState} the state of a journey without outcomes */
export function emptyState() {
  return {
    fold_version: 1, seq: 0, position: null, pages: 0, failures: 0, departures: 0, returns: 0, branches: {}, recent: [],
  };
}

/**
 * Fold outcomes in order onto a state, which stays as it is. Outcomes already folded change nothing.
 *
 * @param {Iterable<Outcome>} outcomes
 * @param {JourneyState} [before]
 * @returns {JourneyState}
 * @throws {SequenceGap} where an outcome is missing
 */
export function foldAll(outcomes, before = emptyState()) {
  const state = { ...before, branches: { ...before.branches }, recent: [...before.recent] };
  /** @type {Set<string>} branches of `before` that were copied and may be changed */
  const copied = new Set();
  for (const outcome of outcomes) take(state, outcome, copied);
  return state.seq === before.seq ? before : state;
}

/**
 * @param {JourneyState} state
 * @param {Outcome} outcome
 * @param {Set<string>} copied
 */
function take(state, outcome, copied) {
  if (outcome.seq <= state.seq) return;
  if (outcome.seq !== state.seq + 1) throw new SequenceGap(`Outcome ${outcome.seq} cannot follow ${state.seq}.`);
  state.seq = outcome.seq;
  if (outcome.page_id === undefined) {
    state.failures += 1;
    return;
  }
  state.position = outcome.page_id;
  state.pages += 1;
  state.recent.push({ page_id: outcome.locus ?? "", terms: outcome.locus_terms ?? [] });
  if (state.recent.length > RECENT_LOCI) state.recent.shift();
  if (outcome.branch_id) takeBranch(state, outcome, outcome.branch_id, copied);
}

/**
 * @param {JourneyState} state
 * @param {Outcome} outcome
 * @param {string} id
 * @param {Set<string>} copied
 */
function takeBranch(state, outcome, id, copied) {
  const opens = id === outcome.page_id;
  if (opens) state.departures += 1;
  if (outcome.trajectory === RETURN) {
    if (id in state.branches) state.returns += 1;
    delete state.branches[id];
  } else if (opens) {
    copied.add(id);
    state.branches[id] = {
      branch_id: id, section: outcome.anchor_section ?? 0, anchor: outcome.anchor ?? "",
      return_to: outcome.return_to ?? "", pages: 1, opened_seq: outcome.seq,
    };
  } else if (id in state.branches) {
    if (!copied.has(id)) state.branches[id] = { ...state.branches[id] };
    copied.add(id);
    state.branches[id].pages += 1;
  }
}

/**
 * @param {JourneyState} state
 * @param {number} section
 * @returns {{openBranches: number, returnDebt: number}} a section's open branches, and the pages that they owe
 */
export function sectionFigures(state, section) {
  const open = Object.values(state.branches).filter((branch) => branch.section === section);
  return { openBranches: open.length, returnDebt: open.reduce((sum, branch) => sum + branch.pages, 0) };
}
