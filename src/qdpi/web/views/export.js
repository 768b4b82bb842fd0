/** Take the journey with you: as a file that can be read anywhere, or one that can be imported again. */

import * as api from "../api.js";
import { sessionId } from "../store.js";
import { html } from "../vendor/vendor.js";

const FORMATS = [
  ["log", "Everything, to import again", "The whole log, with hashes. The only form that loses nothing."],
  ["epub", "A book", "EPUB 3, for readers: your journey as chapters, branches as links."],
  ["markdown", "Text", "Markdown with frontmatter, a file for each page."],
  ["twee", "A story for Twine", "Twee 3."],
];

/** The pane with a link for each format. */
export function Export() {
  return html`<ul class="export">${FORMATS.map(([format, title, about]) => html`<li key=${format}>
    <a href=${api.exportUrl(sessionId.value, format)} download>${title}</a><p class="quiet">${about}</p></li>`)}</ul>`;
}
