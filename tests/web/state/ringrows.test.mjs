/** The ring as a tree of rows, for the keyboard and for screen readers. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Placements, Ring } from "../../../src/qdpi/web/state/placement.js";
import { RingLayout } from "../../../src/qdpi/web/state/ringlayout.js";
import { keyIn, rowNamed, RingRows, rowsInView } from "../../../src/qdpi/web/state/ringrows.js";

const pages = ["S01-P0001", "S01-P0002", "S02-P0003"].map((page_id, n) => ({ page_id, section: n < 2 ? 1 : 2, title: `page ${n + 1}` }));
const sections = [{ section: 1, character: 0, name: "First" }, { section: 2, character: 1, name: "Second" }];
const nodes = [["a", "S01-P0002"], ["b", "S01-P0002"], ["c", "a"], [null, "a"]].map(([pageId, locus], n) => ({
  seq: n + 1, ts: n, pageId, locus, symbol: 0x2f, trajectory: pageId && "T0", branch: null, status: "complete", title: pageId, error: null,
}));

function rows(...open) {
  const ring = new Ring(pages);
  return new RingRows(new RingLayout(ring, sections, nodes, new Placements(ring).take(nodes).list), pages).rows(new Set(open));
}
const short = (row) => `${" ".repeat(row.level)}${row.id} ${row.place}/${row.of} ${row.count} ${row.isOpen}`;

test("closed, the ring is its sections", () => {
  assert.deepEqual(rows().map(short), [" section:1 1/2 3 false", " section:2 2/2 0 false"]);
});

test("below a section are its pages, below a page what grew there", () => {
  assert.deepEqual(rows("section:1", "S01-P0002", "a").map(short), [
    " section:1 1/2 3 true", "  S01-P0001 1/2 0 null", "  S01-P0002 2/2 3 true",
    "   a 1/2 1 true", "    c 1/1 0 null", "   b 2/2 0 null", " section:2 2/2 0 false",
  ]);
  assert.deepEqual(rows("section:1", "S01-P0002").find((row) => row.id === "a").voice, 2);
});

test("a page is seen when the rows above it are open", () => {
  const ring = new Ring(pages);
  const tree = new RingRows(new RingLayout(ring, sections, nodes, new Placements(ring).take(nodes).list), pages);
  for (const id of ["a", "b", "c", "S01-P0001", "S02-P0003"]) {
    assert.ok(tree.rows(new Set(tree.above(id))).some((row) => row.id === id), id);
  }
  assert.deepEqual([tree.above("nobody"), tree.above(null)], [[], []]);
});

test("keys move as in a tree", () => {
  const open = rows("section:1", "S01-P0002");
  const at = (id) => open.findIndex((row) => row.id === id);
  assert.deepEqual(keyIn(open, 0, "ArrowDown"), { to: 1 });
  assert.deepEqual(keyIn(open, 0, "ArrowUp"), { to: 0 });
  assert.deepEqual(keyIn(open, 1, "End"), { to: open.length - 1 });
  assert.deepEqual(keyIn(open, at("a"), "ArrowRight"), { open: "a" });
  assert.deepEqual(keyIn(open, at("b"), "ArrowRight"), null);
  assert.deepEqual(keyIn(open, 0, "ArrowRight"), { to: 1 });
  assert.deepEqual(keyIn(open, 0, "ArrowLeft"), { close: "section:1" });
  assert.deepEqual(keyIn(open, at("b"), "ArrowLeft"), { to: at("S01-P0002") });
  assert.equal(keyIn(open, 0, "x"), null);
});

test("letters lead to the next row that begins with them", () => {
  const open = rows("section:1");
  assert.deepEqual(["p", "page 2", "s", "zz"].map((letters) => open[rowNamed(open, 1, letters)].title), ["page 2", "page 2", "Second", "page 1"]);
});

test("past 200 rows, only those in sight are on the page, and the one with the focus", () => {
  const view = { top: 32_000, height: 640, row: 32 };
  assert.equal(rowsInView(200, view, 0).length, 200);
  const places = rowsInView(10_000, view, 3);
  assert.deepEqual([places[0], places[1], places.at(-1), places.length], [3, 980, 1039, 61]);
  assert.deepEqual(rowsInView(10_000, { ...view, top: 0 }, 3).slice(0, 2), [0, 1]);
  assert.equal(rowsInView(10_000, { ...view, top: 1e9 }, -1).at(-1), 9999);
});
