/**
 * Where everything on the ring is. The pages of the book are beads on a circle, in their sections; what was written
 * grows outward from its bead, as a frond. Pure: positions are in units of which the circle's radius has a thousand.
 *
 * A frond has its pages in the order of its tree, each before what grew from it. Up to twelve stand one above the
 * other; more become a block, as wide as the bead's place on the circle, which is drawn as one mark with its count
 * until it is so near that each page can be seen.
 *
 * @typedef {import("./tree.js").Node} Node
 * @typedef {{kind: "bead" | "page" | "stack", bead: number, seq: number, count: number}} Mark
 *   what can be pointed at: `seq` is of a page that was written, 0 otherwise; `count` of a stack's pages
 * @typedef {{section: number, character: number, name: string, from: number, to: number}} Arc angles of a section
 */

export const RADIUS = 1000;
/** The most pages that stand one above the other. */
export const TALLEST = 12;
/** Between two sections there is room for so many beads. */
const GAP = 3;
/** Pages of a block are drawn one by one from this size on, in pixels of the screen. */
const SMALLEST = 5;
const MOST_COLUMNS = 24;
/** A stack's mark is no longer than this, in pixels of the screen. */
const LONGEST_STACK = 110;

/** One moment's ring. */
export class RingLayout {
  /**
   * @param {import("./placement.js").Ring} ring
   * @param {{section: number, character: number, name: string}[]} sections
   * @param {Node[]} nodes a journey's outcomes, in order
   * @param {(import("./placement.js").Placement | null)[]} placements of them
   */
  constructor(ring, sections, nodes, placements) {
    this.ring = ring;
    this.nodes = nodes;
    const count = ring.pages.length;
    /** @type {Float64Array} each bead's angle, clockwise from the top */
    this.angles = new Float64Array(count);
    this.sines = new Float64Array(count);
    this.cosines = new Float64Array(count);
    /** @type {Arc[]} */
    this.arcs = [];
    this.step = this.placeBeads(sections);
    /** The side of a page that stands alone, and of a block. */
    this.cell = Math.min(40, this.step * RADIUS * 0.84);
    /** From the circle to a frond's first page. */
    this.stalk = Math.max(12, this.cell * 0.75);
    const size = nodes.length + 1;
    /** The bead of outcome `seq`; -1 for a failed run. */
    this.beadOf = new Int32Array(size).fill(-1);
    this.depthOf = new Uint8Array(size);
    /** What a page grew from: the seq of a page, 0 for the bead. */
    this.parentOf = new Int32Array(size);
    /** A page's row in its frond. */
    this.rowOf = new Int32Array(size);
    /** How many pages a bead's frond has. */
    this.counts = new Int32Array(count);
    /** The pages of bead n are those in `pages` from `starts[n]` to `starts[n + 1]`, by their seq. */
    this.starts = new Int32Array(count + 1);
    /** @type {Map<string | null, number>} */
    this.seqs = new Map(nodes.map((node) => [node.pageId, node.seq]));
    this.growFronds(placements);
    this.pages = new Int32Array(this.starts[count]);
    this.order();
    /** How far the longest frond reaches, as it is seen from afar. */
    this.extent = this.angles.reduce((most, _, bead) => Math.max(most, this.reach(bead, 1e-9)), RADIUS);
  }

  /** @param {{section: number, character: number, name: string}[]} sections @returns {number} the angle of one place */
  placeBeads(sections) {
    const pages = this.ring.pages;
    const known = new Map(sections.map((section) => [section.section, section]));
    const breaks = pages.filter((page, n) => page.section !== pages[(n + 1) % pages.length].section).length;
    const step = (2 * Math.PI) / Math.max(1, pages.length + breaks * GAP);
    let place = GAP / 2;
    pages.forEach((page, n) => {
      const angle = (this.angles[n] = (place + 0.5) * step);
      this.sines[n] = Math.sin(angle);
      this.cosines[n] = Math.cos(angle);
      const last = this.arcs[this.arcs.length - 1];
      if (last?.section === page.section) last.to = angle;
      else this.arcs.push({ section: page.section, character: known.get(page.section)?.character ?? 0, name: known.get(page.section)?.name ?? "", from: angle, to: angle });
      place += page.section === pages[(n + 1) % pages.length].section ? 1 : 1 + GAP;
    });
    return step;
  }

  /** @param {(import("./placement.js").Placement | null)[]} placements */
  growFronds(placements) {
    const { nodes, ring } = this;
    nodes.forEach((node, n) => {
      const placement = placements[n];
      const bead = placement ? ring.placeOf(placement.anchor) : -1;
      if (bead < 0 || !placement) return;
      this.beadOf[node.seq] = bead;
      this.depthOf[node.seq] = Math.min(255, placement.depth);
      this.parentOf[node.seq] = placement.depth > 1 ? (this.seqs.get(node.locus) ?? 0) : 0;
      this.counts[bead] += 1;
    });
    for (let bead = 0; bead < this.counts.length; bead += 1) this.starts[bead + 1] = this.starts[bead] + this.counts[bead];
  }

  /** Put each frond's pages in the order of its tree. */
  order() {
    const { nodes, beadOf, parentOf, starts } = this;
    const size = nodes.length + 1;
    const first = new Int32Array(size), next = new Int32Array(size), roots = new Int32Array(this.counts.length);
    for (let seq = nodes.length; seq >= 1; seq -= 1) {
      if (beadOf[seq] < 0) continue;
      const parent = parentOf[seq];
      next[seq] = parent ? first[parent] : roots[beadOf[seq]];
      if (parent) first[parent] = seq;
      else roots[beadOf[seq]] = seq;
    }
    roots.forEach((root, bead) => {
      let row = 0;
      const open = root ? [root] : [];
      for (let seq = open.pop(); seq !== undefined; seq = open.pop()) {
        this.pages[starts[bead] + row] = seq;
        this.rowOf[seq] = row;
        row += 1;
        if (next[seq]) open.push(next[seq]);
        if (first[seq]) open.push(first[seq]);
      }
    });
  }

  /** @param {number} bead @returns {{columns: number, rows: number, side: number}} how its frond's pages stand */
  blockOf(bead) {
    const count = this.counts[bead];
    const columns = Math.max(1, Math.min(MOST_COLUMNS, Math.ceil(count / TALLEST)));
    return { columns, rows: Math.ceil(count / columns), side: this.cell / columns };
  }

  /** @param {number} bead @param {number} scale pixels a unit @returns {boolean} whether its pages are drawn one by one */
  isOpen(bead, scale) {
    return this.counts[bead] <= TALLEST || this.blockOf(bead).side * scale >= SMALLEST;
  }

  /** @param {number} bead @param {number} scale @returns {number} how far a stack's mark reaches outward: by the order of its count */
  stackLength(bead, scale) {
    const length = TALLEST * Math.min(this.cell, 7) * (0.55 + Math.log2(this.counts[bead] / TALLEST) / 4);
    return Math.min(length, LONGEST_STACK / scale);
  }

  /** @param {number} bead @param {number} scale @returns {number} how far its frond reaches from the middle of the ring */
  reach(bead, scale) {
    if (this.counts[bead] === 0) return RADIUS;
    const { rows, side } = this.blockOf(bead);
    return RADIUS + this.stalk + (this.isOpen(bead, scale) ? rows * side : this.stackLength(bead, scale));
  }

  /**
   * @param {number} bead
   * @param {number} out how far from the middle
   * @param {number} [aside] how far beside the bead's own line
   * @returns {[number, number]}
   */
  point(bead, out, aside = 0) {
    const sin = this.sines[bead], cos = this.cosines[bead];
    return [sin * out + cos * aside, -cos * out + sin * aside];
  }

  /** @param {number} seq of a page that was written @returns {[number, number]} */
  pointOf(seq) {
    const bead = this.beadOf[seq];
    const { columns, rows, side } = this.blockOf(bead);
    const row = this.rowOf[seq];
    const column = Math.floor(row / rows);
    const lean = columns === 1 ? (this.depthOf[seq] - 1) * side * 0.25 : 0;
    return this.point(bead, RADIUS + this.stalk + ((row % rows) + 0.5) * side, (column - (columns - 1) / 2) * side + lean);
  }

  /** @param {Mark} mark @param {number} scale @returns {[number, number]} */
  middleOf(mark, scale) {
    if (mark.kind === "bead") return this.point(mark.bead, RADIUS);
    if (mark.kind === "page" && this.isOpen(mark.bead, scale)) return this.pointOf(mark.seq);
    return this.point(mark.bead, RADIUS + this.stalk + this.stackLength(mark.bead, scale) / 2);
  }

  /**
   * @param {string | null} id
   * @returns {Mark | null} the mark of a page
   */
  markOf(id) {
    if (id === null) return null;
    const bead = this.ring.placeOf(id);
    if (bead >= 0) return { kind: "bead", bead, seq: 0, count: 0 };
    const seq = this.seqs.get(id) ?? 0;
    return seq > 0 && this.beadOf[seq] >= 0 ? { kind: "page", bead: this.beadOf[seq], seq, count: 0 } : null;
  }

  /** @param {Mark} mark @returns {string} the id of the page that it is of, or that a stack grew from */
  pageOf(mark) {
    const id = mark.kind === "page" ? this.nodes[mark.seq - 1]?.pageId : undefined;
    return id ?? this.ring.pages[mark.bead].page_id;
  }

  /**
   * What is at a point: found by its angle, then by how far out it is.
   *
   * @param {number} x
   * @param {number} y
   * @param {number} scale pixels a unit
   * @param {number} [near] how far from it a mark may be, in pixels
   * @returns {Mark | null}
   */
  markAt(x, y, scale, near = 10) {
    const out = Math.hypot(x, y), slack = near / scale;
    if (out < RADIUS - slack || this.angles.length === 0) return null;
    let best = null, least = slack;
    for (const bead of this.beadsNear(x, y, out, slack)) {
      const mark = this.markOn(bead, x, y, out, scale);
      if (mark === null) continue;
      const distance = this.distanceTo(mark, x, y, out, scale);
      if (distance < least) [best, least] = [mark, distance];
    }
    return best;
  }

  /** @param {number} x @param {number} y @param {number} out @param {number} slack */
  beadsNear(x, y, out, slack) {
    const angle = (Math.atan2(x, -y) + 2 * Math.PI) % (2 * Math.PI);
    const wide = slack / out + this.step / 2;
    const count = this.angles.length;
    let low = 0, high = count;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.angles[middle] < angle - wide) low = middle + 1;
      else high = middle;
    }
    const found = [];
    for (let bead = low; bead < count && this.angles[bead] <= angle + wide; bead += 1) found.push(bead);
    if (angle + wide > 2 * Math.PI) found.push(0);
    return found;
  }

  /** @param {number} bead @param {number} x @param {number} y @param {number} out @param {number} scale @returns {Mark | null} */
  markOn(bead, x, y, out, scale) {
    if (out < RADIUS + this.stalk / 2 || this.counts[bead] === 0) return { kind: "bead", bead, seq: 0, count: 0 };
    if (!this.isOpen(bead, scale)) return { kind: "stack", bead, seq: 0, count: this.counts[bead] };
    const { columns, rows, side } = this.blockOf(bead);
    const aside = x * this.cosines[bead] + y * this.sines[bead];
    const along = x * this.sines[bead] - y * this.cosines[bead];
    const column = clamp(Math.round(aside / side + (columns - 1) / 2), columns);
    const row = clamp(Math.floor((along - RADIUS - this.stalk) / side), rows);
    const place = Math.min(column * rows + row, this.counts[bead] - 1);
    return { kind: "page", bead, seq: this.pages[this.starts[bead] + place], count: 0 };
  }

  /** @param {Mark} mark @param {number} x @param {number} y @param {number} out @param {number} scale */
  distanceTo(mark, x, y, out, scale) {
    if (mark.kind !== "stack") {
      const [markX, markY] = this.middleOf(mark, scale);
      return Math.hypot(markX - x, markY - y);
    }
    const aside = Math.abs(x * this.cosines[mark.bead] + y * this.sines[mark.bead]);
    return Math.max(aside, out - this.reach(mark.bead, scale));
  }

  /**
   * The mark that a key leads to: along the circle, or out and in along a frond.
   *
   * @param {Mark} mark
   * @param {"on" | "back" | "out" | "in"} way
   * @param {number} scale
   * @returns {Mark}
   */
  from(mark, way, scale) {
    const { bead } = mark;
    const count = this.angles.length;
    if (way === "on" || way === "back") return { kind: "bead", bead: (bead + (way === "on" ? 1 : count - 1)) % count, seq: 0, count: 0 };
    const row = mark.kind === "page" ? this.rowOf[mark.seq] : mark.kind === "stack" ? 0 : -1;
    const to = row + (way === "out" ? 1 : -1);
    if (to < 0) return { kind: "bead", bead, seq: 0, count: 0 };
    if (to >= this.counts[bead]) return mark;
    if (!this.isOpen(bead, scale)) return { kind: "stack", bead, seq: 0, count: this.counts[bead] };
    return { kind: "page", bead, seq: this.pages[this.starts[bead] + to], count: 0 };
  }
}

/** @param {number} n @param {number} count */
const clamp = (n, count) => Math.max(0, Math.min(count - 1, n));
