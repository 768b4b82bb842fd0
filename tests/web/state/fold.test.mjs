/** The fold and the digest of a journey's state, on the vectors that the server's own fold passes. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { canonicalJson, digestOf } from "../../../src/qdpi/web/state/digest.js";
import { emptyState, foldAll, sectionFigures, SequenceGap } from "../../../src/qdpi/web/state/fold.js";

const read = (path) => JSON.parse(readFileSync(new URL(`../../../src/qdpi/${path}`, import.meta.url), "utf-8"));
const vectors = read("journey_vectors.json");
const outcome = (step) => (step.type.endsWith(".done") ? step.event : { seq: step.event.seq });
const sha256 = (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest());

test("a journey without outcomes is the start of every vector", () => {
  assert.deepEqual(emptyState(), vectors.start);
});

for (const journey of vectors.journeys) {
  test(`fold: ${journey.name}`, () => {
    let state = emptyState();
    for (const step of journey.steps) {
      if (step.gap) {
        assert.throws(() => foldAll([outcome(step)], state), SequenceGap);
        continue;
      }
      const before = structuredClone(state);
      const after = foldAll([outcome(step)], state);
      assert.deepEqual(state, before, "the state before stays as it is");
      state = after;
      assert.deepEqual(state, step.state);
      for (const [section, figures] of Object.entries(step.sections ?? {})) {
        const { openBranches, returnDebt } = sectionFigures(state, Number(section));
        assert.deepEqual({ open_branches: openBranches, return_debt: returnDebt }, figures);
      }
    }
  });

  test(`fold at once: ${journey.name}`, () => {
    const steps = journey.steps.filter((step) => !step.gap);
    assert.deepEqual(foldAll(steps.map(outcome)), steps.at(-1)?.state ?? emptyState());
  });
}

test("JSON is written as Python writes it", () => {
  const value = { b: [1, true, null], a: "é\u2028 \u{1f514} \"q\" \\ \n\u007f", "\u{10000}": 1, "\uffff": 2 };
  const written = '{"a": "\\u00e9\\u2028 \\ud83d\\udd14 \\"q\\" \\\\ \\n\\u007f", "b": [1, true, null], "\\uffff": 2, "\\ud800\\udc00": 1}';
  assert.equal(canonicalJson(value), written);
});

const digests = process.env.QDPI_DIGESTS ? JSON.parse(process.env.QDPI_DIGESTS) : [];
test("digests are those of the server", { skip: digests.length === 0 && "no digests were given" }, () => {
  const states = vectors.journeys.flatMap((journey) => journey.steps.filter((step) => !step.gap).map((step) => step.state));
  assert.deepEqual(states.map((state) => digestOf(state, sha256)), digests);
});
