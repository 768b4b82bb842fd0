/**
 * The pages that were read, as the server keeps them: bitmaps, of the book's pages by their number and of the journey's
 * by their seq. Pure.
 */

/**
 * @param {string} bitmap base64 of bytes; number n is bit (n - 1) % 8, the lowest first, of byte (n - 1) // 8
 * @returns {(number: number) => boolean} whether it has a number
 */
export function bitsOf(bitmap) {
  const bytes = Uint8Array.from(atob(bitmap), (character) => character.charCodeAt(0));
  return (number) => number >= 1 && (((bytes[(number - 1) >> 3] ?? 0) >> ((number - 1) & 7)) & 1) === 1;
}

/**
 * @param {{canon: string, pages: string}} bitmaps
 * @param {{page_id: string, page_num: number | null}[]} ring
 * @param {import("./tree.js").Node[]} nodes
 * @returns {Set<string>} the ids of the pages that were read
 */
export function visitedPages(bitmaps, ring, nodes) {
  const inBook = bitsOf(bitmaps.canon), inJourney = bitsOf(bitmaps.pages);
  const read = ring.filter((page) => page.page_num !== null && inBook(page.page_num)).map((page) => page.page_id);
  for (const node of nodes) if (node.pageId !== null && inJourney(node.seq)) read.push(node.pageId);
  return new Set(read);
}

/**
 * What was read on one device or another.
 *
 * @param {string} one
 * @param {string} other
 * @returns {string} the bitmap of the numbers that either has
 */
export function union(one, other) {
  const [longer, shorter] = [atob(one), atob(other)].sort((a, b) => b.length - a.length);
  return btoa(Array.from(longer, (character, n) => String.fromCharCode(character.charCodeAt(0) | (n < shorter.length ? shorter.charCodeAt(n) : 0))).join(""));
}
