/** What the page calls things: one place, so that the grid, the cards and the help say the same. Pure. */

export const ORIENTATIONS = ["Read", "Index", "Ask", "Receive"];
export const ORIENTATION_LETTERS = ["X", "Y", "A", "Z"];
export const PROVENANCES = ["Canon", "Parallel", "User", "System"];

/** What a trajectory does to the reader's path: a mark for a cell, a word, and a sentence. */
export const TRAJECTORIES = /** @type {Record<string, {mark: string, word: string, sentence: string}>} */ ({
  T0: { mark: "▸", word: "on", sentence: "It would go on from here." },
  T1: { mark: "◂", word: "back", sentence: "It would lead back into the book." },
  T2: { mark: "⑂", word: "fork", sentence: "It would open a branch into another section." },
  T3: { mark: "◇", word: "drift", sentence: "It would drift away, without a destination." },
});

export const PHASES = /** @type {Record<string, string>} */ ({
  queued: "Queued", reading: "Reading the page", planning: "Planning", waiting: "Waiting for the model’s server",
  writing: "Writing", checking: "Checking", binding: "Binding",
});
/** The phases that a reader is shown as steps, in their order. */
export const STEPS = ["queued", "planning", "writing", "checking", "binding", "saved"];

/** @param {number} code @returns {string} a symbol's two hex digits */
export const hexOf = (code) => code.toString(16).toUpperCase().padStart(2, "0");

/** @param {number} behavior @returns {string} e.g. `Receive · System` */
export const behaviourName = (behavior) => `${ORIENTATIONS[behavior >> 2]} · ${PROVENANCES[behavior & 3]}`;

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
