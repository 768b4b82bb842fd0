/** The vault along the journey's time. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { beadsOf } from "../../../src/qdpi/web/state/beads.js";

const nodes = Array.from({ length: 100 }, (_, n) => ({ seq: n + 1, ts: 1000 + n * 10 }));
const saved = (...seconds) => seconds.map((second, n) => ({ page_id: `p${n}`, saved_at: new Date(second * 1000).toISOString() }));

test("a page that was saved stands where the journey was then", () => {
  assert.deepEqual(beadsOf(saved(900, 1000, 1495, 5000), nodes).map((bead) => bead.at), [0, 0.5, 1]);
});

test("pages saved one soon after the other are one bead", () => {
  assert.deepEqual(beadsOf(saved(1000, 1005, 1012, 1200), nodes).map((bead) => bead.entries.length), [3, 1]);
  const many = beadsOf(saved(...Array.from({ length: 5000 }, (_, n) => 1000 + n / 5)), nodes);
  assert.ok(many.length <= 41, `${many.length} beads`);
  assert.equal(many.reduce((sum, bead) => sum + bead.entries.length, 0), 5000);
});

test("a journey without pages has its vault at now", () => {
  assert.deepEqual(beadsOf(saved(1), []).map((bead) => bead.at), [1]);
});
