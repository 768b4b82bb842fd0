/** What the page calls things: one place, so that the grid, the cards and the help say the same. Pure. */

export const ORIENTATIONS = ["Read", "Index", "Ask", "Receive"];
export const PROVENANCES = ["Canon", "Parallel", "User", "System"];

/**
 * What a trajectory does to the reader's path: a word, a noun, what a press would do, what a page did, and the outline
 * of its mark in a square of 12: no typeface has all four.
 */
export const TRAJECTORIES = /** @type {Record<string, {word: string, noun: string, does: string, would: string, did: string, outline: string}>} */ ({
  T0: { word: "on", noun: "going on", does: "goes on", would: "It would go on from here.", did: "It goes on from where you pressed.", outline: "M4 2.5L9 6L4 9.5" },
  T1: { word: "back", noun: "way back", does: "leads back into the book", would: "It would lead back into the book.", did: "It leads back into the book.", outline: "M8 2.5L3 6L8 9.5" },
  T2: { word: "fork", noun: "branch", does: "opens a branch into another section", would: "It would open a branch into another section.", did: "It opened a branch into another section.", outline: "M6 10.5V6.5L2.5 2M6 6.5L9.5 2" },
  T3: { word: "drift", noun: "drifting", does: "drifts away", would: "It would drift away, without a destination.", did: "It drifts away, without a destination.", outline: "M6 2L10 6L6 10L2 6Z" },
});

export const PHASES = /** @type {Record<string, string>} */ ({
  queued: "Queued", reading: "Reading the page", planning: "Planning", waiting: "Waiting for the model’s server",
  writing: "Writing", checking: "Checking", binding: "Binding", saved: "Saved",
});
/** The phases that a reader is shown as steps, in their order. */
export const STEPS = ["queued", "planning", "writing", "checking", "binding", "saved"];

export { undirected } from "../text/paragraphs.js";

/** What has no ink: white space, controls, fillers and lone variation selectors. */
const UNSEEN = /^[\p{Z}\p{C}\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\ufe00-\ufe0f\uffa0]*$/u;

/** @param {string} label @param {string} title @returns {string} the reader's name for a page where there is something to see in it */
export const nameFor = (label, title) => (UNSEEN.test(label) ? title : label);

/** @param {number} code @returns {string} a symbol's two hex digits */
export const hexOf = (code) => code.toString(16).toUpperCase().padStart(2, "0");

/** @param {number} behavior @returns {string} e.g. `Receive · System` */
export const behaviourName = (behavior) => `${ORIENTATIONS[behavior >> 2]} · ${PROVENANCES[behavior & 3]}`;

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
