/**
 * The vault along the journey's time, as beads on the slider. Pure.
 *
 * @typedef {import("./vault.js").Entry} Entry
 * @typedef {{at: number, entries: Entry[]}} Bead `at` is its place, from 0 for the beginning to 1 for now
 */

import { seqAt } from "./past.js";

/**
 * @param {Iterable<Entry>} entries the oldest change first
 * @param {import("./tree.js").Node[]} nodes
 * @param {number} [most] how many beads the slider has room for; entries nearer to each other are one bead
 * @returns {Bead[]}
 */
export function beadsOf(entries, nodes, most = 40) {
  /** @type {Bead[]} */
  const beads = [];
  for (const entry of entries) {
    const seq = seqAt(nodes, Date.parse(entry.saved_at) / 1000);
    const at = nodes.length === 0 ? 1 : seq / nodes.length;
    const last = beads[beads.length - 1];
    if (last && at - last.at < 1 / most) last.entries.push(entry);
    else beads.push({ at, entries: [entry] });
  }
  return beads;
}
