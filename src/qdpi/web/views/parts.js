/** Small parts that several views share. */

import { settings } from "../settings.js";
import { canon, voices } from "../store.js";
import { html } from "../vendor/vendor.js";
import { hexOf, TRAJECTORIES, undirected } from "./words.js";

const assets = new URL("..", import.meta.url).pathname;

/** A character's figure, with the mark of a behaviour around it. @param {{character: number, behavior?: number | null, isEmblem?: boolean}} props */
export function Glyph({ character, behavior = null, isEmblem = false }) {
  const figure = `${assets}glyphs.svg#f${character.toString(16).toUpperCase()}`;
  const mark = behavior === null ? null : `${assets}glyphs.svg#b${behavior.toString(16).toUpperCase()}`;
  return html`<svg class=${isEmblem ? "glyph emblem" : "glyph"} data-voice=${character} viewBox="0 0 96 96" aria-hidden="true" focusable="false">
    <use href=${figure} />${mark && html`<use href=${mark} />`}
  </svg>`;
}

/** What a trajectory does, as a mark; a dot where it is not known. @param {{trajectory: string | null | undefined}} props */
export function Mark({ trajectory }) {
  const outline = trajectory ? TRAJECTORIES[trajectory]?.outline : undefined;
  return html`<svg class="mark" viewBox="0 0 12 12" aria-hidden="true" focusable="false"><path d=${outline ?? "M6 6h.01"} /></svg>`;
}

/** @param {any} page @returns {boolean} whether a page was written for a reader, and is not of the book */
export const isWritten = (page) => page.seq !== null && page.seq !== undefined;

/** @param {number} code @returns {string} the name of the voice of a symbol */
export function voiceName(code) {
  return voices.value.get(code >> 4)?.name ?? `Voice ${hexOf(code)[0]}`;
}

/** Give the window its title. @param {string} title of what it shows */
export function entitle(title) {
  document.title = undirected(`${title} · ${canon.value?.title ?? ""}`);
}

/** @param {number} seconds since 1970 @returns {string} */
export function timeOf(seconds) {
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** A button of the page's toolbar. @param {{label: string, onClick: () => void, pressed?: boolean, title?: string, children?: any}} props */
export function Tool({ label, onClick, pressed, title, children }) {
  return html`<button type="button" class="tool" aria-label=${label} aria-pressed=${pressed} title=${title ?? label} onClick=${onClick}>
    ${children ?? label}
  </button>`;
}

/** Whether the reader wants no motion. */
export function isStill() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches || settings.value.pace === 0;
}

/** Give the focus to the heading of what came; not while the reader writes in a field, such as the palette's. @param {HTMLElement | null} heading */
export function focusHeading(heading) {
  if (!document.activeElement?.matches("input, textarea, select")) heading?.focus({ preventScroll: true });
}
