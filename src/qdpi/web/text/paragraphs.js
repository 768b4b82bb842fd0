/** Paragraphs of a page's text. Pure. */

/**
 * @param {string} text
 * @returns {string[]} the paragraphs, each on one line: a blank line ends one, a single line end is a space
 */
export function paragraphsOf(text) {
  return text
    .split(/(?:\r\n|\r|\n)[^\S\r\n]*(?:\r\n|\r|\n)\s*/u)
    .map((paragraph) => paragraph.replace(/\s+/gu, " ").trim())
    .filter((paragraph) => paragraph !== "");
}
