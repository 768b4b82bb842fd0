/** What the reader owes the book: in the bar of every page, and beside the grid. */

import { preview, stateShown } from "../store.js";
import { html } from "../vendor/vendor.js";
import { counted } from "./words.js";

/** What the reader owes the book, always in sight. */
export function Owed() {
  const told = preview.value?.value;
  const open = Object.keys(stateShown.value.branches).length;
  if (!told) return null;
  return html`<p class="owed">
    ${counted(told.return_debt, "page")} owed · ${counted(told.ttl, "page")} left before the way leads back · ${counted(open, "branch", "branches")} open
  </p>`;
}
