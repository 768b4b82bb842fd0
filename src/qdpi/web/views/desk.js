/** The desk: the book in the middle, the rest at its edges, each a toggle away. */

import { announcement } from "../announce.js";
import { pageHref, route, sectionHref, viewHref } from "../router.js";
import { bound, canon, panel, past, runs, shown, tree, treeVersion, watched } from "../store.js";
import { servedMain, servedPath } from "../shell.js";
import { h, html, useLayoutEffect, useRef } from "../vendor/vendor.js";
import { typedSymbol } from "../keys.js";
import { later, loadAtLeisure } from "./later.js";
import { Notices } from "./notices.js";
import { Owed } from "./owed.js";
import { isWritten } from "./parts.js";
import { Reading } from "./reading.js";

/** The views in place of the page. */
const VIEWS = /** @type {Record<string, ReturnType<typeof later>>} */ ({
  ring: later(async () => (await import("./ring.js")).Ring, { title: "The ring" }),
  find: later(async () => (await import("./search.js")).Search, { title: "Find" }),
  vault: later(async () => (await import("./vault.js")).Vault, { title: "Vault" }),
});

/** What a journey brings to the page, once something was written. */
const JOURNEY = {
  path: later(async () => (await import("./path.js")).Path),
  branches: later(async () => (await import("./branches.js")).Branches),
  timeline: later(async () => (await import("./timeline.js")).Timeline),
};
const WRITING = {
  page: later(async () => (await import("./writing.js")).WritingPage, { title: "Queued" }),
  others: later(async () => (await import("./writing.js")).UnderWay),
};
const PRESS = later(async () => (await import("./press.js")).Press);
const TYPED = later(async () => (await import("./typed.js")).TypedSymbol);

/** Wait for what the view of the address needs, so that the server's page stays until then. @param {string} view */
export async function readyFor(view) {
  const needed = [VIEWS[view], ...(tree.head > 0 ? Object.values(JOURNEY) : [])];
  await Promise.all(needed.map((each) => each?.ready()));
}

/** Load what the first press needs: what it shows at once before what it is made with. */
export async function readyToPress() {
  await loadAtLeisure([JOURNEY.path, WRITING.page, WRITING.others, PRESS, TYPED, JOURNEY.branches, JOURNEY.timeline].map(({ ready }) => ready));
}

/** The panes of the side, each with its title. @type {Record<string, {title: string, view: (props: object) => any}>} */
const PANES = {
  press: { title: "Press", view: PRESS.View },
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
  const isBegun = (treeVersion.value, tree.head > 0);
  return html`<div class="desk" data-view=${route.value.view} data-panel=${panel.value} data-past=${past.value !== null}>
    ${h(Masthead, {})}
    ${route.value.view === "page" && h(Middle, { isBegun })}
    ${other && h(other.View, { key: route.value.view })}
    ${route.value.view === "served" && h(Served, {})}
    ${typedSymbol.value !== null && h(TYPED.View, {})}
    ${h(Side, {})}
    ${h(Bar, { isBegun })}
    ${h(Notices, {})}
    <div class="sr-only" role="status" aria-live="polite">${announcement.value}</div>
  </div>`;
}

/** The page that is read or written, the way to it, and what was written at it. @param {{isBegun: boolean}} props */
function Middle({ isBegun }) {
  const isWriting = watched.value !== null;
  return html`${(isBegun || isWriting) && h(JOURNEY.path.View, {})}<div class="middle">
    ${isWriting ? h(WRITING.page.View, {}) : h(Reading, {})}
    ${isBegun && !isWriting && h(JOURNEY.branches.View, {})}
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

/** The bar at the bottom: what is being written, what can be done, and that everything is saved. @param {{isBegun: boolean}} props */
function Bar({ isBegun }) {
  const kept = (treeVersion.value, tree.pages.size);
  return html`<div class="bar">${(runs.value.size > 0 || bound.value !== null) && h(WRITING.others.View, {})}<section class="bar-row" aria-label="Pressing">
    <button type="button" class="primary" aria-expanded=${panel.value === "press"} onClick=${() => (panel.value = panel.value === "press" ? null : "press")}>Press</button>
    ${h(Owed, {})}
    ${isBegun && h(JOURNEY.timeline.View, {})}
    ${kept > 0 && html`<span class="saved" title="The server keeps every page that was written for you">${kept.toLocaleString("en")}<span class="long"> ${kept === 1 ? "page" : "pages"}</span> saved ✓</span>`}
  </section></div>`;
}
