/**
 * A page that is being written: its steps, its words at the reader's pace, and Stop.
 *
 * Its text has nodes of its own, outside the virtual DOM: a delta adds to the last text node, and nothing else on the
 * page is touched. Nothing scrolls, unless the reader is at the end already.
 */

import { stop } from "../actions.js";
import { settings } from "../settings.js";
import { activeRun, pageId, runs } from "../store.js";
import { Pace } from "../text/pace.js";
import { h, html, useEffect, useRef } from "../vendor/vendor.js";
import { Glyph, isStill, voiceName } from "./parts.js";
import { behaviourName, PHASES, STEPS } from "./words.js";

/** The run that the reader waits for, below the page that it was pressed on. */
export function Writing() {
  const run = activeRun.value;
  if (run === null) return null;
  return h(Run, { run, key: run.pressId });
}

/** @param {{run: import("../store.js").Run}} props */
function Run({ run }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => box.current?.scrollIntoView({ block: "nearest", behavior: isStill() ? "instant" : "smooth" }), []);
  const others = runs.value.size - 1;
  return html`<section class="writing" data-voice=${run.symbol === null ? null : run.symbol >> 4} ref=${box} aria-label="The page that is being written">
    <header>
      ${run.symbol !== null && h(Glyph, { character: run.symbol >> 4, behavior: run.symbol & 15 })}
      <p class="byline">${run.symbol === null ? "Your question" : html`<span class="voice-name">${voiceName(run.symbol)}</span> · ${behaviourName(run.symbol & 15)}`}</p>
      ${run.words && html`<p class="asked">You asked: <q dir="auto">${run.words}</q></p>`}
      ${h(Steps, { run })}
    </header>
    ${h(GrowingText, { run })}
    <footer>
      <button type="button" class="stop" onClick=${() => void stop(run.pressId)}>Stop${run.text.points.length > 0 ? ", and keep this part" : ""}</button>
      ${others > 0 && html`<span class="quiet">${others} more in line</span>`}
      ${run.locus && run.locus !== pageId.value && html`<span class="quiet">pressed on another page</span>`}
    </footer>
  </section>`;
}

/** @param {{run: import("../store.js").Run}} props */
function Steps({ run }) {
  const at = Math.max(0, STEPS.indexOf(run.phase === "reading" || run.phase === "waiting" ? "planning" : run.phase));
  const place = run.phase === "queued" && run.place !== null && run.place > 1 ? `, number ${run.place} in line` : "";
  const until = run.until === null ? "" : ` until ${new Date(run.until).toLocaleTimeString()}`;
  return html`<p class="steps">
    <span class="sr-only">${PHASES[run.phase] ?? run.phase}${place}${until}</span>
    <span aria-hidden="true">
      ${STEPS.map((step, n) => html`<span key=${step} class=${n < at ? "done" : n === at ? "now" : "to-come"}>${step}</span>`)}
      ${(place || until) && html`<span class="quiet">${PHASES[run.phase]}${place}${until}</span>`}
    </span>
  </p>`;
}

/** @param {{run: import("../store.js").Run}} props */
function GrowingText({ run }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const latest = useRef(run.text);
  latest.current = run.text;
  useEffect(() => {
    const pace = new Pace(isStill() ? Infinity : settings.peek().pace);
    let written = 0, attempt = latest.current.attempt, frame = 0;
    const draw = () => {
      const { points, attempt: newest } = latest.current;
      if (newest !== attempt) {
        attempt = newest;
        written = 0;
        pace.restart();
        box.current?.replaceChildren();
      }
      const shown = pace.advance(points, performance.now());
      if (shown > written && box.current) {
        append(box.current, points.slice(written, shown).join(""));
        written = shown;
      }
      frame = requestAnimationFrame(draw);
    };
    frame = requestAnimationFrame(draw);
    return () => cancelAnimationFrame(frame);
  }, []);
  return html`<div class="text growing" ref=${box} dir="auto" aria-busy="true"></div>`;
}

/**
 * Add text to the last paragraph; a blank line begins another one.
 *
 * @param {HTMLElement} box
 * @param {string} text
 */
function append(box, text) {
  const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 48;
  text.split(/\n{2,}/u).forEach((piece, n) => {
    let paragraph = box.lastElementChild;
    if (n > 0 || paragraph === null) {
      paragraph = document.createElement("p");
      paragraph.setAttribute("dir", "auto");
      box.append(paragraph);
    }
    paragraph.append(piece);
  });
  if (atEnd && scrollY > 0) scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" });
}

