/** Any moment of a journey, folded from its tree, on the vectors that the server's own fold passes. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { digestOf } from "../../../src/qdpi/web/state/digest.js";
import { Moments, proofOf, seqAt } from "../../../src/qdpi/web/state/past.js";
import { Placements, Ring } from "../../../src/qdpi/web/state/placement.js";
import { nodeOf, Tree } from "../../../src/qdpi/web/state/tree.js";

const vectors = JSON.parse(readFileSync(new URL("../../../src/qdpi/journey_vectors.json", import.meta.url), "utf-8"));
const sha256 = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());
const ring = new Ring([1, 2, 3].flatMap((section) => [1, 2, 3, 4].map((n) => ({ page_id: `S0${section}-P${section}${n}`, section }))));
const withoutTerms = (state) => ({ ...state, recent: state.recent.map((locus) => ({ ...locus, terms: [] })) });

/** Outcomes as nodes: each is [page, locus, trajectory, branch], a failed run is null. */
function grown(...outcomes) {
  const tree = new Tree();
  outcomes.forEach((outcome, n) => {
    const [pageId, locus, trajectory, branch] = outcome ?? [null, null, null, null];
    const status = outcome ? "complete" : "failed";
    tree.add({ seq: n + 1, ts: 100 + n * 10, pageId, locus, symbol: 0, trajectory, branch, status, title: pageId, error: null });
  });
  return { tree, placements: new Placements(ring).take(tree.nodes) };
}

for (const { name, steps } of vectors.journeys.map((journey) => ({ ...journey, steps: journey.steps.filter((step) => !step.gap) }))) {
  test(`every moment is proven by its digest: ${name}`, () => {
    const tree = new Tree();
    for (const step of steps) tree.add(nodeOf(step.type.endsWith(".failed") ? { error: { code: "stopped" }, ...step.event } : step.event));
    const moments = new Moments(tree, new Placements(ring));
    const seen = new Map(steps.map((step) => [step.state.seq, step.state]));
    for (const [seq, state] of [...seen].reverse()) {
      const told = { state, digest: digestOf(state, sha256) };
      const proof = proofOf(moments.at(seq), told, sha256);
      assert.deepEqual(proof, { state, isProven: true });
    }
    assert.deepEqual(moments.at(0), vectors.start);
  });
}

test("a state that the server did not record is not proven", () => {
  const { tree, placements } = grown(["a", "S01-P11", "T2", "a"], ["b", "a", "T0", "a"]);
  const [before, now] = [1, 2].map((seq) => new Moments(tree, placements).at(seq));
  const told = { state: now, digest: digestOf(now, sha256) };
  assert.equal(proofOf(now, told, sha256).isProven, true);
  assert.equal(proofOf(before, told, sha256).isProven, false);
  assert.equal(proofOf({ ...now, failures: 1 }, told, sha256).isProven, false);
  const grownBranch = { ...now, branches: { a: { ...now.branches.a, pages: 3 } } };
  assert.equal(proofOf(grownBranch, told, sha256).isProven, false);
});

test("a page grows from the page of the book at the root of its tree, and leads to the page after it", () => {
  const { placements } = grown(["a", "S01-P12", "T0", null], ["b", "a", "T0", null], ["c", "b", "T1", null]);
  assert.deepEqual(placements.list, [
    { anchor: "S01-P12", depth: 1, returnTo: "S01-P13" },
    { anchor: "S01-P12", depth: 2, returnTo: "S01-P13" },
    { anchor: "S01-P12", depth: 3, returnTo: "S01-P13" },
  ]);
});

test("a press on a page that came back counts from the page of the book that it leads to", () => {
  const { placements } = grown(["a", "S01-P12", "T2", "a"], ["b", "a", "T1", "a"], null, ["c", "b", "T0", null], ["d", "a", "T0", null]);
  assert.deepEqual(placements.list.slice(2), [null, ...Array(2).fill({ anchor: "S01-P13", depth: 1, returnTo: "S01-P14" })]);
  assert.deepEqual([...placements.open], []);
});

test("a page that comes back from the ring itself leads to the page that it was pressed on", () => {
  assert.deepEqual(grown(["a", "S01-P14", "T1", null]).placements.list, [{ anchor: "S01-P14", depth: 1, returnTo: "S01-P14" }]);
});

test("the way to a page is that of its tree, however long the journey is", () => {
  const { placements } = grown(["a", "S01-P12", "T0", null], ["b", "a", "T0", null], ["c", "b", "T1", null], ["d", "c", "T0", null], ["e", "d", "T0", null]);
  assert.deepEqual(["a", "b", "c", "d", "e"].map((id) => placements.wayTo(id)), [
    ["S01-P12"], ["S01-P12", "a"], ["S01-P12", "a", "b"], ["S01-P13"], ["S01-P13", "d"],
  ]);
  assert.deepEqual(placements.wayTo("S01-P12"), []);
});

test("the ring is closed, and a page that the book no longer has counts as the next one", () => {
  assert.equal(ring.after("S03-P34"), "S01-P11");
  assert.deepEqual(grown(["a", "S01-P13x", "T0", null]).placements.list, [{ anchor: "S01-P14", depth: 1, returnTo: "S02-P21" }]);
});

test("a moment far into a journey is folded from a state nearby, with the same result", () => {
  const outcomes = Array.from({ length: 1000 }, (_, n) => (n % 7 === 6 ? null : [`p${n}`, `S01-P1${1 + (n % 4)}`, n % 5 ? "T2" : "T1", `p${n}`]));
  const { tree, placements } = grown(...outcomes);
  const far = new Moments(tree, placements);
  far.at(1000);
  const near = new Moments(tree, placements);
  for (const seq of [1, 255, 256, 257, 700, 999]) assert.deepEqual(withoutTerms(far.at(seq)), withoutTerms(near.folded(seq, near.kept[0])));
});

test("a time is the last outcome until then", () => {
  const { nodes } = grown(["a", "S01-P11", "T0", null], null, ["b", "a", "T0", null]).tree;
  assert.deepEqual([99, 100, 115, 500].map((seconds) => seqAt(nodes, seconds)), [0, 1, 2, 3]);
});
