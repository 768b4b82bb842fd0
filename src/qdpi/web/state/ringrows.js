/**
 * The ring as a tree of rows: sections, their pages, and what was written at each; a page that came back goes on from
 * the book, as on the ring. Pure.
 *
 * @typedef {{id: string, kind: "section" | "page" | "written", level: number, place: number, of: number, title: string,
 *   voice: number, count: number, isOpen: boolean | null, parent: string | null, seq: number}} Row
 *   `id` is the page's, or `section:1`; `place` of `of` is its place among its siblings; `count` is how many pages were
 *   written below it; `isOpen` is null for a row without children.
 */

import { writtenTitle } from "./tree.js";

/** Rows of one moment's ring. */
export class RingRows {
  /**
   * @param {import("./ringlayout.js").RingLayout} layout
   * @param {{page_id: string, section: number, title: string}[]} pages of the ring
   */
  constructor(layout, pages) {
    this.layout = layout;
    /** @type {Map<number, {page_id: string, section: number, title: string}[]>} */
    this.sections = new Map();
    for (const page of pages) {
      const others = this.sections.get(page.section);
      if (others) others.push(page);
      else this.sections.set(page.section, [page]);
    }
    /** @type {Map<number, number[]>} the pages that grew from page `seq`; from bead n at `-1 - n` */
    this.children = new Map();
    for (const seq of layout.pages) {
      const key = layout.parentOf[seq] || -1 - layout.beadOf[seq];
      const others = this.children.get(key);
      if (others) others.push(seq);
      else this.children.set(key, [seq]);
    }
  }

  /**
   * @param {ReadonlySet<string>} open the ids of the rows whose children are shown
   * @returns {Row[]}
   */
  rows(open) {
    /** @type {Row[]} */
    const rows = [];
    this.layout.arcs.forEach((arc, n) => {
      const pages = this.sections.get(arc.section) ?? [];
      const id = `section:${arc.section}`;
      const count = pages.reduce((sum, page) => sum + this.countAt(page.page_id), 0);
      rows.push({
        id, kind: "section", level: 1, place: n + 1, of: this.layout.arcs.length, title: arc.name, voice: arc.character,
        count, isOpen: open.has(id), parent: null, seq: 0,
      });
      if (open.has(id)) pages.forEach((page, at) => this.addPage(rows, open, page, at + 1, pages.length, arc.character));
    });
    return rows;
  }

  /** @param {string} id */
  countAt(id) {
    return this.layout.counts[this.layout.ring.placeOf(id)] ?? 0;
  }

  /**
   * @param {Row[]} rows
   * @param {ReadonlySet<string>} open
   * @param {{page_id: string, section: number, title: string}} page
   * @param {number} place
   * @param {number} of
   * @param {number} voice
   */
  addPage(rows, open, page, place, of, voice) {
    const count = this.countAt(page.page_id);
    const isOpen = count > 0 ? open.has(page.page_id) : null;
    rows.push({ id: page.page_id, kind: "page", level: 2, place, of, title: page.title, voice, count, isOpen, parent: `section:${page.section}`, seq: 0 });
    if (isOpen) this.addWritten(rows, open, -1 - this.layout.ring.placeOf(page.page_id), page.page_id, 3);
  }

  /**
   * @param {Row[]} rows
   * @param {ReadonlySet<string>} open
   * @param {number} key
   * @param {string} parent
   * @param {number} level
   */
  addWritten(rows, open, key, parent, level) {
    const seqs = this.children.get(key) ?? [];
    seqs.forEach((seq, at) => {
      const node = this.layout.nodes[seq - 1];
      const id = node.pageId ?? "";
      const grown = this.children.get(seq);
      const isOpen = grown ? open.has(id) : null;
      rows.push({
        id, kind: "written", level, place: at + 1, of: seqs.length, title: writtenTitle(node.trajectory, node.title), voice: (node.symbol ?? 0) >> 4,
        count: grown?.length ?? 0, isOpen, parent, seq,
      });
      if (isOpen) this.addWritten(rows, open, seq, id, level + 1);
    });
  }

  /** @param {string | null} id of a page @returns {string[]} the rows that must be open for it to be seen */
  above(id) {
    const mark = this.layout.markOf(id);
    if (mark === null) return [];
    const bead = this.layout.ring.pages[mark.bead];
    const path = [`section:${bead.section}`];
    if (mark.kind === "page") path.push(bead.page_id);
    for (let seq = mark.seq && this.layout.parentOf[mark.seq]; seq; seq = this.layout.parentOf[seq]) {
      path.push(this.layout.nodes[seq - 1].pageId ?? "");
    }
    return path;
  }
}

/** More rows than this are not all put on the page. */
export const MOST_ROWS = 200;

/**
 * Which rows are put on the page: those in sight, some around them, and the one that has the focus.
 *
 * @param {number} count
 * @param {{top: number, height: number, row: number}} view the list's scroll, its height, and a row's, in pixels
 * @param {number} focused the focused row
 * @returns {number[]} places of rows, in order
 */
export function rowsInView(count, { top, height, row }, focused) {
  if (count <= MOST_ROWS) return Array.from({ length: count }, (_, n) => n);
  const spare = 20;
  const from = Math.max(0, Math.min(count, Math.floor(top / row)) - spare);
  const to = Math.min(count, Math.ceil((top + height) / row) + spare);
  const places = Array.from({ length: Math.max(0, to - from) }, (_, n) => from + n);
  if (focused >= 0 && focused < count && (focused < from || focused >= to)) places.push(focused);
  return places.sort((a, b) => a - b);
}

/**
 * @param {Row[]} rows
 * @param {number} at the focused row
 * @param {string} key of the keyboard
 * @returns {{to: number} | {open: string} | {close: string} | null} what a key does in a tree
 */
export function keyIn(rows, at, key) {
  const row = rows[at];
  switch (key) {
    case "ArrowDown": return { to: Math.min(rows.length - 1, at + 1) };
    case "ArrowUp": return { to: Math.max(0, at - 1) };
    case "Home": return { to: 0 };
    case "End": return { to: rows.length - 1 };
    case "PageDown": return { to: Math.min(rows.length - 1, at + 12) };
    case "PageUp": return { to: Math.max(0, at - 12) };
    case "ArrowRight": return row.isOpen === null ? null : row.isOpen ? { to: at + 1 } : { open: row.id };
    case "ArrowLeft": return row.isOpen ? { close: row.id } : { to: Math.max(0, rows.findIndex((each) => each.id === row.parent)) };
    default: return null;
  }
}

/**
 * @param {Row[]} rows
 * @param {number} at
 * @param {string} letters
 * @returns {number} the next row whose title begins with them, else the same
 */
export function rowNamed(rows, at, letters) {
  const wanted = letters.toLocaleLowerCase();
  for (let step = 1; step <= rows.length; step += 1) {
    const place = (at + step) % rows.length;
    if (rows[place].title.toLocaleLowerCase().startsWith(wanted)) return place;
  }
  return at;
}
