/** What was written at this page: a card for each. */

import { pageHref } from "../router.js";
import { past, pageId, tree, treeVersion } from "../store.js";
import { writtenTitle } from "../state/tree.js";
import { h, html } from "../vendor/vendor.js";
import { Glyph, Mark, voiceName } from "./parts.js";
import { behaviourName, TRAJECTORIES } from "./words.js";

const MOST = 60;

/** The pages that grew from the page that is read. */
export function Branches() {
  void treeVersion.value;
  const at = pageId.value;
  if (at === null) return null;
  const grown = tree.grownAt(at, past.value?.seq);
  if (grown.length === 0) return null;
  const newest = grown.slice(-MOST).reverse();
  return html`<section class="branches" aria-labelledby="written-here">
    <h2 id="written-here">Written here <span class="count">${grown.length}</span></h2>
    <ul>${newest.map((node) => h(Card, { key: node.seq, node }))}</ul>
    ${grown.length > MOST && html`<p class="quiet">The newest ${MOST}. The ring has all.</p>`}
  </section>`;
}

/** @param {{node: import("../state/tree.js").Node}} props */
function Card({ node }) {
  const code = node.symbol ?? 0;
  const trajectory = node.trajectory ? TRAJECTORIES[node.trajectory] : null;
  return html`<li class="card" data-voice=${code >> 4}>
    <a href=${pageHref(node.pageId ?? "")}>
      ${h(Glyph, { character: code >> 4, behavior: code & 15 })}
      <span class="card-title"><span class="voice-name">${voiceName(code)}</span> <span class="quiet">${behaviourName(code & 15)}</span></span>
      <span dir="auto">${writtenTitle(node.trajectory, node.title)}</span>
      <span class="quiet">${trajectory && html`${h(Mark, { trajectory: node.trajectory })} ${trajectory.does}`}${node.status === "stopped" ? " · a part: you stopped it" : ""}</span>
    </a>
  </li>`;
}
