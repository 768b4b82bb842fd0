/** What the page calls things, and what it makes of a stranger's names. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { nameFor, undirected } from "../../../src/qdpi/web/views/words.js";

test("a saved page has the reader's name, or its title where that has nothing to see", () => {
  for (const label of ["", " ", "\u200b\u202e", "\u3164\u2800", "\ufe0f"]) assert.equal(nameFor(label, "The Lamp"), "The Lamp");
  for (const label of ["x", "\u202ex", "👩‍👩‍👧‍👦", "שלום"]) assert.equal(nameFor(label, "The Lamp"), label);
});

test("a title within our words turns none of them", () => {
  assert.equal(undirected("a \u202eb\u2067c\u2069 שלום"), "a bc שלום");
});
