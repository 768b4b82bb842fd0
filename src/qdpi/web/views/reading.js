/** The page that is read: its head, its text, and what can be done with it. */

import { openPage, nextSibling, returnToBook, save, unsave, writeAgain } from "../actions.js";
import { keepAnchor } from "../anchor.js";
import { pageHref } from "../router.js";
import { about, canon, continued, neighboursOf, panel, past, shown, takeScroll, tree, treeVersion, vaultShown, voices } from "../store.js";
import { writtenTitle } from "../state/tree.js";
import { paragraphsOf } from "../text/paragraphs.js";
import { h, html, useEffect, useRef, useState } from "../vendor/vendor.js";
import { entitle, focusHeading, Glyph, isWritten, Tool, voiceName } from "./parts.js";
import { StepsDone } from "./steps.js";
import { behaviourName, undirected } from "./words.js";

/** The page of the address, while it is read from the server, and why it cannot be shown. */
export function Reading() {
  const column = useRef(/** @type {HTMLElement | null} */ (null));
  const now = shown.value;
  useEffect(() => (column.current ? keepAnchor(column.current, "p, h1") : undefined), []);
  if (now === null) return html`<main id="main" class="column" tabindex="-1" ref=${column} aria-busy="true"></main>`;
  return html`<main id="main" class="column" tabindex="-1" ref=${column} aria-busy=${now.status === "loading"}>
    ${now.status === "error" && h(NoPage, { problem: now.problem })}
    ${now.page && now.status !== "error" && h(PageArticle, { page: now.page, key: now.page.page_id })}
  </main>`;
}

/** @param {{page: any}} props */
function PageArticle({ page }) {
  const own = isWritten(page) ? writtenTitle(page.trajectory, page.title) : page.title;
  const [isContinued] = useState(continued.peek() === page.page_id);
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    entitle(own);
    continued.value = null;
    const top = takeScroll(page.page_id);
    if (PageArticle.shownBefore && !isContinued) {
      focusHeading(title.current);
      scrollTo({ top, behavior: "instant" });
    } else if (isContinued && document.activeElement === document.body) {
      title.current?.focus({ preventScroll: true }); // it was on the heading that this one replaces
    }
    PageArticle.shownBefore = true;
  }, []);
  const paragraphs = paragraphsOf(page.text);
  return html`<article class="page" data-voice=${page.char_hex} id="page" data-page-id=${page.page_id}>
    ${h(Head, { page, own, isContinued, titleRef: title })}
    <div class="text" dir="auto">${paragraphs.map((lines, n) => html`<p key=${n} dir="auto">${lines.flatMap((line, at) => (at === 0 ? [line] : [html`<br />`, line]))}</p>`)}</div>
    ${h(Foot, { page })}
  </article>`;
}
/** The first page keeps the focus where the browser put it. */
PageArticle.shownBefore = false;

/** @param {{page: any, own: string, isContinued: boolean, titleRef: {current: HTMLElement | null}}} props `own` is the page's own title */
function Head({ page, own, isContinued, titleRef }) {
  const drawing = isWritten(page) ? null : voices.value.get(page.char_hex)?.drawing;
  return html`<header class="page-head">
    ${drawing ? html`<img class="drawing" src=${drawing} alt="" width="64" height="64" />` : h(Glyph, { character: page.char_hex, behavior: isWritten(page) ? page.behavior : null, isEmblem: true })}
    <h1 id="page-title" class="page-title" tabindex="-1" ref=${titleRef} dir="auto">${own}</h1>
    <p class="byline">
      ${drawing && html`${h(Glyph, { character: page.char_hex })} `}<span class="voice-name">${voiceName(page.symbol_code)}</span>
      ${isWritten(page) && html`<span> · ${behaviourName(page.behavior)}</span>`}
      ${h(Counter, { pageId: page.page_id })}
    </p>
    ${page.user_intent && html`<p class="asked">You asked: <q dir="auto">${page.user_intent}</q></p>`}
    ${h(Labels, { page, isContinued })}
  </header>`;
}

/**
 * What a reader should know about a page before reading it. Where that is nothing, the steps of a page that was bound
 * before the reader's eyes stay: its text would move up.
 *
 * @param {{page: any, isContinued: boolean}} props
 */
function Labels({ page, isContinued }) {
  const labels = [
    page.status === "stopped" && "You stopped this page: it ends where you did.",
    isWritten(page) && page.model === "offline" && "Written by the offline writer, which is no language model.",
    page.user_intent && page.validation?.checks?.some((/** @type {any} */ check) => check.name === "answers" && check.passed === false) && "This page does not take up your words.",
    isWritten(page) && page.validation?.passed === false && "This page did not pass its checks: “Why” says which.",
    page.grown_from?.anchor === "changed" && "The page of the book that it grew from has changed since.",
    page.grown_from?.anchor === "dropped" && "The page of the book that it grew from is no longer in it.",
  ].filter(Boolean);
  if (labels.length === 0) return isContinued ? h(StepsDone, {}) : null;
  return html`<ul class="labels">${labels.map((label) => html`<li key=${label}>${label}</li>`)}</ul>`;
}

/** Which of the pages at its locus this one is. @param {{pageId: string}} props */
export function Counter({ pageId }) {
  void treeVersion.value;
  const { siblings, place } = tree.siblingsOf(pageId, past.value?.seq);
  if (place === 0 || siblings.length < 2) return null;
  return html`<span class="counter" role="group" aria-label="Alternatives">
    <button type="button" class="step" aria-label="Previous alternative" disabled=${place === 1} onClick=${() => nextSibling(-1)}>‹</button>
    <span aria-label=${`Alternative ${place} of ${siblings.length}`}>${place}/${siblings.length}</span>
    <button type="button" class="step" aria-label="Next alternative" disabled=${place === siblings.length} onClick=${() => nextSibling(1)}>›</button>
  </span>`;
}

/** @param {{page: any}} props */
function Foot({ page }) {
  const saved = vaultShown.value.get(page.page_id);
  const written = isWritten(page);
  const [before, after] = neighboursOf(page.page_id);
  return html`<div class="foot">
    ${page.page_num !== null && html`<p class="folio" aria-hidden="true">${page.page_num}</p>`}
    ${before && after && html`<nav class="turn" aria-label="Pages"><ul>
      <li class="turn-back"><a href=${pageHref(before.page_id)} rel="prev"><span class="turn-way">${before.section === page.section ? "Previous page" : `The last page of section ${before.section}`}</span> <span class="turn-title" dir="auto">${before.title}</span></a></li>
      <li class="turn-on"><a href=${pageHref(after.page_id)} rel="next"><span class="turn-way">${after.section === page.section ? "Next page" : `On the ring, section ${after.section}`}</span> <span class="turn-title" dir="auto">${after.title}</span></a></li>
    </ul></nav>`}
    <div class="tools" role="toolbar" aria-label="This page">
      ${(saved || past.value === null) && h(Tool, { label: saved ? "Saved in the vault: take it out" : "Save in the vault", pressed: Boolean(saved), children: saved ? "Saved" : "Save", onClick: () => void (saved ? unsave(page.page_id) : save(page.page_id)) })}
      ${written && past.value === null && h(Tool, { label: "Write it again, as another alternative", children: "Again", onClick: () => void writeAgain(page.page_id) })}
      ${written && h(Tool, { label: "Why this page", children: "Why", pressed: panel.value === "why", onClick: () => (panel.value = panel.value === "why" ? null : "why") })}
      ${written && page.return_to && h(Tool, { label: "Return to the book", children: "Return", onClick: returnToBook })}
    </div>
  </div>`;
}

/** @param {{problem: import("../api.js").Problem | null}} props */
function NoPage({ problem }) {
  const first = canon.value?.ring[0]?.page_id;
  const title = problem?.status === 404 ? "There is no such page" : "The page cannot be shown";
  useEffect(() => entitle(title), [title]);
  return html`<article class="leaf refusal">
    <h1 class="page-title" tabindex="-1">${title}</h1>
    <p>${problem?.detail}</p>
    <p>${problem?.nextStep}</p>
    ${first && html`<p><button type="button" onClick=${() => openPage(first)}>Open the first page of ${undirected(about.value?.book?.title ?? "the book")}</button></p>`}
  </article>`;
}
