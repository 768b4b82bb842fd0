/** Take the journey with you, as a file that can be read anywhere or one that can be brought back; and bring one back. */

import { announce } from "../announce.js";
import * as api from "../api.js";
import { changeSession } from "../session.js";
import { about, asProblem, sessionId } from "../store.js";
import { h, html, useState } from "../vendor/vendor.js";

const FORMATS = [
  ["log", "Everything, to go on from", "The whole journey as one file, which can be brought back here or on another server: the only form that loses nothing."],
  ["epub", "A book", "EPUB 3, for readers: your journey as chapters, branches as links."],
  ["markdown", "Text", "Plain text (Markdown), a file for each page."],
  ["twee", "A story for Twine", "To open in Twine, the editor for branching stories (Twee 3)."],
];

/** The pane with a link for each format, and the way back. */
export function Export() {
  return html`<ul class="export">${FORMATS.map(([format, title, about]) => html`<li key=${format}>
    <a href=${api.exportUrl(sessionId.value, format)} download>${title}</a><p class="quiet">${about}</p></li>`)}</ul>
    ${h(BringBack, {})}`;
}

/** @typedef {{state: "none" | "reading" | "refused" | "done", told: any}} Import */

function BringBack() {
  const [{ state, told }, set] = useState(/** @type {Import} */ ({ state: "none", told: null }));
  /** @param {File | undefined} file */
  const bring = async (file) => {
    if (file === undefined) return;
    set({ state: "reading", told: file.name });
    announce("Reading the file");
    try {
      const told = await api.importJourney(file, about.value?.signed ? sessionId.value : null);
      set({ state: "done", told });
      announce(sentenceOf(told));
    } catch (error) {
      const problem = asProblem(error);
      set({ state: "refused", told: problem });
      announce(problem.detail);
    }
  };
  return html`<section class="bring-back" aria-labelledby="bring-back">
    <h3 id="bring-back">Bring a journey back</h3>
    <p class="quiet"><label for="journey-file">From the file of “Everything, to go on from”. It is checked whole before anything is written.</label></p>
    <input id="journey-file" type="file" accept=".zip,application/zip" disabled=${state === "reading"}
      onChange=${(/** @type {any} */ event) => void bring(event.target.files?.[0])} />
    <div>
      ${state === "reading" && html`<p>Reading <span dir="auto">${told}</span> …</p>`}
      ${state === "refused" && html`<p>${told.detail}</p><p class="quiet">${told.nextStep}</p>`}
      ${state === "done" && html`<p>${sentenceOf(told)}</p>
        <button type="button" class="primary" onClick=${() => changeSession(told.session_id)}>Open it</button>`}
    </div>
  </section>`;
}

/** @param {any} told what an import did @returns {string} */
function sentenceOf({ changed, seq, outcomes_written: written, outcomes_here: here }) {
  if (!changed) return `This journey is here already, with ${count(seq, "page")}.`;
  return `${count(written, "page")} brought back${here > 0 ? `, after ${here} that were here` : ""}.`;
}

/** @param {number} number @param {string} noun */
const count = (number, noun) => `${number} ${noun}${number === 1 ? "" : "s"}`;
