/** What the server's page tells the script: where the gateway is served, and the page of the book that it shows. */

/** @type {{root?: string, page?: any}} */
const told = JSON.parse(document.getElementById("shell")?.textContent ?? "{}");

/** The path below which a proxy serves this gateway; empty where it serves all. */
export const root = told.root ?? "";
/** The page of the book that the server's page shows; null where it shows none. */
export const servedPage = told.page ?? null;
/** The server's own page and its address: what the script has no view for is left as it is. */
export const servedMain = document.getElementById("main");
export const servedPath = location.pathname;
