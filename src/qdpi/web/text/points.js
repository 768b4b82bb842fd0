/** Text by Unicode code points: the server counts offsets and marks so, JavaScript's strings count UTF-16 units. Pure. */

/**
 * The text of a run in flight, as its deltas arrive. `attempt` 0 has no text yet.
 *
 * @typedef {{attempt: number, points: string[], whole: boolean}} Text
 */

/** @returns {Text} */
export function emptyText() {
  return { attempt: 0, points: [], whole: true };
}

/**
 * Add a delta: a newer attempt starts the text over, one of an older attempt is late, and what is known is not added
 * twice. After a lost piece the text is not whole: the finished page has all of it.
 *
 * @param {Text} text
 * @param {{attempt: number, offset: number, text: string}} delta
 * @returns {{text: Text, added: string, restarted: boolean}}
 */
export function addDelta(text, delta) {
  const restarted = delta.attempt > text.attempt;
  if (delta.attempt < text.attempt) return { text, added: "", restarted: false };
  const points = restarted ? [] : text.points;
  const known = points.length - delta.offset;
  if (known < 0) return { text: { attempt: delta.attempt, points, whole: false }, added: "", restarted };
  const added = Array.from(delta.text).slice(known);
  const grown = added.length ? [...points, ...added] : points;
  const whole = restarted || added.length > 0 || text.whole;
  return { text: { attempt: delta.attempt, points: grown, whole }, added: added.join(""), restarted };
}

/**
 * @param {string} text
 * @param {ReadonlyArray<readonly [number, number]>} marks ranges [start, end) in code points, in order
 * @returns {{text: string, marked: boolean}[]} the pieces of the text, without empty ones
 */
export function markedPieces(text, marks) {
  const points = Array.from(text);
  const pieces = [];
  let at = 0;
  for (const [start, end] of marks) {
    pieces.push({ text: points.slice(at, start).join(""), marked: false });
    pieces.push({ text: points.slice(start, end).join(""), marked: true });
    at = end;
  }
  pieces.push({ text: points.slice(at).join(""), marked: false });
  return pieces.filter((piece) => piece.text !== "");
}
