/**
 * The reader's session: its id is kept on this device, and comes to another one by a link with it in the fragment,
 * which no server sees and which is taken out of the address at once.
 */

import * as api from "./api.js";
import { root } from "./shell.js";

const KEPT_AS = "qdpi.session";
const IN_LINK = /^#session=([A-Za-z0-9_.~=-]{1,256})$/u;

/**
 * @returns {Promise<string>} the id in the link, else the one that was kept, else a new one
 * @throws {api.Problem}
 */
export async function openSession() {
  const brought = IN_LINK.exec(location.hash)?.[1];
  if (brought) history.replaceState(history.state, "", location.pathname + location.search);
  const id = brought ?? kept() ?? (await api.beginSession()).session_id;
  keep(id);
  return id;
}

/** @param {string} id @returns {string} a link that takes the session to another device */
export function linkOf(id) {
  return `${location.origin}${location.pathname}#session=${id}`;
}

/** Be the reader of another journey from now on, where it was left. @param {string} id */
export function changeSession(id) {
  keep(id);
  location.assign(`${root}/`);
}

function kept() {
  try {
    return localStorage.getItem(KEPT_AS);
  } catch {
    return null; // storage is off: the session lasts as long as the page
  }
}

/** @param {string} id */
function keep(id) {
  try {
    localStorage.setItem(KEPT_AS, id);
  } catch {
    // storage is off, or full: see `kept`
  }
}
