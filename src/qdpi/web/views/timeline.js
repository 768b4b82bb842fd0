/** The journey's time along the bottom: a slider over its outcomes, and the vault as beads on it. */

import { moveTo, nameOf, settle, toNow } from "../past.js";
import { pageHref, viewHref } from "../router.js";
import { beadsOf } from "../state/beads.js";
import { past, titleOf, tree, treeVersion, vaultShown } from "../store.js";
import { h, html, useEffect, useMemo, useRef } from "../vendor/vendor.js";
import { timeOf } from "./parts.js";
import { counted, nameFor } from "./words.js";

/** The server is asked when the slider has stood so long, in milliseconds. */
const SETTLED_AFTER = 250;

const PROOFS = {
  moving: "", checking: "asking the server …", proven: "exactly as the server recorded it ✓",
  different: "the server recorded something else", unknown: "not compared with the server",
};

/** The slider, its beads, and what moment is shown. */
export function Timeline() {
  void treeVersion.value;
  const { head } = tree;
  const moment = past.value;
  const settling = useRef(/** @type {ReturnType<typeof setTimeout> | undefined} */ (undefined));
  useEffect(() => () => clearTimeout(settling.current), []);
  const seq = moment?.seq ?? head;
  /** @param {any} event */
  const onInput = (event) => {
    clearTimeout(settling.current);
    moveTo(Number(event.target.value));
  };
  const onChange = () => {
    clearTimeout(settling.current);
    settling.current = setTimeout(() => void settle(), SETTLED_AFTER);
  };
  return html`<section class="timeline" aria-label="The journey’s time" data-past=${moment !== null}>
    ${moment && h(Moment, { moment })}
    <div class="track">
      <input type="range" class="scrubber" min="0" max=${head} step="1" value=${seq} aria-label="Moment of the journey"
        aria-valuetext=${moment ? `${seq} of ${head}: ${nameOf(seq)}` : `now, after ${counted(head, "outcome")}`} onInput=${onInput} onChange=${onChange} />
      ${h(Beads, { head })}
    </div>
  </section>`;
}

/** @param {{moment: import("../store.js").Moment}} props */
function Moment({ moment }) {
  const node = tree.nodes[moment.seq - 1];
  return html`<p class="moment">
    <strong dir="auto">${nameOf(moment.seq)}</strong>
    <span>${moment.seq} of ${tree.head}${node ? ` · ${timeOf(node.ts)}` : ""}</span>
    <span class="proof" data-proof=${moment.proof} title=${moment.problem}>${PROOFS[moment.proof]}</span>
    <button type="button" onClick=${toNow}>Back to now <kbd>Esc</kbd></button>
  </p>`;
}

/** @param {{head: number}} props */
function Beads({ head }) {
  const beads = useMemo(() => beadsOf(vaultShown.value.values(), tree.nodes), [vaultShown.value, head]);
  return html`<ul class="beads" aria-label="Your vault along the time">
    ${beads.map((bead) => h(Bead, { key: bead.entries[0].page_id, bead }))}
  </ul>`;
}

/** A saved page: open it, and press from there. @param {{bead: import("../state/beads.js").Bead}} props */
function Bead({ bead }) {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => place.current?.style.setProperty("--at", bead.at.toFixed(5)), [bead.at]);
  const [entry] = bead.entries;
  const isOne = bead.entries.length === 1;
  const name = isOne ? nameFor(entry.label, titleOf(entry.page_id)) : counted(bead.entries.length, "saved page");
  return html`<li ref=${place}><a href=${isOne ? pageHref(entry.page_id) : viewHref("vault")} title=${name} aria-label=${isOne ? `Saved: ${name}` : name}></a></li>`;
}
