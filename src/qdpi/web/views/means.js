/** What it means to owe the book, with the figures of now. */

import { about, preview, stateShown } from "../store.js";
import { html } from "../vendor/vendor.js";
import { counted } from "./words.js";

export function Means() {
  const told = preview.value?.value;
  const limits = about.value?.limits;
  const open = Object.keys(stateShown.value.branches).length;
  if (!told || !limits) return null;
  return html`<h2>What is owed</h2>
    <p>A press may open a branch, which leaves the book’s own pages. The pages of a branch are owed to the book until one of them leads back into it. Then the branch is closed; its pages stay for ever.</p>
    <dl>
      <dt>${counted(told.return_debt, "page")} owed</dt><dd>in this section. With ${counted(limits.open_branches, "open branch", "open branches")} there, or more than ${counted(limits.return_debt, "page")} owed, no other is opened.</dd>
      <dt>${counted(told.ttl, "page")} left</dt><dd>can follow here, one after the other; the next one leads back by itself.</dd>
      <dt>${counted(open, "branch", "branches")} open</dt><dd>in your whole journey. It may leave the book ${limits.departures} times.</dd>
    </dl>
    <p class="quiet">“Return”, below a written page, goes back to the book at any time. Only a page that leads back pays.</p>`;
}
