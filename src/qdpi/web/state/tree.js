/**
 * A journey as a tree: its outcomes by columns, as `GET /journey/{id}/tree` gives them, and what grows where. Pure.
 *
 * @typedef {{seq: number, ts: number, pageId: string | null, locus: string | null, symbol: number | null,
 *   trajectory: string | null, branch: string | null, status: "complete" | "stopped" | "failed",
 *   title: string | null, error: string | null}} Node
 *   One outcome. `branch` is the departure of its branch; a failed run has no page.
 * @typedef {{head: number, after: number, next_after: number | null, seq: number[], ts: number[],
 *   page_id: (string | null)[], locus: (number | string | null)[], symbol: (number | null)[],
 *   trajectory: (string | null)[], branch: (number | string | null)[],
 *   status: ("complete" | "stopped" | "failed")[], title: (string | null)[], error: (string | null)[]}} Columns
 */

import { undirected } from "../text/paragraphs.js";

/** The outcomes of one journey, in order, and the pages at each locus. Grows only at its end. */
export class Tree {
  constructor() {
    /** @type {Node[]} outcome `seq` is at place `seq - 1` */
    this.nodes = [];
    /** @type {Map<string, Node>} */
    this.pages = new Map();
    /** @type {Map<string, Node[]>} the pages at each locus, the oldest first */
    this.at = new Map();
  }

  /** The seq of the newest outcome. */
  get head() {
    return this.nodes.length;
  }

  /**
   * Add outcomes by columns. Those that are known change nothing.
   *
   * @param {Columns} columns
   */
  addColumns(columns) {
    columns.seq.forEach((seq, n) => {
      const named = (/** @type {number | string | null} */ name) =>
        typeof name === "number" ? this.nodes[name - 1]?.pageId ?? columns.page_id[name - columns.after - 1] : name;
      this.add({
        seq, ts: columns.ts[n], pageId: columns.page_id[n], locus: named(columns.locus[n]),
        symbol: columns.symbol[n], trajectory: columns.trajectory[n], branch: named(columns.branch[n]),
        status: columns.status[n], title: columns.title[n], error: columns.error[n],
      });
    });
  }

  /**
   * Add the next outcome. One that is known, or that does not follow, changes nothing.
   *
   * @param {Node} node
   * @returns {boolean} whether it was added
   */
  add(node) {
    if (node.seq !== this.head + 1) return false;
    this.nodes.push(node);
    if (node.pageId === null) return true;
    this.pages.set(node.pageId, node);
    const locus = node.locus ?? "";
    const others = this.at.get(locus);
    if (others) others.push(node);
    else this.at.set(locus, [node]);
    return true;
  }

  /**
   * @param {string} pageId a page of the book, or of the journey
   * @param {number} [until] the seq of a moment; by default now
   * @returns {Node[]} the pages that were written at it, the oldest first
   */
  grownAt(pageId, until = Infinity) {
    return (this.at.get(pageId) ?? []).filter((node) => node.seq <= until);
  }

  /**
   * @param {string} pageId
   * @param {number} [until]
   * @returns {{siblings: Node[], place: number}} the pages at the same locus, and a page's own place from 1; 0 for a
   *   page of the book
   */
  siblingsOf(pageId, until = Infinity) {
    const own = this.pages.get(pageId);
    const siblings = own?.locus ? this.grownAt(own.locus, until) : [];
    return { siblings, place: own ? siblings.indexOf(own) + 1 : 0 };
  }

  /**
   * @param {string} pageId
   * @returns {string[]} the page's locus, the locus of that, and so on; the page of the book comes last
   */
  ancestryOf(pageId) {
    const path = [];
    for (let node = this.pages.get(pageId); node?.locus; node = this.pages.get(node.locus)) path.push(node.locus);
    return path;
  }
}

/** How a written page stands to the page of the book whose title it bears. @type {Record<string, string>} */
const STANDS = { T0: "After", T1: "After", T2: "Towards", T3: "Near" };

/**
 * @param {string | null | undefined} trajectory of a page that was written
 * @param {string | null | undefined} title of the page of the book that it goes on from, or leads to
 * @returns {string} its own title: it is not that page
 */
export function writtenTitle(trajectory, title) {
  return title ? `${STANDS[trajectory ?? ""] ?? "After"} ${undirected(title)}` : "";
}

/**
 * @param {Record<string, any>} event `gibsey.generate.page.done` or `.failed`
 * @returns {Node}
 */
export function nodeOf(event) {
  const done = "page_id" in event && event.error === undefined;
  return {
    seq: event.seq, ts: Math.ceil(Date.parse(event.ts) / 1000), pageId: done ? event.page_id : null,
    locus: event.locus ?? null, symbol: event.symbol_code ?? null, trajectory: event.trajectory ?? null,
    branch: event.branch_id ?? null, status: done ? event.status : "failed", title: event.title ?? null,
    error: event.error?.code ?? null,
  };
}
