/** Paragraphs of a page's text, as the server's own HTML has them (src/qdpi/gateway/html.py). Pure. */

/**
 * @param {string} text
 * @returns {string[][]} the paragraphs, each by its lines: a blank line ends one
 */
export function paragraphsOf(text) {
  return text
    .split(/(?:\r\n|\r|\n)[^\S\r\n]*(?:\r\n|\r|\n)\s*/u)
    .map((paragraph) => paragraph.split(/\r\n|\r|\n/u).map((line) => line.trim()).filter((line) => line !== ""))
    .filter((lines) => lines.length > 0);
}

/** @param {string} text @returns {string} without the marks that turn the direction of what follows, to stand within our words */
export const undirected = (text) => text.replace(/[\u202a-\u202e\u2066-\u2069]/gu, "");
