/**
 * What the ring's canvases show. Shape comes before colour: a page of the book is round and a written page square; what
 * was read is filled, what was not is hollow, what is owed has a ring around it.
 *
 * @typedef {import("../state/ringlayout.js").Mark} Mark
 * @typedef {import("../state/ringlayout.js").RingLayout} RingLayout
 * @typedef {{layout: RingLayout, here: Mark | null, owed: Mark[], beadVoices: Uint8Array, beadsRead: Uint8Array,
 *   pageVoices: Uint8Array, pagesRead: Uint8Array}} Scene of beads by their place, of pages by their seq
 * @typedef {{paper: string, ink: string, quiet: string, voices: string[], font: string}} Inks
 * @typedef {{at: (point: [number, number]) => [number, number], scale: number, box: number[]}} View
 *   `at` gives a point of the ring its place in the window, `scale` is pixels a unit, `box` what can be seen
 */

import { RADIUS, TALLEST } from "../state/ringlayout.js";

/** Below this size a hollow mark cannot be told from a filled one: it is pale instead. */
const HOLLOW_FROM = 4.5;
const PALE = 0.55;
/** The width of a hollow mark's line. */
const STROKE = 1.25;
/** How long the pointer to the reader's place is, in pixels. */
const POINTER = 20;
const FULL_TURN = 2 * Math.PI;

/** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {View} view @param {Inks} inks */
export function paintRing(context, scene, view, inks) {
  const marks = new Marks();
  for (let bead = 0; bead < scene.layout.angles.length; bead += 1) {
    if (!isInSight(scene.layout, bead, view)) continue;
    addBead(marks, scene, view, bead);
    if (scene.layout.counts[bead] === 0) continue;
    if (scene.layout.isOpen(bead, view.scale)) addFrond(marks, scene, view, bead);
    else addStack(marks, scene, view, bead);
  }
  marks.paint(context, inks, view.scale);
  paintCounts(context, scene, view, inks);
  paintOwed(context, scene, view, inks);
  paintNames(context, scene, view, inks);
}

/** Marks by voice, so that a colour is set once. Many small squares are painted one by one: as one path they are slow. */
class Marks {
  constructor() {
    const paths = () => Array.from({ length: 16 }, () => new Path2D());
    /** @type {number[][]} squares by voice: left, top and side of each */
    this.filled = Array.from({ length: 16 }, () => []);
    /** @type {number[][]} */
    this.pale = Array.from({ length: 16 }, () => []);
    /** @type {number[][]} */
    this.hollow = Array.from({ length: 16 }, () => []);
    this.discs = paths();
    this.circles = paths();
    /** Beads too small for a shape: strokes across the ring, short and pale, or longer where the page was read. */
    this.unread = paths();
    this.read = paths();
    this.stacks = new Path2D();
  }

  /** @param {[number, number]} middle @param {number} size @param {number} voice @param {boolean} isFilled */
  addSquare([x, y], size, voice, isFilled) {
    const isHollow = !isFilled && size >= HOLLOW_FROM;
    const side = isHollow ? size - STROKE : size;
    (isFilled ? this.filled : isHollow ? this.hollow : this.pale)[voice].push(x - side / 2, y - side / 2, side);
  }

  /** @param {[number, number]} middle @param {number} size @param {number} voice @param {boolean} isFilled */
  addRound([x, y], size, voice, isFilled) {
    const path = (isFilled ? this.discs : this.circles)[voice], radius = (isFilled ? size : size - STROKE) / 2;
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, FULL_TURN);
  }

  /** @param {CanvasRenderingContext2D} context @param {Inks} inks @param {number} scale */
  paint(context, inks, scale) {
    inks.voices.forEach((color, voice) => {
      context.fillStyle = context.strokeStyle = color;
      context.globalAlpha = PALE;
      each(this.pale[voice], (x, y, side) => context.fillRect(x, y, side, side));
      context.lineWidth = Math.max(1, scale * 4);
      context.stroke(this.unread[voice]);
      context.globalAlpha = 1;
      context.stroke(this.read[voice]);
      context.fill(this.discs[voice]);
      each(this.filled[voice], (x, y, side) => context.fillRect(x, y, side, side));
      context.lineWidth = STROKE;
      context.stroke(this.circles[voice]);
      each(this.hollow[voice], (x, y, side) => context.strokeRect(x, y, side, side));
    });
    context.fillStyle = inks.quiet;
    context.globalAlpha = 0.75;
    context.fill(this.stacks);
    context.globalAlpha = 1;
  }
}

/** @param {number[]} squares @param {(x: number, y: number, side: number) => void} paint */
function each(squares, paint) {
  for (let n = 0; n < squares.length; n += 3) paint(squares[n], squares[n + 1], squares[n + 2]);
}

/** @param {RingLayout} layout @param {number} bead @param {View} view @returns {boolean} whether a bead or its frond may be seen */
function isInSight(layout, bead, { at, scale, box }) {
  const [x0, y0] = at(layout.point(bead, RADIUS)), [x1, y1] = at(layout.point(bead, layout.reach(bead, scale)));
  const wide = layout.cell * scale + 8;
  return Math.max(x0, x1) + wide > box[0] && Math.min(x0, x1) - wide < box[2] && Math.max(y0, y1) + wide > box[1] && Math.min(y0, y1) - wide < box[3];
}

/** @param {Marks} marks @param {Scene} scene @param {View} view @param {number} bead */
function addBead(marks, { layout, beadVoices, beadsRead }, { at, scale }, bead) {
  const size = Math.min(22, layout.cell * scale * 0.85);
  const isFilled = beadsRead[bead] === 1, voice = beadVoices[bead];
  if (size >= HOLLOW_FROM) return marks.addRound(at(layout.point(bead, RADIUS)), size, voice, isFilled);
  const path = (isFilled ? marks.read : marks.unread)[voice], half = (isFilled ? 4.5 : 2) / scale;
  path.moveTo(...at(layout.point(bead, RADIUS - half)));
  path.lineTo(...at(layout.point(bead, RADIUS + half)));
}

/** @param {Marks} marks @param {Scene} scene @param {View} view @param {number} bead */
function addFrond(marks, { layout, pageVoices, pagesRead }, { at, scale, box }, bead) {
  const size = Math.min(20, Math.max(1.6, layout.blockOf(bead).side * scale * 0.72));
  const [left, top, right, bottom] = [box[0] - size, box[1] - size, box[2] + size, box[3] + size];
  for (let place = layout.starts[bead]; place < layout.starts[bead + 1]; place += 1) {
    const seq = layout.pages[place];
    const point = at(layout.pointOf(seq));
    if (point[0] < left || point[0] > right || point[1] < top || point[1] > bottom) continue;
    marks.addSquare(point, size, pageVoices[seq], pagesRead[seq] === 1);
  }
}

/** A stack is a bar from the ring outward, longer by the order of its count. @param {Marks} marks @param {Scene} scene @param {View} view @param {number} bead */
function addStack(marks, { layout }, { at, scale }, bead) {
  const half = Math.min(layout.cell * 0.35, 2.5 / scale), reach = layout.reach(bead, scale), from = RADIUS + layout.stalk - 2;
  const corners = [at(layout.point(bead, from, -half)), at(layout.point(bead, reach, -half)), at(layout.point(bead, reach, half)), at(layout.point(bead, from, half))];
  corners.forEach(([x, y], n) => (n === 0 ? marks.stacks.moveTo(x, y) : marks.stacks.lineTo(x, y)));
  marks.stacks.closePath();
}

/** The counts of stacks, where there is room: the largest first. @param {CanvasRenderingContext2D} context @param {Scene} scene @param {View} view @param {Inks} inks */
function paintCounts(context, { layout }, { at, scale, box }, inks) {
  context.font = `11px ${inks.font}`;
  context.fillStyle = inks.quiet;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const closed = Array.from(layout.counts.keys()).filter((bead) => layout.counts[bead] > TALLEST && !layout.isOpen(bead, scale));
  const taken = new Room();
  for (const bead of closed.sort((a, b) => layout.counts[b] - layout.counts[a])) {
    const text = String(layout.counts[bead]);
    const [x, y] = at(layout.point(bead, layout.reach(bead, scale) + 11 / scale));
    if (x < box[0] || x > box[2] || y < box[1] || y > box[3]) continue;
    if (taken.takes(x - 4 - text.length * 3.2, y - 8, x + 4 + text.length * 3.2, y + 8)) context.fillText(text, x, y);
  }
}

/** Where words stand: no two on one place. */
class Room {
  constructor() {
    /** @type {number[][]} */
    this.taken = [];
  }

  /** @param {number} left @param {number} top @param {number} right @param {number} bottom @returns {boolean} whether it was free */
  takes(left, top, right, bottom) {
    if (this.taken.some((other) => left < other[2] && right > other[0] && top < other[3] && bottom > other[1])) return false;
    this.taken.push([left, top, right, bottom]);
    return true;
  }
}

/** @param {CanvasRenderingContext2D} context @param {Scene} scene @param {View} view @param {Inks} inks */
function paintOwed(context, { layout, owed }, { at, scale }, inks) {
  context.strokeStyle = inks.ink;
  context.lineWidth = 1.5;
  for (const mark of owed) {
    const [x, y] = at(layout.middleOf(mark, scale));
    const side = mark.kind === "bead" ? layout.cell : layout.blockOf(mark.bead).side;
    context.beginPath();
    context.arc(x, y, Math.max(5, Math.min(22, side * scale) * 0.62 + 2.5), 0, FULL_TURN);
    context.stroke();
  }
}

/** Who speaks in each section, inside the ring; further inside where a name stands there already. @param {CanvasRenderingContext2D} context @param {Scene} scene @param {View} view @param {Inks} inks */
function paintNames(context, { layout }, { at, scale, box }, inks) {
  const isSmall = RADIUS * scale < 230;
  const height = isSmall ? 12 : 17;
  context.font = `${isSmall ? 10 : 13}px ${inks.font}`;
  context.textAlign = "left";
  context.textBaseline = "middle";
  const taken = new Room();
  for (const arc of layout.arcs) {
    const text = isSmall ? String(arc.section) : arc.name;
    const width = context.measureText(text).width, sin = Math.sin((arc.from + arc.to) / 2), cos = Math.cos((arc.from + arc.to) / 2);
    for (let line = 0; line < 4; line += 1) {
      const inner = RADIUS - (POINTER + 16 + line * height) / scale;
      const [x, y] = at([sin * inner, -cos * inner]);
      const left = x - (width * (1 + sin)) / 2;
      if (x < box[0] || x > box[2] || y < box[1] || y > box[3]) break;
      if (!taken.takes(left - 4, y - height / 2, left + width + 4, y + height / 2)) continue;
      context.fillStyle = inks.voices[arc.character];
      context.fillText(text, left, y);
      break;
    }
  }
}

/** From a page to what it grew from, to what grew from it, and to where it leads back. @param {CanvasRenderingContext2D} context @param {Scene} scene @param {View} view @param {Inks} inks @param {Mark | null} selected */
export function paintEdges(context, { layout, pageVoices }, { at, scale }, inks, selected) {
  if (selected === null || selected.kind === "stack") return;
  context.strokeStyle = selected.kind === "page" ? inks.voices[pageVoices[selected.seq]] : inks.quiet;
  context.lineWidth = 1.25;
  context.beginPath();
  const line = (/** @type {[number, number]} */ from, /** @type {[number, number]} */ to) => {
    context.moveTo(...at(from));
    context.lineTo(...at(to));
  };
  const bead = layout.point(selected.bead, RADIUS);
  if (selected.kind === "bead") {
    if (layout.isOpen(selected.bead, scale)) rootsOf(layout, selected.bead).forEach((seq) => line(bead, layout.pointOf(seq)));
  } else {
    for (let seq = selected.seq; seq; seq = layout.parentOf[seq]) line(layout.pointOf(seq), layout.parentOf[seq] ? layout.pointOf(layout.parentOf[seq]) : bead);
    for (const seq of framesOf(layout, selected.bead)) if (layout.parentOf[seq] === selected.seq) line(layout.pointOf(selected.seq), layout.pointOf(seq));
  }
  context.stroke();
}

/** @param {RingLayout} layout @param {number} bead @returns {Int32Array} the pages of a frond */
const framesOf = (layout, bead) => layout.pages.subarray(layout.starts[bead], layout.starts[bead + 1]);
/** @param {RingLayout} layout @param {number} bead @returns {number[]} those that were written at the page of the book */
const rootsOf = (layout, bead) => [...framesOf(layout, bead)].filter((seq) => layout.parentOf[seq] === 0);

/** Where the reader is, and what is pointed at. @param {CanvasRenderingContext2D} context @param {Scene} scene @param {View} view @param {Inks} inks @param {Mark | null} selected */
export function paintTop(context, { layout, here }, { at, scale, box }, inks, selected) {
  if (here !== null) paintHere(context, layout, here, { at, scale, box }, inks);
  if (selected === null) return;
  const [x, y] = at(layout.middleOf(selected, scale));
  context.strokeStyle = inks.paper;
  context.lineWidth = 5;
  context.beginPath();
  context.arc(x, y, 9, 0, FULL_TURN);
  context.stroke();
  context.strokeStyle = inks.ink;
  context.lineWidth = 2;
  context.stroke();
}

/** A pointer from inside the ring, with its words where there is room. @param {CanvasRenderingContext2D} context @param {RingLayout} layout @param {Mark} here @param {View} view @param {Inks} inks */
function paintHere(context, layout, here, { at, scale, box }, inks) {
  const [x, y] = at(layout.middleOf(here, scale));
  if (x < box[0] - 40 || x > box[2] + 40 || y < box[1] - 40 || y > box[3] + 40) return;
  const sin = Math.sin(layout.angles[here.bead]), cos = Math.cos(layout.angles[here.bead]);
  const [tipX, tipY] = at(layout.point(here.bead, RADIUS - Math.min(6, layout.cell * 0.6 * scale + 3) / scale));
  context.fillStyle = inks.ink;
  context.beginPath();
  context.moveTo(tipX, tipY);
  context.lineTo(tipX - sin * POINTER - cos * 5, tipY + cos * POINTER - sin * 5);
  context.lineTo(tipX - sin * POINTER + cos * 5, tipY + cos * POINTER + sin * 5);
  context.fill();
  if (here.kind === "page") {
    context.strokeStyle = inks.ink;
    context.lineWidth = 2;
    context.strokeRect(x - 6, y - 6, 12, 12);
  }
}
