/** A symbol that is typed: two hex digits, and what it would do, before Enter. */

import { announce } from "../announce.js";
import { typedSymbol } from "../keys.js";
import { html, useEffect } from "../vendor/vendor.js";
import { nameOf } from "./press.js";

/** What was typed after `s`, and what it would do, before Enter. */
export function TypedSymbol() {
  const typed = typedSymbol.value;
  const code = typed?.length === 2 ? Number.parseInt(typed, 16) : null;
  const sentence = code === null ? "two hex digits" : `${nameOf(code)} Enter presses, Esc forgets.`;
  useEffect(() => {
    if (typed !== null) announce(sentence);
  }, [typed]);
  return typed !== null && html`<section class="typed" aria-label="The symbol that you type"><p>s <kbd>${typed.padEnd(2, "_")}</kbd> ${sentence}</p></section>`;
}
