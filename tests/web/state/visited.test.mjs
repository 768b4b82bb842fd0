/** The pages that were read, by the server's bitmaps. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { bitsOf, union, visitedPages } from "../../../src/qdpi/web/state/visited.js";

const bitmap = (...numbers) => {
  const bytes = Buffer.alloc(Math.ceil(Math.max(0, ...numbers) / 8));
  for (const number of numbers) bytes[(number - 1) >> 3] |= 1 << ((number - 1) & 7);
  return bytes.toString("base64");
};

test("a bitmap has its numbers and no others", () => {
  const has = bitsOf(bitmap(1, 8, 9, 710));
  assert.deepEqual([0, 1, 2, 8, 9, 10, 709, 710, 711, 10_000].filter(has), [1, 8, 9, 710]);
  assert.equal(bitsOf("")(1), false);
});

test("pages of the book are known by their number, pages of the journey by their seq", () => {
  const ring = [{ page_id: "S01-P0001", page_num: 1 }, { page_id: "S01-P0002", page_num: 2 }, { page_id: "odd", page_num: null }];
  const nodes = [{ seq: 1, pageId: "a" }, { seq: 2, pageId: null }, { seq: 3, pageId: "b" }];
  assert.deepEqual([...visitedPages({ canon: bitmap(2), pages: bitmap(1, 2) }, ring, nodes)], ["S01-P0002", "a"]);
  assert.equal(visitedPages({ canon: "", pages: "" }, ring, nodes).size, 0);
});

test("what was read on two devices is read", () => {
  const both = bitsOf(union(bitmap(3), bitmap(200)));
  assert.deepEqual([3, 200].map(both), [true, true]);
  assert.equal(union("", ""), "");
});
