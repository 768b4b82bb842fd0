/**
 * The address as a signal: which view, which page, and which moment. Links work without it; with it a click on one of
 * the page's own links changes the view without a new document.
 *
 * @typedef {{view: "page" | "ring" | "vault" | "find" | "served", pageId: string | null, seq: number | null}} Route
 *   `pageId` is null where the address names none: the page is then the one where the reader left off. `served` is what
 *   the server alone shows.
 */

import { root } from "./shell.js";
import { signal } from "./vendor/vendor.js";

/**
 * @param {string} path below the root
 * @returns {Route}
 */
export function routeOf(path) {
  const [, first = "", second = ""] = path.split("/");
  const isPage = first === "" || first === "p" || first === "at";
  const view = first === "ring" || first === "vault" || first === "find" ? first : isPage ? "page" : "served";
  const seq = first === "at" && /^\d+$/u.test(second) ? Number(second) : null;
  return { view, pageId: first === "p" && second ? decodeURIComponent(second) : null, seq };
}

/** @type {import("@preact/signals").Signal<Route>} */
export const route = signal(routeOf(location.pathname.slice(root.length)));

let moves = 0;
/** @returns {boolean} whether the reader has gone from where this document began: a heading then takes the focus */
export const hasMoved = () => moves > 0;

/** @param {string} pageId @returns {string} the address of a page */
export const pageHref = (pageId) => `${root}/p/${encodeURIComponent(pageId)}`;
/** @param {"ring" | "vault" | "find"} view @returns {string} the address of a view */
export const viewHref = (view) => `${root}/${view}`;
/** @param {number} section @returns {string} the address of a section's pages, which the server shows */
export const sectionHref = (section) => `${root}/s/${section}`;
/** @param {number} seq @returns {string} the address of a moment */
export const momentHref = (seq) => `${root}/at/${seq}`;

/**
 * Go to an address of this page.
 *
 * @param {string} href
 * @param {{replace?: boolean}} [options] `replace` keeps no step of the history
 */
export function go(href, { replace = false } = {}) {
  const url = new URL(href, location.href);
  if (url.href !== location.href) history[replace ? "replaceState" : "pushState"](null, "", url);
  moves += 1;
  route.value = routeOf(url.pathname.slice(root.length));
}

/** Follow the reader's clicks on links of this page, and the browser's back and forward. */
export function startRouter() {
  addEventListener("popstate", () => {
    moves += 1;
    route.value = routeOf(location.pathname.slice(root.length));
  });
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest("a[href]") : null;
    if (!(link instanceof HTMLAnchorElement) || !isOurs(event, link)) return;
    event.preventDefault();
    go(link.href);
  });
}

/** @param {MouseEvent} event @param {HTMLAnchorElement} link */
function isOurs(event, link) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return false;
  if (link.target || link.hasAttribute("download") || link.origin !== location.origin) return false;
  const path = link.pathname.slice(root.length);
  return path === "/" || /^\/(?:p|at)\/[^/]+$|^\/(?:ring|vault|find)$/u.test(path);
}
