/** The vault: the pages that the reader saved, with names and notes. */

import { save, unsave } from "../actions.js";
import { hasMoved, pageHref } from "../router.js";
import { titleOf, tree, treeVersion, vaultShown } from "../store.js";
import { h, html, useEffect, useRef, useState } from "../vendor/vendor.js";
import { focusHeading } from "./parts.js";
import { counted, nameFor } from "./words.js";

/** The view at /vault. */
export function Vault() {
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    if (hasMoved()) focusHeading(title.current);
  }, []);
  void treeVersion.value;
  const entries = [...vaultShown.value.values()].reverse();
  return html`<main class="column" id="main" tabindex="-1"><article class="leaf vault"><h1 class="page-title" tabindex="-1" ref=${title}>Vault</h1>
    <p class="quiet">${entries.length === 0 ? "Nothing is saved yet. Save a page, and it is here, with your name for it." : counted(entries.length, "page")}</p>
    <ol>${entries.map((entry) => h(Saved, { key: entry.page_id, entry }))}</ol></article></main>`;
}

/** @param {{entry: import("../state/vault.js").Entry}} props */
function Saved({ entry }) {
  const [isOpen, setOpen] = useState(false);
  const [label, setLabel] = useState(entry.label);
  const [notes, setNotes] = useState(entry.notes);
  const title = tree.pages.has(entry.page_id) ? titleOf(entry.page_id) : (entry.title ?? titleOf(entry.page_id));
  const name = nameFor(entry.label, title);
  /** @param {Event} event */
  const keep = (event) => {
    event.preventDefault();
    void save(entry.page_id, label, notes);
    setOpen(false);
  };
  return html`<li class="saved-page">
    <a href=${pageHref(entry.page_id)} dir="auto">${name}</a>
    <p class="quiet">${name !== title && html`<span dir="auto">${title}</span> · `}saved ${new Date(entry.saved_at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })}</p>
    ${entry.notes && !isOpen && html`<p dir="auto">${entry.notes}</p>`}
    ${isOpen ? html`<form onSubmit=${keep}>
      <label>Name <input maxlength="200" value=${label} onInput=${(/** @type {any} */ event) => setLabel(event.target.value)} /></label>
      <label>Notes <textarea rows="3" maxlength="4000" value=${notes} onInput=${(/** @type {any} */ event) => setNotes(event.target.value)}></textarea></label>
      <div class="buttons"><button type="submit" class="primary">Keep</button><button type="button" onClick=${() => setOpen(false)}>Cancel</button></div></form>`
      : html`<div class="buttons"><button type="button" onClick=${() => setOpen(true)}>Name and notes</button><button type="button" onClick=${() => void unsave(entry.page_id)}>Take out</button></div>`}
  </li>`;
}
