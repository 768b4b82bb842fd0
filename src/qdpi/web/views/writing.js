/**
 * A page that is being written: its steps, its words at the reader's pace, and Stop.
 *
 * The run that the reader waits for stands where its page will stand, set as that page will be set, so that nothing
 * moves when it is bound. Other runs are named in the bar, in every view.
 */

import { announce } from "../announce.js";
import { openPage, stop, watch } from "../actions.js";
import { route } from "../router.js";
import { settings } from "../settings.js";
import { bound, endWatching, runs, titleOf, treeVersion, usualOf, voices, watched } from "../store.js";
import { Pace } from "../text/pace.js";
import { h, html, useEffect, useRef, useState } from "../vendor/vendor.js";
import { GrowingText } from "./growing.js";
import { Glyph, isStill, voiceName } from "./parts.js";
import { Steps } from "./steps.js";
import { behaviourName } from "./words.js";

const AT_END = 48;

/** What a voice does in each phase. @type {Record<string, string>} */
const DOES = {
  queued: "is queued", reading: "is reading the page", planning: "is planning", waiting: "waits for the model’s server",
  writing: "is writing", checking: "is checking the page", binding: "is binding the page", saved: "has written the page",
};

/**
 * @param {import("../state/runs.js").Run} run
 * @param {string | null} voice
 * @returns {string} what is done about a run, e.g. `London Fox is planning`
 */
function doingOf({ phase, place, until }, voice) {
  const waits = phase === "queued" && place !== null && place > 1 ? `, number ${place} in line` : "";
  return `${voice ?? (phase === "queued" ? "Your question" : "The book")} ${DOES[phase] ?? phase}${waits}${until === null ? "" : ` until ${new Date(until).toLocaleTimeString()}`}`;
}

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
  const isTold = run.phase === "planning" || run.phase === "writing";
  useEffect(() => {
    if (isTold) announce(doingOf(run, voice));
  }, [isTold && run.phase]);
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
  const voice = run.symbol === null ? undefined : voices.value.get(run.symbol >> 4);
  return html`<div class="words">${run.text.points.length === 0 && run.outcome === null && html`<div class="waiting">
      <p>${doingOf(run, voice?.name ?? null)}${h(Elapsed, { run })}</p>${voice && html`<p class="sentence">${voice.sentence}</p>`}</div>`}
    <div class="text growing" ref=${box} dir="auto"></div></div>`;
}

/** @param {import("../state/runs.js").Run} run @returns {boolean} whether it is shown as a page: the stream may know of it before the press is answered */
function isWatched(run) {
  const now = watched.value;
  if (now === null || now.pressId === run.pressId) return now !== null;
  return !now.isTaken && run.locus === now.locus && run.symbol === now.symbol && run.words === now.words;
}

/** The runs that are not seen as a page: of another page, another tab, another device; and the one that is, from another view. */
export function UnderWay() {
  void treeVersion.value;
  const others = [...runs.value.values()].filter((run) => route.value.view !== "page" || !isWatched(run));
  const ended = bound.value;
  if (others.length === 0 && ended === null) return null;
  return html`<section class="under-way" aria-label="Being written"><ul>
    ${others.map((run) => h(Other, { key: run.pressId, run }))}
    ${ended && html`<li key=${ended.pageId} data-voice=${ended.symbol >> 4}>${h(Glyph, { character: ended.symbol >> 4, behavior: ended.symbol & 15 })}
      <span class="doing"><span class="voice-name">${voiceName(ended.symbol)}</span> has written a page: <span dir="auto">${titleOf(ended.pageId)}</span></span>
      <button type="button" class="tool" onClick=${() => openPage(ended.pageId)}>Read it</button>
      <button type="button" class="tool" aria-label="Not now" onClick=${() => (bound.value = null)}>×</button></li>`}
  </ul></section>`;
}

/** @param {{run: import("../state/runs.js").Run}} props */
function Other({ run }) {
  const code = run.symbol;
  return html`<li data-voice=${code === null ? null : code >> 4}>
    ${code !== null && h(Glyph, { character: code >> 4, behavior: code & 15 })}
    <span class="doing">${doingOf(run, code === null ? null : voiceName(code))}${run.locus !== null && html` <span class="quiet">at <span dir="auto">${titleOf(run.locus)}</span></span>`}
      <span class="quiet">${code !== null && ` · ${behaviourName(code & 15)}`}${h(Elapsed, { run })}</span>${run.words && html` <q dir="auto">${run.words}</q>`}</span>
    <button type="button" class="tool" onClick=${() => watch(run)}>Watch</button>
    <button type="button" class="tool" onClick=${() => void stop(run.pressId)}>Stop</button>
  </li>`;
}

/** How long a run has taken so far, and what one usually takes here: seen, and not read out each second. @param {{run: import("../state/runs.js").Run}} props */
function Elapsed({ run }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = run.since === null ? NaN : Math.max(0, Math.round((now - Date.parse(run.since)) / 1000));
  const usually = usualOf(run.symbol)?.seconds;
  if (Number.isNaN(seconds)) return null;
  return html`<span class="elapsed" aria-hidden="true"> · ${seconds} s${usually >= 1 && ` · usually ${Math.round(usually)} s`}</span>`;
}
