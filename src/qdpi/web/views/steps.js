/** The steps of a page that is being written: which are done, which is now, how long it waits. */

import { html } from "../vendor/vendor.js";
import { PHASES, STEPS } from "./words.js";

/** @param {{run: import("../state/runs.js").Run}} props */
export function Steps({ run }) {
  const at = Math.max(0, STEPS.indexOf(run.phase === "reading" || run.phase === "waiting" ? "planning" : run.phase));
  const place = run.phase === "queued" && run.place !== null && run.place > 1 ? `, number ${run.place} in line` : "";
  const until = run.until === null ? "" : ` until ${new Date(run.until).toLocaleTimeString()}`;
  return html`<p class="steps">
    <span class="sr-only">${PHASES[run.phase] ?? run.phase}${place}${until}</span>
    ${line(at)}
    ${(place || until) && html`<span class="quiet" aria-hidden="true">${PHASES[run.phase]}${place}${until}</span>`}
  </p>`;
}

/** All of them, of a page that was bound a moment ago. */
export function StepsDone() {
  return html`<p class="steps"><span class="sr-only">Saved</span>${line(STEPS.length)}</p>`;
}

/** @param {number} at the place of the step that is now */
function line(at) {
  return html`<span aria-hidden="true">${STEPS.map((step, n) => html`<span key=${step} class=${n < at ? "done" : n === at ? "now" : "to-come"}>${step}</span>`)}</span>`;
}
