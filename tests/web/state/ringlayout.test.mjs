/** Where everything on the ring is, and what is found at a point of it. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Placements, Ring } from "../../../src/qdpi/web/state/placement.js";
import { RADIUS, RingLayout, TALLEST } from "../../../src/qdpi/web/state/ringlayout.js";

const SECTIONS = Array.from({ length: 16 }, (_, n) => ({ section: n + 1, character: n, name: `voice ${n}` }));
const pad = (n, digits) => String(n).padStart(digits, "0");
/** A book of 710 pages: section n has 44 or 45. */
const book = new Ring(Array.from({ length: 710 }, (_, n) => {
  const section = Math.floor((n * 16) / 710) + 1;
  return { page_id: `S${pad(section, 2)}-P${pad(n + 1, 4)}`, section };
}));
const idOf = (n) => book.pages[n].page_id;

function layout(outcomes, ring = book) {
  const nodes = outcomes.map(([pageId, locus, trajectory = "T0", branch = null], n) => ({
    seq: n + 1, ts: n, pageId, locus, symbol: n % 256, trajectory, branch, status: pageId ? "complete" : "failed", title: pageId, error: null,
  }));
  return new RingLayout(ring, SECTIONS, nodes, new Placements(ring).take(nodes).list);
}
const siblings = (count, locus = idOf(0)) => Array.from({ length: count }, (_, n) => [`p${n}`, locus]);
const length = ([x, y]) => Math.hypot(x, y);

test("beads stand on a circle, in their order, with a gap after each section", () => {
  const ring = layout([]);
  const { angles, arcs, step } = ring;
  assert.equal(arcs.length, 16);
  assert.deepEqual(arcs.map((arc) => arc.section), SECTIONS.map((section) => section.section));
  for (let bead = 1; bead < angles.length; bead += 1) {
    const steps = (angles[bead] - angles[bead - 1]) / step;
    const wanted = book.pages[bead].section === book.pages[bead - 1].section ? 1 : 4;
    assert.ok(Math.abs(steps - wanted) < 1e-6, `${steps} places after bead ${bead - 1}`);
  }
  assert.ok(angles[0] > 0 && angles[709] < 2 * Math.PI);
  assert.ok(Math.abs(length(ring.point(100, RADIUS)) - RADIUS) < 1e-9);
});

test("pages of a locus stack outward, the oldest nearest to the book", () => {
  const ring = layout(siblings(5));
  const out = [1, 2, 3, 4, 5].map((seq) => length(ring.pointOf(seq)));
  assert.deepEqual([...out].sort((a, b) => a - b), out);
  assert.ok(out[0] > RADIUS);
});

test("what grew from a page follows it, before the page's next sibling", () => {
  const ring = layout([["a", idOf(3)], ["b", idOf(3)], ["c", "a"], ["d", "c"], ["e", "a"]]);
  assert.deepEqual([...ring.pages], [1, 3, 4, 5, 2]);
  assert.deepEqual([1, 2, 3, 4, 5].map((seq) => ring.depthOf[seq]), [1, 1, 2, 3, 2]);
  assert.deepEqual([1, 2, 3, 4, 5].map((seq) => ring.parentOf[seq]), [0, 0, 1, 3, 1]);
});

test("a way that came back goes on from its page of the book: no frond is longer than its tree", () => {
  const way = Array.from({ length: 900 }, (_, n) => [`p${n}`, n ? `p${n - 1}` : idOf(0), n % 3 === 2 ? "T1" : "T0"]);
  const ring = layout(way);
  assert.deepEqual([...new Set(ring.depthOf.slice(1))], [1, 2, 3]);
  assert.deepEqual([...ring.counts.slice(0, 4)], [3, 3, 3, 3]);
});

test("more than twelve pages are one mark until they are near enough to be seen", () => {
  const few = layout(siblings(TALLEST)), many = layout(siblings(TALLEST + 1)), most = layout(siblings(2000));
  assert.equal(few.isOpen(0, 0.01), true);
  assert.equal(many.isOpen(0, 0.33), false);
  assert.equal(most.isOpen(0, 3), false);
  for (const ring of [few, many, most]) assert.equal(ring.isOpen(0, 100), true);
  const [x, y] = many.middleOf({ kind: "stack", bead: 0, seq: 0, count: 13 }, 0.33);
  assert.deepEqual(many.markAt(x, y, 0.33), { kind: "stack", bead: 0, seq: 0, count: 13 });
});

test("no two pages of a frond, and no two fronds, stand on one place", () => {
  const ring = layout([...siblings(300), ...siblings(200, idOf(1)).map(([id, locus]) => [`q${id}`, locus])]);
  const seen = new Set(ring.nodes.map((node) => ring.pointOf(node.seq).map((each) => each.toFixed(3)).join()));
  assert.equal(seen.size, 500);
  const aside = (seq, bead) => { const [x, y] = ring.pointOf(seq); return x * Math.cos(ring.angles[bead]) + y * Math.sin(ring.angles[bead]); };
  for (const node of ring.nodes) assert.ok(Math.abs(aside(node.seq, ring.beadOf[node.seq])) <= (ring.step * RADIUS) / 2);
});

for (const scale of [0.33, 2, 40]) {
  test(`each mark is found at its own place, at ${scale} pixels a unit`, () => {
    const ring = layout([...siblings(40), ...siblings(7, idOf(5)).map(([id, locus]) => [`q${id}`, locus]), ["x", "qp3"], ["y", idOf(709)]]);
    for (let bead = 0; bead < 710; bead += 1) {
      const mark = { kind: "bead", bead, seq: 0, count: 0 };
      assert.deepEqual(ring.markAt(...ring.middleOf(mark, scale), scale), mark);
    }
    for (const { seq } of ring.nodes) {
      const found = ring.markAt(...ring.middleOf({ kind: "page", bead: ring.beadOf[seq], seq, count: 0 }, scale), scale);
      assert.deepEqual(found, ring.isOpen(ring.beadOf[seq], scale) ? ring.markOf(ring.nodes[seq - 1].pageId) : { kind: "stack", bead: 0, seq: 0, count: 40 });
    }
  });
}

test("nothing is found inside the ring, far outside, or where there is no page", () => {
  const ring = layout(siblings(3));
  for (const [x, y] of [[0, 0], [500, -300], [4000, 0], ring.point(300, RADIUS + 200)]) assert.equal(ring.markAt(x, y, 0.33), null);
});

test("keys go along the circle, and out and in along a frond", () => {
  const ring = layout(siblings(3));
  const bead = ring.markOf(idOf(0));
  assert.equal(ring.from(bead, "back", 1).bead, 709);
  assert.equal(ring.from(ring.markOf(idOf(709)), "on", 1).bead, 0);
  const seen = [bead];
  for (let n = 0; n < 4; n += 1) seen.push(ring.from(seen[n], "out", 1));
  assert.deepEqual(seen.map((mark) => ring.pageOf(mark)), [idOf(0), "p0", "p1", "p2", "p2"]);
  assert.deepEqual(ring.from(ring.markOf("p0"), "in", 1), bead);
  const many = layout(siblings(30));
  assert.deepEqual(many.from(bead, "out", 0.3), { kind: "stack", bead: 0, seq: 0, count: 30 });
});

test("a failed run has no place, and neither has a page that nobody knows", () => {
  const ring = layout([[null, idOf(0), null], ["a", idOf(1)]]);
  assert.equal(ring.markOf("nowhere"), null);
  assert.equal(ring.markOf(null), null);
  assert.deepEqual([ring.counts[0], ring.counts[1]], [0, 1]);
});

test("a book of one page, and one of none, have a ring too", () => {
  const one = layout([["a", "S01-P0001"]], new Ring([{ page_id: "S01-P0001", section: 1 }]));
  assert.deepEqual(one.markAt(...one.pointOf(1), 0.33), one.markOf("a"));
  assert.equal(layout([], new Ring([])).markAt(0, -RADIUS, 1), null);
});

test("a ring with 10,000 pages takes less than 150 ms of the processor to lay out", () => {
  const outcomes = Array.from({ length: 10_000 }, (_, n) => [`p${n}`, n % 3 && n > 9 ? `p${n - (n % 7) - 1}` : idOf((n * n) % 64), ["T0", "T2", "T1"][n % 3], n % 3 === 1 ? `p${n}` : null]);
  const spent = Array.from({ length: 5 }, () => {
    const begun = process.cpuUsage();
    layout(outcomes);
    const { user, system } = process.cpuUsage(begun);
    return (user + system) / 1000;
  });
  assert.ok(Math.min(...spent) < 150, `${spent.map((each) => each.toFixed(1))} ms of the processor`);
});
