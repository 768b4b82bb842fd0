/** The desk: the book in the middle, the rest at its edges, each a toggle away. */

import { announce, announcement } from "../announce.js";
import { placements } from "../past.js";
import { pageHref, route, sectionHref, viewHref } from "../router.js";
import { canon, pageId, panel, past, savedSeq, shown, titleOf, treeVersion, watched } from "../store.js";
import { servedMain, servedPath } from "../shell.js";
import { h, html, useEffect, useLayoutEffect, useRef } from "../vendor/vendor.js";
import { typedSymbol } from "../keys.js";
import { Branches } from "./branches.js";
import { Notices } from "./notices.js";
import { later } from "./later.js";
import { isWritten } from "./parts.js";
import { nameOf, Owed, Press } from "./press.js";
import { Reading } from "./reading.js";
import { Timeline } from "./timeline.js";
import { UnderWay, WritingPage } from "./writing.js";

/** The views in place of the page. */
const VIEWS = /** @type {Record<string, ReturnType<typeof later>>} */ ({
  ring: later(async () => (await import("./ring.js")).Ring, { title: "The ring" }),
  find: later(async () => (await import("./search.js")).Search, { title: "Find" }),
  vault: later(async () => (await import("./vault.js")).Vault, { title: "Vault" }),
});

/** Wait for what the view of the address needs, so that the server's page stays until then. @param {string} view */
export async function readyFor(view) {
  await VIEWS[view]?.ready();
}

/** The panes of the side, each with its title. @type {Record<string, {title: string, view: (props: object) => any}>} */
const PANES = {
  press: { title: "Press", view: Press },
  why: { title: "Why this page", view: pane(async () => (await import("./why.js")).Why) },
  settings: { title: "Text and settings", view: pane(async () => (await import("./settings.js")).Settings) },
  help: { title: "Keys and help", view: pane(async () => (await import("./help.js")).Help) },
  export: { title: "Take it with you", view: pane(async () => (await import("./export.js")).Export) },
  palette: { title: "Go to", view: pane(async () => (await import("./palette.js")).Palette) },
};

/** @param {() => Promise<(props: object) => any>} load */
function pane(load) {
  return later(load).View;
}

/** The whole page. */
export function Desk() {
  const other = VIEWS[route.value.view];
  return html`<div class="desk" data-view=${route.value.view} data-panel=${panel.value} data-past=${past.value !== null}>
    ${h(Masthead, {})}
    ${route.value.view === "page" && html`${h(Path, {})}<div class="middle">${watched.value === null ? h(Reading, {}) : h(WritingPage, {})}${h(UnderWay, {})}${watched.value === null && h(Branches, {})}</div>`}
    ${other && h(other.View, { key: route.value.view })}
    ${route.value.view === "served" && h(Served, {})}
    ${h(TypedSymbol, {})}
    ${h(Side, {})}
    ${h(Bar, {})}
    ${h(Notices, {})}
    <div class="sr-only" role="status" aria-live="polite">${announcement.value}</div>
  </div>`;
}

/** What the server alone shows, such as a section's pages: its own nodes. From another view it is asked for anew. */
function Served() {
  const place = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    if (servedMain !== null && location.pathname === servedPath) place.current?.append(servedMain);
    else location.reload();
  }, []);
  return html`<div class="served" ref=${place}></div>`;
}

/** @param {string} name */
function toggle(name) {
  panel.value = panel.peek() === name ? null : name;
}

/** What was typed after `s`, and what it would do, before Enter. */
function TypedSymbol() {
  const typed = typedSymbol.value;
  const code = typed?.length === 2 ? Number.parseInt(typed, 16) : null;
  const sentence = code === null ? "two hex digits" : `${nameOf(code)} Enter presses, Esc forgets.`;
  useEffect(() => {
    if (typed !== null) announce(sentence);
  }, [typed]);
  return typed !== null && html`<section class="typed" aria-label="The symbol that you type"><p>s <kbd>${typed.padEnd(2, "_")}</kbd> ${sentence}</p></section>`;
}

function Masthead() {
  return html`<header class="masthead">
    <a class="masthead-book" dir="auto" href=${pageHref(canon.value?.ring[0]?.page_id ?? "")}>${canon.value?.title}</a>
    ${h(Where, {})}
    <nav class="masthead-places" aria-label="The book"><ul>
      ${/** @type {const} */ (["ring", "vault", "find"]).map((view) => html`<li key=${view}><a href=${viewHref(view)} aria-current=${route.value.view === view ? "page" : null}>${view[0].toUpperCase() + view.slice(1)}</a></li>`)}</ul>
      <button type="button" aria-label="Text and settings" aria-expanded=${panel.value === "settings"} onClick=${() => toggle("settings")}>Aa</button>
      <button type="button" aria-label="Take it with you" aria-expanded=${panel.value === "export"} onClick=${() => toggle("export")}>⤓</button>
      <button type="button" aria-label="Keys and help" aria-expanded=${panel.value === "help"} onClick=${() => toggle("help")}>?</button></nav>
  </header>`;
}

/** Where the reader is in the book, in the words of the server's own page. */
function Where() {
  const page = shown.value?.page;
  const sections = canon.value?.sections ?? [];
  const section = sections.find((/** @type {any} */ each) => each.section === page?.section);
  if (!page || !section) return null;
  const link = html`<a href=${sectionHref(page.section)}>Section ${page.section}</a>`;
  if (isWritten(page)) return html`<p class="where">${link}<span>a page of your own</span></p>`;
  const ring = canon.value?.ring ?? [];
  const at = ring.findIndex((/** @type {any} */ entry) => entry.page_id === page.page_id);
  if (at === -1) return html`<p class="where">${link}</p>`;
  const first = ring.findIndex((/** @type {any} */ entry) => entry.page_id === section.first_page);
  return html`<p class="where">${link}<span>page ${at - first + 1} of ${section.pages}</span><span>${at + 1} of ${ring.length} on the ring</span></p>`;
}

/** The way from the book to a page that was written, as a line. */
function Path() {
  void treeVersion.value;
  const at = pageId.value;
  const locus = watched.value?.locus ?? null; // a page that is being written has its own way already
  const path = locus !== null ? [...placements().wayTo(locus), locus] : at === null ? [] : placements().wayTo(at);
  if (path.length === 0) return null;
  return html`<nav class="path" aria-label="The way here">
    <ol>${path.map((id) => html`<li key=${id}><a href=${pageHref(id)}>${titleOf(id)}</a></li>`)}<li aria-current="page">here</li></ol>
  </nav>`;
}

/** The pane at the side. The focus goes into it, and back to where it was when it is closed. */
function Side() {
  const open = panel.value;
  const pane = open === null ? undefined : PANES[open];
  return pane ? h(Pane, { key: open, pane }) : null;
}

/** @param {{pane: {title: string, view: (props: object) => any}}} props */
function Pane({ pane }) {
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    const before = document.activeElement;
    const side = title.current?.closest("aside");
    if (!side?.contains(before)) title.current?.focus({ preventScroll: true });
    return () => {
      const now = document.activeElement;
      const isLost = now === document.body || side?.contains(now);
      if (isLost && before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  return html`<aside class="side" aria-label=${pane.title}>
    <header><h2 tabindex="-1" ref=${title}>${pane.title}</h2><button type="button" class="close" aria-label="Close" onClick=${() => (panel.value = null)}>×</button></header>
    ${h(pane.view, {})}
  </aside>`;
}

/** The bar at the bottom: what can be done, and that everything is saved. */
function Bar() {
  return html`<section class="bar" aria-label="Pressing">
    <button type="button" class="primary" aria-expanded=${panel.value === "press"} onClick=${() => (panel.value = panel.value === "press" ? null : "press")}>Press</button>
    ${h(Owed, {})}
    ${h(Timeline, {})}
    <span class="saved" title="Every page up to here is kept by the server">saved ✓ ${savedSeq.value}</span>
  </section>`;
}
