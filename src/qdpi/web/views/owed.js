/** What the reader owes the book, always in sight; a press on it says what that means. */

import { preview, stateShown } from "../store.js";
import { h, html, useState } from "../vendor/vendor.js";
import { later } from "./later.js";
import { counted } from "./words.js";

const MEANS = later(async () => (await import("./means.js")).Means);

/** In the bar of every page. */
export function Owed() {
  const [isAsked, ask] = useState(false);
  const told = preview.value?.value;
  const open = Object.keys(stateShown.value.branches).length;
  if (!told) return null;
  return html`<button type="button" class="owed" popovertarget="owed-means" aria-describedby="owed-means-hint">
      <span class="long">${counted(told.return_debt, "page")} owed · ${counted(told.ttl, "page")} until the way leads back · ${counted(open, "branch", "branches")} open</span>
      <span class="short">${told.return_debt} owed · ${told.ttl} left · ${open} open</span>
    </button><span id="owed-means-hint" hidden>What is owed, and why</span>
    <div id="owed-means" class="means" popover="auto" onBeforeToggle=${() => ask(true)}>${isAsked && h(MEANS.View, {})}</div>`;
}
