/** The policy and the behaviours in plain words. Pure. */

import { counted, TRAJECTORIES } from "./words.js";

export const ORIENTATION_MEANS = [
  "Read keeps to this page and its neighbours.", "Index gathers what belongs to it elsewhere.",
  "Ask takes up what the page leaves open.", "Receive lets something new come in.",
];
export const PROVENANCE_MEANS = [
  "Canon: the book goes on.", "Parallel: another section comes in.", "User: your words lead.", "System: the book decides.",
];

/** Why a rule of the policy closes a trajectory; the numbers are those of the rule's own words. @type {Record<string, (numbers: number[]) => string>} */
const CLOSED = {
  licence: () => "this way of answering never does that.",
  ttl: () => "the branch is as deep as it may be, so the next page leads back.",
  "unresolved-anchors": () => "the page leaves a question open, which comes first.",
  "return-debt": ([open, owed]) => `this section has ${counted(open, "open branch", "open branches")} and is owed ${counted(owed, "page")}; a way must lead back first.`,
  budget: ([times]) => `this journey has left the book ${counted(times, "time")}, as often as it may.`,
  novelty: () => "you have just read pages like this one.",
};

/** @param {string} rule @param {string} why in the rule's own words @returns {string} */
export const closedBecause = (rule, why) => CLOSED[rule]?.((why.match(/\d+(?:\.\d+)?/gu) ?? []).map(Number)) ?? why;

/** @param {string} reason of a verdict, e.g. `return-debt: T2 is closed: …` @returns {string} the same for a reader */
export function plainReason(reason) {
  const [, rule, trajectory, why] = /^([a-z-]+): (T\d) (.*)$/su.exec(reason) ?? [];
  return rule ? `No ${TRAJECTORIES[trajectory]?.noun}: ${closedBecause(rule, why)}` : reason;
}
