/**
 * Where each page of a journey stands: the page of the book that it grew from, how deep, and where it leads back to.
 * The tree does not say it; it follows from the order of the outcomes, as the server places them
 * (src/qdpi/policy/placement.py). Pure.
 *
 * @typedef {{anchor: string, depth: number, returnTo: string}} Placement
 * @typedef {import("./tree.js").Node} Node
 */

const RETURN = "T1";

/** The book's ring: which page follows, and which section a page is of. */
export class Ring {
  /** @param {{page_id: string, section: number}[]} pages in their order */
  constructor(pages) {
    this.pages = pages;
    /** @type {Map<string, number>} */
    this.places = new Map(pages.map((page, place) => [page.page_id, place]));
  }

  /** @param {string} id @returns {number} -1 where the book of now has no such page */
  placeOf(id) {
    return this.places.get(id) ?? -1;
  }

  /** @param {string} id @returns {string} the page itself, or the next one where the book of now does not have it */
  resolve(id) {
    if (this.places.has(id)) return id;
    const next = this.pages.find((page) => page.page_id > id) ?? this.pages[0];
    return next?.page_id ?? id;
  }

  /** @param {string} id @returns {string} the page after it */
  after(id) {
    const place = this.placeOf(id);
    return place < 0 ? this.resolve(id) : this.pages[(place + 1) % this.pages.length].page_id;
  }

  /** @param {string} id @returns {number} */
  sectionOf(id) {
    return this.pages[this.placeOf(id)]?.section ?? 0;
  }
}

/** The placements of one journey's pages. Grows with its tree. */
export class Placements {
  /** @param {Ring} ring */
  constructor(ring) {
    this.ring = ring;
    /** @type {(Placement | null)[]} of outcome `seq` at place `seq - 1`; null for a failed run */
    this.list = [];
    /** @type {Map<string, {node: Node, placement: Placement}>} */
    this.pages = new Map();
    /** @type {Set<string>} the branches that are open after the last of them */
    this.open = new Set();
  }

  /**
   * Place the outcomes that are not placed yet.
   *
   * @param {Node[]} nodes all of the journey, in order
   * @returns {this}
   */
  take(nodes) {
    for (let n = this.list.length; n < nodes.length; n += 1) this.list.push(this.place(nodes[n]));
    return this;
  }

  /** @param {Node} node @returns {Placement | null} */
  place(node) {
    if (node.pageId === null) return null;
    const { anchor, depth, returnTo } = this.standingAt(node.locus ?? "");
    const leadsTo = node.trajectory === RETURN || depth > 0 ? returnTo : this.ring.after(anchor);
    const placement = { anchor, depth: depth + 1, returnTo: leadsTo };
    this.pages.set(node.pageId, { node, placement });
    if (node.trajectory === RETURN) this.open.delete(node.branch ?? "");
    else if (node.branch === node.pageId) this.open.add(node.pageId);
    return placement;
  }

  /**
   * @param {string} id the page that was pressed
   * @returns {Placement} from where the new page counts: a page that came back, and one of a closed branch, count as
   *   the page of the book that they lead to
   */
  standingAt(id) {
    const locus = this.pages.get(id);
    if (locus === undefined) return this.onTheRing(id);
    const { node, placement } = locus;
    const cameBack = node.trajectory === RETURN || (node.branch !== null && !this.open.has(node.branch));
    return cameBack ? this.onTheRing(placement.returnTo) : placement;
  }

  /**
   * @param {string} id
   * @returns {string[]} the way from the book to a page that was written: the page of the book first. A page that came
   *   back, and what was pressed there, counts as the book: a long journey has short ways.
   */
  wayTo(id) {
    const way = [];
    for (let page = this.pages.get(id); page; page = page.placement.depth > 1 ? this.pages.get(page.node.locus ?? "") : undefined) {
      way.push(page.placement.depth > 1 ? (page.node.locus ?? "") : page.placement.anchor);
    }
    return way.reverse();
  }

  /** @param {string} id @returns {Placement} */
  onTheRing(id) {
    const anchor = this.ring.resolve(id);
    return { anchor, depth: 0, returnTo: anchor };
  }
}
