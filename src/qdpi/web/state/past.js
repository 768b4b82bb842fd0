/**
 * A journey's state at any moment, folded from its tree, and the proof that it is what the server recorded. Pure.
 *
 * @typedef {import("./fold.js").JourneyState} JourneyState
 * @typedef {import("./fold.js").Outcome} Outcome
 */

import { digestOf } from "./digest.js";
import { emptyState, foldAll } from "./fold.js";

/** Outcomes between two states that are kept: the most that one step of the slider folds. */
const KEPT_EVERY = 256;

/** The states of one journey. Grows with its tree. */
export class Moments {
  /**
   * @param {import("./tree.js").Tree} tree
   * @param {import("./placement.js").Placements} placements
   */
  constructor(tree, placements) {
    this.tree = tree;
    this.placements = placements;
    /** @type {JourneyState[]} the state after outcome `n * KEPT_EVERY` at place n */
    this.kept = [emptyState()];
  }

  /**
   * @param {number} seq from 0 to the tree's head
   * @returns {JourneyState} the state after it. The terms of `recent` are empty: the tree has none.
   */
  at(seq) {
    this.placements.take(this.tree.nodes);
    const place = Math.floor(seq / KEPT_EVERY);
    while (this.kept.length <= place) this.kept.push(this.folded(this.kept.length * KEPT_EVERY, this.kept[this.kept.length - 1]));
    return this.folded(seq, this.kept[place]);
  }

  /** @param {number} seq @param {JourneyState} from */
  folded(seq, from) {
    const outcomes = this.tree.nodes.slice(from.seq, seq).map((node) => this.outcomeOf(node));
    return foldAll(outcomes, from);
  }

  /** @param {import("./tree.js").Node} node @returns {Outcome} */
  outcomeOf(node) {
    const placement = this.placements.list[node.seq - 1];
    if (node.pageId === null || !placement) return { seq: node.seq };
    return {
      seq: node.seq, page_id: node.pageId, trajectory: node.trajectory ?? "", branch_id: node.branch,
      anchor: placement.anchor, anchor_section: this.placements.ring.sectionOf(placement.anchor),
      return_to: placement.returnTo, locus: node.locus ?? "",
    };
  }
}

/**
 * Whether a state that was folded here is the one that the server recorded. What the tree does not tell, the terms of
 * the pages read last and where each branch is booked, is the server's; all else must be equal, or the digests differ.
 *
 * @param {JourneyState} folded
 * @param {{state: JourneyState, digest: string}} told
 * @param {(bytes: Uint8Array) => Uint8Array} sha256
 * @returns {{state: JourneyState, isProven: boolean}} the state with what the server added
 */
export function proofOf(folded, told, sha256) {
  const branches = Object.entries(folded.branches).map(([id, branch]) => {
    const { section, anchor, return_to } = told.state.branches[id] ?? branch;
    return [id, { ...branch, section, anchor, return_to }];
  });
  const recent = folded.recent.map((locus, n) => ({ ...locus, terms: told.state.recent[n]?.terms ?? [] }));
  const state = { ...folded, branches: Object.fromEntries(branches), recent };
  return { state, isProven: digestOf(state, sha256) === told.digest };
}

/**
 * @param {import("./tree.js").Node[]} nodes
 * @param {number} seconds since 1970
 * @returns {number} the seq of the last outcome until then, 0 before the first. Times never decrease with the seq.
 */
export function seqAt(nodes, seconds) {
  let low = 0, high = nodes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (nodes[middle].ts <= seconds) low = middle + 1;
    else high = middle;
  }
  return low;
}
