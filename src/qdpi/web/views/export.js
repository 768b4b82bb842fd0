/** Take the journey with you: as a file that can be read anywhere, or one that can be imported again. */

import * as api from "../api.js";
import { sessionId } from "../store.js";
import { html } from "../vendor/vendor.js";

const FORMATS = [
  ["log", "Everything, to go on from", "The whole journey as one file, from which the command qdpi import makes it again: the only form that loses nothing."],
  ["epub", "A book", "EPUB 3, for readers: your journey as chapters, branches as links."],
  ["markdown", "Text", "Plain text (Markdown), a file for each page."],
  ["twee", "A story for Twine", "To open in Twine, the editor for branching stories (Twee 3)."],
];

/** The pane with a link for each format. */
export function Export() {
  return html`<ul class="export">${FORMATS.map(([format, title, about]) => html`<li key=${format}>
    <a href=${api.exportUrl(sessionId.value, format)} download>${title}</a><p class="quiet">${about}</p></li>`)}</ul>`;
}
