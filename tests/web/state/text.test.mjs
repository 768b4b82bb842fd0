/** Text by code points, on the vectors that the server's clients pass; paragraphs; the pace of a page. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { Pace } from "../../../src/qdpi/web/text/pace.js";
import { paragraphsOf } from "../../../src/qdpi/web/text/paragraphs.js";
import { addDelta, emptyText, markedPieces } from "../../../src/qdpi/web/text/points.js";

const vectors = JSON.parse(readFileSync(new URL("../../../src/qdpi/text_vectors.json", import.meta.url), "utf-8"));

for (const { name, steps } of vectors.texts) {
  test(`deltas: ${name}`, () => {
    let text = emptyText();
    for (const { delta, shown } of steps) {
      const result = addDelta(text, delta);
      text = result.text;
      const got = { attempt: text.attempt, text: text.points.join(""), restarted: result.restarted, whole: text.whole };
      assert.deepEqual(got, shown);
    }
  });
}

for (const { name, text, marks, pieces } of vectors.passages) {
  test(`marks: ${name}`, () => {
    assert.deepEqual(markedPieces(text, marks).map((piece) => [piece.text, piece.marked]), pieces);
  });
}

test("a blank line ends a paragraph, and lines stay lines", () => {
  assert.deepEqual(paragraphsOf("One\nline.\n\nTwo.\r\n \r\nThree.\n\n\n"), [["One", "line."], ["Two."], ["Three."]]);
  assert.deepEqual(paragraphsOf("  \n"), []);
});

test("a page appears word by word, at its reader's pace", () => {
  const points = Array.from("one two three four");
  const pace = new Pace(2);
  assert.equal(pace.advance(points, 1000), 0);
  assert.equal(points.slice(0, pace.advance(points, 1500)).join(""), "one");
  assert.equal(points.slice(0, pace.advance(points, 2600)).join(""), "one two three");
  assert.equal(pace.advance(points, 60_000), points.length);
});

test("all at once shows all at once", () => {
  assert.equal(new Pace(Infinity).advance(Array.from("one two"), 0), 7);
});

test("a page that is far ahead is caught up with", () => {
  const points = Array.from("word ".repeat(600));
  const pace = new Pace(10);
  pace.advance(points, 0);
  const shown = pace.advance(points, 1000);
  assert.ok(shown >= 5 * 90, `${shown} characters after a second`);
});

test("a text that starts over is shown from its beginning", () => {
  const pace = new Pace(Infinity);
  pace.advance(Array.from("one two"), 0);
  pace.restart();
  assert.equal(pace.shown, 0);
});
