/** The way from the book to a page that was written, as a line. */

import { placements } from "../past.js";
import { pageHref } from "../router.js";
import { pageId, titleOf, treeVersion, watched } from "../store.js";
import { html } from "../vendor/vendor.js";

/** The pages from the book to the one that is shown. */
export function Path() {
  void treeVersion.value;
  const at = pageId.value;
  const locus = watched.value?.locus ?? null; // a page that is being written has its own way already
  const path = locus !== null ? [...placements().wayTo(locus), locus] : at === null ? [] : placements().wayTo(at);
  if (path.length === 0) return null;
  return html`<nav class="path" aria-label="The way here">
    <ol>${path.map((id) => html`<li key=${id}><a href=${pageHref(id)} dir="auto">${titleOf(id)}</a></li>`)}<li aria-current="page">here</li></ol>
  </nav>`;
}
