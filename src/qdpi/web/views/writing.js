/**
 * A page that is being written: its steps, its words at the reader's pace, and Stop.
 *
 * The run that the reader waits for stands where its page will stand, set as that page will be set, so that nothing
 * moves when it is bound. Other runs are named below the page that is read.
 */

import { stop, watch } from "../actions.js";
import { settings } from "../settings.js";
import { endWatching, pageId, runs, tree, treeVersion, watched } from "../store.js";
import { Pace } from "../text/pace.js";
import { h, html, useEffect, useRef } from "../vendor/vendor.js";
import { GrowingText } from "./growing.js";
import { Glyph, isStill, voiceName } from "./parts.js";
import { Steps } from "./steps.js";
import { behaviourName, PHASES } from "./words.js";

const AT_END = 48;

/** The run that the reader waits for, as a page. */
export function WritingPage() {
  const run = watched.value;
  return run === null ? null : h(Run, { run, key: run.key });
}

/** @param {{run: import("../store.js").Watched}} props */
function Run({ run }) {
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    title.current?.focus({ preventScroll: true });
    scrollTo({ top: 0, behavior: "instant" }); // once: from here on only the reader scrolls
  }, []);
  const voice = run.symbol === null ? null : voiceName(run.symbol);
  return html`<main id="main" class="column" tabindex="-1"><article class="page" data-voice=${run.symbol === null ? null : run.symbol >> 4} aria-busy="true">
    <header class="page-head">
      ${run.symbol !== null && h(Glyph, { character: run.symbol >> 4, behavior: run.symbol & 15, isEmblem: true })}
      <h1 class="page-title" tabindex="-1" ref=${title}>${voice === null ? "Your question" : `${voice} is writing`}</h1>
      <p class="byline">${run.symbol === null ? "The book chooses who answers" : html`<span class="voice-name">${voice}</span><span> · ${behaviourName(run.symbol & 15)}</span>`}</p>
      ${run.words && html`<p class="asked">You asked: <q dir="auto">${run.words}</q></p>`}
      ${h(Steps, { run })}
    </header>
    ${h(Words, { run })}
    <div class="foot"><div class="tools">
      ${run.outcome === null && html`<button type="button" class="stop" onClick=${() => void stop(run.pressId)}>Stop${run.text.points.length > 0 ? ", and keep this part" : ""}</button>`}
      <button type="button" class="tool" onClick=${() => endWatching()}>Back to the page</button>
    </div></div>
  </article></main>`;
}

/** The words, at the reader's pace. When the page is bound and all of it is shown, the page takes their place. @param {{run: import("../store.js").Watched}} props */
function Words({ run }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    if (box.current === null) return undefined;
    const growing = new GrowingText(box.current);
    const pace = new Pace(isStill() ? Infinity : settings.peek().pace);
    let written = 0, attempt = latest.current.text.attempt, frame = 0;
    const draw = () => {
      const { text, outcome } = latest.current;
      if (text.attempt !== attempt) {
        attempt = text.attempt;
        written = 0;
        pace.restart();
        growing.clear();
      }
      const shown = pace.advance(text.points, performance.now());
      if (shown > written) {
        const follows = innerHeight + scrollY >= document.documentElement.scrollHeight - AT_END && scrollY > 0;
        growing.show(text.points.slice(0, shown).join(""));
        written = shown;
        if (follows) scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
      }
      if (outcome !== null && written >= text.points.length) endWatching(outcome.page_id);
      else frame = requestAnimationFrame(draw);
    };
    frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, []);
  return html`<div class="text growing" ref=${box} dir="auto"></div>`;
}

/** @param {import("../state/runs.js").Run} run @returns {boolean} whether it is shown as a page: the stream may know of it before the press is answered */
function isWatched(run) {
  const now = watched.value;
  if (now === null || now.pressId === run.pressId) return now !== null;
  return !now.isTaken && run.locus === now.locus && run.symbol === now.symbol && run.words === now.words;
}

/** The other runs under way: of another page, another tab, another device. */
export function UnderWay() {
  void treeVersion.value;
  const others = [...runs.value.values()].filter((run) => !isWatched(run));
  if (others.length === 0) return null;
  return html`<section class="under-way" aria-labelledby="under-way"><h2 id="under-way">Being written</h2>
    <ul>${others.map((run) => html`<li key=${run.pressId} data-voice=${run.symbol === null ? null : run.symbol >> 4}>
      ${run.symbol !== null && h(Glyph, { character: run.symbol >> 4, behavior: run.symbol & 15 })}
      <span>${run.symbol === null ? "A question" : html`<span class="voice-name">${voiceName(run.symbol)}</span> · ${behaviourName(run.symbol & 15)}`}${run.words && html`: <q dir="auto">${run.words}</q>`}</span>
      <span class="quiet">${(PHASES[run.phase] ?? run.phase).toLowerCase()}${run.place !== null && run.place > 1 ? `, number ${run.place} in line` : ""}${run.locus !== null && run.locus !== pageId.value ? html`, at <span dir="auto">${tree.pages.get(run.locus)?.title ?? run.locus}</span>` : ""}</span>
      <button type="button" class="tool" onClick=${() => watch(run.pressId)}>Watch</button>
      <button type="button" class="tool" onClick=${() => void stop(run.pressId)}>Stop</button>
    </li>`)}</ul></section>`;
}
