/** What the server's page tells the script: where the gateway is served. */

/** @type {{root?: string}} */
const told = JSON.parse(document.getElementById("shell")?.textContent ?? "{}");

/** The path below which a proxy serves this gateway; empty where it serves all. */
export const root = told.root ?? "";
