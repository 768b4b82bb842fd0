/** Why this page: what was asked, what the policy decided and why, what it drew on, how it was checked, what it cost. */

import * as api from "../api.js";
import { openPage } from "../actions.js";
import { asProblem, sessionId, shown, titleOf } from "../store.js";
import { html, useEffect, useState } from "../vendor/vendor.js";
import { isWritten } from "./parts.js";
import { plainReason } from "./plain.js";
import { TRAJECTORIES } from "./words.js";

/** The drawer with a written page's receipt. */
export function Why() {
  const page = shown.value?.page;
  const [told, setTold] = useState(/** @type {{id: string, receipt: any, revisions: any, problem: any} | null} */ (null));
  const id = page && isWritten(page) ? page.page_id : null;
  useEffect(() => {
    if (id === null) return;
    let isCurrent = true;
    Promise.all([api.receipt(id, sessionId.peek()), api.revisions(id, sessionId.peek())]).then(
      ([receipt, revisions]) => isCurrent && setTold({ id, receipt, revisions, problem: null }),
      (error) => isCurrent && setTold({ id, receipt: null, revisions: null, problem: asProblem(error) }),
    );
    return () => void (isCurrent = false);
  }, [id]);
  if (id === null) return html`<p>A page of the book has no receipt: its author wrote it.</p>`;
  if (told === null || told.id !== id) return html`<p aria-busy="true">Looking it up …</p>`;
  if (told.problem) return html`<p>${told.problem.detail} ${told.problem.nextStep}</p>`;
  return html`<div class="why">${sections(page, told.receipt)}</div>`;
}

/** @param {any} page @param {any} receipt */
function sections(page, receipt) {
  const policy = receipt.policy;
  return html`
    ${page.user_intent && html`<section><h3>You asked</h3><p><q dir="auto">${page.user_intent}</q></p></section>`}
    ${policy && html`<section><h3>Where it leads</h3>
      <p>${TRAJECTORIES[policy.given]?.did} ${CHOSEN[policy.rule] ?? ""} <span class="quiet">Rule: ${policy.rule}.</span></p>
      <ul>${policy.reasons.map((/** @type {string} */ reason) => html`<li key=${reason} title=${reason}>${plainReason(reason)}</li>`)}</ul></section>`}
    <section><h3>What it drew on</h3>
      ${receipt.sources.length === 0 ? html`<p>Only the page that it was pressed on.</p>` : html`<ul class="sources">${receipt.sources.map(source)}</ul>`}</section>
    ${checks(page.validation)}
    <section><h3>How it was made</h3>
      <dl>
        <dt>Written by</dt><dd>${page.model === "offline" ? "the offline writer, which is no language model" : (page.model ?? "unknown")}</dd>
        <dt>Attempts</dt><dd>${receipt.attempts}</dd>
        ${(receipt.tokens.prompt ?? receipt.tokens.completion ?? null) !== null && html`<dt>Tokens</dt><dd>${receipt.tokens.prompt ?? "not counted"} read, ${receipt.tokens.completion ?? "not counted"} written</dd>`}
        ${Object.entries(receipt.milliseconds).map(([phase, ms]) => html`<dt key=${phase} title=${phase}>${SPENT[phase] ?? phase}</dt><dd key=${`${phase}-ms`}>${Number(ms) < 1000 ? `${Number(ms).toFixed(0)} ms` : `${(Number(ms) / 1000).toFixed(1)} s`}</dd>`)}
        <dt>The book</dt><dd>as of its revision ${receipt.canon_revision}</dd>
        <dt>Receipt</dt><dd><code>${receipt.receipt_id}</code></dd>
      </dl>
      ${receipt.failures.length > 0 && html`<details><summary>${receipt.failures.length} failed ${receipt.failures.length === 1 ? "attempt" : "attempts"}</summary><ul>${receipt.failures.map((/** @type {string} */ failure, /** @type {number} */ n) => html`<li key=${n}>${failure}</li>`)}</ul></details>`}
    </section>`;
}

/** Why a rule gave the page its way, where the reader's press was not refused. @type {Record<string, string>} */
const CHOSEN = {
  wish: "You wished for that.", "canon-continues": "A page that keeps to the book goes on.",
  "parallel-forks": "Another section came in, so it left for that.", words: "Your words decided; without words that ask to leave or to return, it goes on.",
  signals: "The book decided, by what is open and what you had just read.",
};
/** What the time was spent on, by the names of the receipt. @type {Record<string, string>} */
const SPENT = { prepare: "Finding sources", ask: "Planning", receive: "Writing", check: "Checking", bind: "Binding" };
/** What the checks look at, by their names. @type {Record<string, string>} */
const CHECKED = {
  form: "It reads like prose: its length, its sentences, no loops", copy: "It does not copy the book or your own pages",
  marks: "It holds no marks of a model’s template", lecture: "It tells, and does not lecture about the text",
  continuity: "It belongs to the pages that it draws on", voice: "It sounds like its voice", shape: "Its paragraphs are like the voice’s",
  plan: "It keeps to its plan", anchored: "It holds to what is on the page that it was pressed on", answers: "It takes up your words",
  bridges: "Its end is near the page that it leads to", wholeness: "Its last sentence and its quotations end",
};
/** Where a source is from, by its name in the receipt. @type {Record<string, string>} */
const FROM = {
  ring: "a neighbour on the ring", canon: "elsewhere in the book", parallel: "another section", vault: "your vault", journey: "your journey",
};

/** How a search found a page, for readers. @type {Record<string, string>} */
const FOUND = { lexical: "its words", semantic: "its meaning", notes: "your notes" };

/** @param {any} use @param {number} n */
function source(use, n) {
  const found = use.via.map((/** @type {string} */ ranking) => FOUND[ranking] ?? ranking);
  return html`<li key=${n}>
    <button type="button" class="link" onClick=${() => openPage(use.page_id)}><span dir="auto">${titleOf(use.page_id)}</span> · ${use.page_id}</button>
    <span class="quiet"> ${FROM[use.kind] ?? use.kind}${found.length > 0 ? `, found by ${found.join(" and ")}` : ""}</span>
    ${use.passage && html`<blockquote dir="auto">${use.passage}</blockquote>`}
  </li>`;
}

/** @param {any} validation */
function checks(validation) {
  if (!validation) return null;
  return html`<section><h3>Checks</h3>
    <p>${validation.passed ? "Passed" : "Not passed"}${validation.reworked ? ", after one rework" : ""}.</p>
    <ul>${validation.checks.map((/** @type {any} */ check) => html`<li key=${check.name}>${check.passed === null ? "? Not known:" : check.passed ? "✓" : "✗ Not so:"} ${CHECKED[check.name] ?? check.name} <span class="quiet">(${check.name})</span>${told(check)}</li>`)}</ul></section>`;
}

/** What a check says, and how many of the book's own pages pass it. @param {any} check */
function told(check) {
  const why = check.reason || check.reasons.join(" ");
  const share = check.canon_passes ?? null;
  return (why ? `: ${why}` : "") + (share === null || check.passed === null ? "" : ` Of the book's own pages, ${Math.round(share * 100)}% pass.`);
}
