/** A journey as a tree, its runs under way, its vault. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { newRun, without, withDelta, withStatus } from "../../../src/qdpi/web/state/runs.js";
import { nodeOf, Tree } from "../../../src/qdpi/web/state/tree.js";
import { vaultOf, withChange } from "../../../src/qdpi/web/state/vault.js";

const columns = {
  head: 4, after: 0, next_after: null, seq: [1, 2, 3, 4], ts: [10, 11, 12, 13], page_id: ["a", "b", null, "c"],
  locus: ["S01-P0001", 1, "S01-P0001", 1], symbol: [1, 2, null, 4], trajectory: ["T2", "T0", null, "T3"],
  branch: [1, 1, null, 4], status: ["complete", "stopped", "failed", "complete"], title: ["A", "B", null, "C"],
  error: [null, null, "model_timeout", null],
};

function tree() {
  const grown = new Tree();
  grown.addColumns(columns);
  return grown;
}

test("columns name pages of the journey by their seq", () => {
  assert.deepEqual(tree().nodes.map((node) => [node.pageId, node.locus, node.branch]), [
    ["a", "S01-P0001", "a"], ["b", "a", "a"], [null, "S01-P0001", null], ["c", "a", "c"],
  ]);
});

test("pages at one locus are siblings, in the order in which they were written", () => {
  const { siblings, place } = tree().siblingsOf("c");
  assert.deepEqual([siblings.map((node) => node.pageId), place], [["b", "c"], 2]);
  assert.deepEqual(tree().siblingsOf("c", 3).siblings.map((node) => node.pageId), ["b"]);
  assert.deepEqual(tree().siblingsOf("S01-P0001"), { siblings: [], place: 0 });
  assert.deepEqual(tree().grownAt("S01-P0001").map((node) => node.pageId), ["a"]);
});

test("ancestry leads to the page of the book", () => {
  assert.deepEqual(tree().ancestryOf("c"), ["a", "S01-P0001"]);
  assert.deepEqual(tree().ancestryOf("S01-P0001"), []);
});

test("what is known, and what does not follow, changes nothing", () => {
  const grown = tree();
  grown.addColumns(columns);
  assert.equal(grown.add({ ...grown.nodes[0], seq: 7 }), false);
  assert.equal(grown.head, 4);
  assert.equal(grown.at.get("a")?.length, 2);
});

test("an outcome of the stream is a node", () => {
  const done = { seq: 5, ts: "2026-11-01T20:32:11.1Z", page_id: "d", locus: "c", symbol_code: 3, trajectory: "T1", branch_id: "c", status: "complete", title: "D" };
  assert.deepEqual(nodeOf(done), {
    seq: 5, ts: 1793565132, pageId: "d", locus: "c", symbol: 3, trajectory: "T1", branch: "c", status: "complete", title: "D", error: null,
  });
  const failed = nodeOf({ seq: 6, ts: "2026-11-01T20:32:11Z", page_id: "S01-P0001", locus: null, error: { code: "stopped" } });
  assert.deepEqual([failed.pageId, failed.status, failed.error], [null, "failed", "stopped"]);
});

test("a run under way has its words, its place in line and its text, until its outcome", () => {
  let runs = withStatus(new Map(), { press_id: "p", phase: "queued", symbol_code: 31, locus: "a", user_intent: "Why?", place: 2 });
  runs = withStatus(runs, { press_id: "p", phase: "waiting", attempt: 1, until: "2026-11-01T20:32:11Z" });
  assert.deepEqual({ ...runs.get("p"), text: null }, {
    ...newRun("p"), symbol: 31, locus: "a", words: "Why?", place: 2, phase: "waiting", attempt: 1, until: "2026-11-01T20:32:11Z", text: null,
  });
  const told = withDelta(runs, { press_id: "p", phase: "writing", attempt: 1, offset: 0, text: "The " });
  assert.deepEqual([told.added, told.runs.get("p")?.phase, told.runs.get("p")?.until], ["The ", "writing", null]);
  assert.equal(without(told.runs, "p").size, 0);
  assert.equal(without(runs, "other"), runs);
});

test("a vault is in the order of its changes, and an older change comes too late", () => {
  const entry = (page_id, saved_at, label = "") => ({ page_id, saved_at, event_id: page_id, label, notes: "" });
  let vault = vaultOf([entry("b", "2026-01-02T00:00:00Z"), entry("a", "2026-01-01T00:00:00Z")]);
  assert.deepEqual([...vault.keys()], ["a", "b"]);
  vault = withChange(vault, "a", entry("a", "2026-01-03T00:00:00Z", "new"));
  vault = withChange(vault, "a", entry("a", "2026-01-02T12:00:00Z", "old"));
  assert.deepEqual([...vault.values()].map((each) => each.label), ["", "new"]);
  assert.deepEqual([...withChange(vault, "b", null).keys()], ["a"]);
});
