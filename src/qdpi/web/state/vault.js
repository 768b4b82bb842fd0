/**
 * A vault: the pages that a reader saved, in the order of their newest changes. Pure.
 *
 * @typedef {{page_id: string, label: string, notes: string, saved_at: string, event_id: string,
 *   title?: string | null, section?: number | null, symbol_code?: number | null}} Entry
 * @typedef {ReadonlyMap<string, Entry>} Vault by page
 */

/**
 * @param {Iterable<Entry>} entries
 * @returns {Vault}
 */
export function vaultOf(entries) {
  return new Map([...entries].sort(inOrder).map((entry) => [entry.page_id, entry]));
}

/**
 * A change: `entry` is the page's entry after it, null where the page was removed. A change older than the entry that
 * is known changes nothing.
 *
 * @param {Vault} vault
 * @param {string} pageId
 * @param {Entry | null} entry
 * @returns {Vault}
 */
export function withChange(vault, pageId, entry) {
  const known = vault.get(pageId);
  if (known && entry && inOrder(entry, known) < 0) return vault;
  const left = [...vault.values()].filter((each) => each.page_id !== pageId);
  return vaultOf(entry ? [...left, entry] : left);
}

/** @param {Entry} a @param {Entry} b */
function inOrder(a, b) {
  return Date.parse(a.saved_at) - Date.parse(b.saved_at) || (a.event_id < b.event_id ? -1 : Number(a.event_id > b.event_id));
}
