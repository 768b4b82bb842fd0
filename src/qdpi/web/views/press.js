/**
 * The grid of symbols: sixteen voices, sixteen behaviours. A row says who would answer, a cell what a press would do
 * here and now. A cell is chosen first, and pressed then, with the words that stand below it. On a phone the same in
 * two steps of sixteen, and a third that says the whole sentence.
 */

import { ask, press } from "../actions.js";
import { about, chosen, draft, past, preview, usualOf, voices } from "../store.js";
import { h, html, useEffect, useMemo, useRef, useState } from "../vendor/vendor.js";
import { Glyph, Mark } from "./parts.js";
import { closedBecause, ORIENTATION_MEANS, plainReason, PROVENANCE_MEANS } from "./plain.js";
import { behaviourName, counted, hexOf, ORIENTATIONS, PROVENANCES, TRAJECTORIES } from "./words.js";

const ALL = Array.from({ length: 16 }, (_, n) => n);

/** @typedef {{would: string, sentence: string, closed: {noun: string, why: string}[]}} Outlook what a press would do; the sentence says why, too */

/**
 * @param {number} code
 * @returns {Outlook}
 */
export function outlookOf(code) {
  const told = preview.value?.value;
  if (!told) return { would: UNKNOWN, sentence: UNKNOWN, closed: [] };
  const behaviour = told.behaviours[code & 15];
  const reasons = behaviour.reasons.map((/** @type {number} */ n) => plainReason(told.reasons[n]));
  const { would } = TRAJECTORIES[behaviour.given];
  return { would, sentence: [would, ...reasons].join(" "), closed: closedOf(behaviour, told) };
}

/**
 * Why a behaviour does not do the rest: that it never does is enough to know.
 *
 * @param {any} behaviour
 * @param {any} told
 */
function closedOf(behaviour, told) {
  const all = behaviour.closed.map((/** @type {number} */ n) => told.closings[n]);
  const never = new Set(all.filter((/** @type {any} */ each) => each.rule === "licence").map((/** @type {any} */ each) => each.trajectory));
  return all.filter((/** @type {any} */ each) => each.rule === "licence" || !never.has(each.trajectory))
    .map((/** @type {any} */ each) => ({ noun: TRAJECTORIES[each.trajectory].noun, why: closedBecause(each.rule, each.why) }));
}

const UNKNOWN = "What it would do is not known yet.";
const PAST = "This is the past: nothing is pressed in it.";

/** @param {number} code @returns {string} all that a cell says, in words */
export function nameOf(code) {
  const voice = voices.value.get(code >> 4)?.name ?? "";
  return `${hexOf(code)}, ${voice}, ${behaviourName(code & 15)}: ${past.value === null ? outlookOf(code).sentence : PAST}`;
}

/** The pane with the grid, what the chosen cell would do, the words, and the button that presses. */
export function Press() {
  const [pointed, point] = useState(/** @type {number | null} */ (null));
  const code = chosen.value;
  const words = draft.value;
  const isPast = past.value !== null;
  const send = () => code !== null && void press(code, words);
  const isAsked = words.trim() !== "";
  return html`<section class="press" aria-label="Press a symbol">
    ${h(Grid, { point, isPast })}
    ${h(Steps, {})}
    <form class="ask" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); send(); }}>
      ${h(Outlook, { code: pointed ?? code })}
      <label for="words">In your words <span class="quiet">· they go with the symbol</span></label>
      <textarea id="words" rows="2" maxlength="4000" placeholder="May be left empty" value=${words} onInput=${(/** @type {any} */ event) => (draft.value = event.target.value)}
        onKeyDown=${(/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); event.stopPropagation(); send(); } }}></textarea>
      <div class="buttons">
        <button type="submit" class="primary" disabled=${isPast || code === null}>${code === null ? "Choose a symbol first" : `Press ${hexOf(code)}${isAsked ? " with your words" : ""}`}</button>
        <button type="button" disabled=${isPast || !isAsked} onClick=${() => void ask(words)}>Let the book choose who answers</button>
      </div>
    </form>
  </section>`;
}

/** @param {number} code */
function choose(code) {
  chosen.value = code;
}

/** @param {{point: (code: number | null) => void, isPast: boolean}} props `point` says what the pointer or the focus is on */
function Grid({ point, isPast }) {
  const code = chosen.value;
  /** What was chosen when the pointer went down: only that cell is pressed by it. @type {{current: number | null | undefined}} */
  const before = useRef(/** @type {number | null | undefined} */ (undefined));
  /**
   * The focus moves here and chooses; what is chosen never moves the focus, or two quick keys would chase each other.
   *
   * @param {KeyboardEvent & {currentTarget: HTMLElement}} event
   */
  const move = (event) => {
    const from = event.target instanceof HTMLElement ? event.target.dataset.code : undefined;
    const to = from === undefined ? null : moved(Number(from), event);
    if (to === null) return;
    event.preventDefault();
    choose(to);
    /** @type {HTMLElement | null} */ (event.currentTarget.querySelector(`[data-code="${to}"]`))?.focus();
  };
  /** @param {number} at @param {MouseEvent} event one without a pointer is a key: the cell was said already */
  const take = (at, event) => {
    const wasChosen = event.detail === 0 || before.current === at;
    before.current = undefined;
    point(null);
    choose(at);
    if (wasChosen && !isPast) void press(at, draft.peek());
  };
  return html`<div class="grid" role="grid" aria-label="Symbols: a row for each voice, a column for each behaviour" aria-colcount="17" aria-rowcount="17"
    onKeyDown=${move} onPointerDown=${() => (before.current = chosen.peek())} onPointerLeave=${() => point(null)} onFocusOut=${() => point(null)}>
    <div class="grid-groups" aria-hidden="true"><span></span>${ORIENTATIONS.map((name, n) => html`<span key=${name} class="first" title=${ORIENTATION_MEANS[n]}>${name}</span>`)}</div>
    <div role="row" class="grid-head">
      <span role="columnheader" class="corner"><span class="sr-only">Voice</span></span>
      ${ALL.map((n) => html`<span role="columnheader" key=${n} class=${n % 4 === 0 ? "first" : ""} title=${`${behaviourName(n)}. ${ORIENTATION_MEANS[n >> 2]} ${PROVENANCE_MEANS[n & 3]}`}><span class="sr-only">${behaviourName(n)}</span><span aria-hidden="true">${PROVENANCES[n & 3][0]}</span></span>`)}
    </div>
    ${ALL.map((character) => h(Row, { key: character, character, at: code !== null && code >> 4 === character ? code : null, isFirst: code === null && character === 0, point, take, isPast, isPointing: () => before.current !== undefined }))}
  </div>`;
}

/**
 * Of the 256 cells only those of the rows between which the choice moves are made again.
 *
 * @param {{character: number, at: number | null, isFirst: boolean, point: (code: number | null) => void,
 *   take: (code: number, event: MouseEvent) => void, isPast: boolean, isPointing: () => boolean}} props
 *   `at` is the chosen cell where it is of this row; without one the first of the first row takes the tab
 */
function Row({ character, at, isFirst, point, take, isPast, isPointing }) {
  const voice = voices.value.get(character);
  return useMemo(() => html`<div role="row" data-voice=${character}>
    <span role="rowheader" title=${voice?.sentence}>${h(Glyph, { character })}<span class="row-name">${voice?.name}</span></span>
    ${ALL.map((behavior) => {
      const own = character * 16 + behavior;
      const given = preview.value?.value.behaviours[behavior].given ?? null;
      return html`<span role="gridcell" key=${behavior} class=${behavior % 4 === 0 ? "first" : ""} aria-selected=${own === at}>
        <button type="button" class="cell" data-code=${own} data-given=${given} tabindex=${own === at || (isFirst && behavior === 0) ? 0 : -1}
          aria-label=${nameOf(own)} aria-disabled=${isPast} onFocus=${() => !isPointing() && point(own)}
          onPointerEnter=${() => chosen.peek() === null && point(own)}
          onClick=${(/** @type {MouseEvent} */ event) => take(own, event)}>${h(Mark, { trajectory: given })}</button>
      </span>`;
    })}
  </div>`, [voice, at, isFirst, preview.value, isPast]);
}

/** @param {number} code @param {KeyboardEvent} event @returns {number | null} the cell that a key leads to */
function moved(code, event) {
  const character = code >> 4, behavior = code & 15;
  switch (event.key) {
    case "ArrowLeft": return character * 16 + ((behavior + 15) & 15);
    case "ArrowRight": return character * 16 + ((behavior + 1) & 15);
    case "ArrowUp": return ((character + 15) & 15) * 16 + behavior;
    case "ArrowDown": return ((character + 1) & 15) * 16 + behavior;
    case "Home": return event.ctrlKey ? behavior : character * 16;
    case "End": return event.ctrlKey ? 240 + behavior : character * 16 + 15;
    default: return null;
  }
}

/** Sixteen voices, then sixteen behaviours, then the whole: on a phone a cell of the grid would be too small to touch. */
function Steps() {
  const code = chosen.value;
  const [voice, setVoice] = useState(/** @type {number | null} */ (null));
  const head = useRef(/** @type {HTMLElement | null} */ (null));
  const step = code !== null ? 3 : voice !== null ? 2 : 1;
  const before = useRef(step);
  useEffect(() => {
    if (before.current !== step && head.current?.checkVisibility()) {
      head.current.focus({ preventScroll: true });
      head.current.closest(".side")?.scrollTo({ top: 0 });
    }
    before.current = step;
  }, [step]);
  /** @param {number | null} to the voice that stays chosen */
  const back = (to) => {
    chosen.value = null;
    setVoice(to);
  };
  if (code !== null) {
    return html`<div class="two-steps" data-voice=${code >> 4}><p class="chosen" tabindex="-1" ref=${head}>${h(Glyph, { character: code >> 4, behavior: code & 15 })}<span><span class="voice-name">${voices.value.get(code >> 4)?.name}</span> · ${behaviourName(code & 15)}</span></p>
      <div class="buttons"><button type="button" onClick=${() => back(null)}>Another voice</button><button type="button" onClick=${() => back(code >> 4)}>Another way</button></div></div>`;
  }
  if (voice === null) {
    return html`<div class="two-steps"><fieldset><legend tabindex="-1" ref=${head}>Who answers?</legend>
      <div class="sixteen">${ALL.map((n) => html`<button type="button" key=${n} class="choice" data-voice=${n} onClick=${() => setVoice(n)}>${h(Glyph, { character: n })}<span>${voices.value.get(n)?.name}</span></button>`)}</div>
    </fieldset></div>`;
  }
  return html`<div class="two-steps"><fieldset data-voice=${voice}><legend tabindex="-1" ref=${head}>How does <span class="voice-name">${voices.value.get(voice)?.name}</span> answer?</legend>
    <div class="sixteen">${ALL.map((n) => {
      const given = preview.value?.value.behaviours[n].given ?? null;
      return html`<button type="button" key=${n} class="choice" onClick=${() => choose(voice * 16 + n)}>
        ${h(Mark, { trajectory: given })}<span>${behaviourName(n)}</span>
        <span class="quiet">${given === null ? "" : TRAJECTORIES[given].word}</span></button>`;
    })}</div>
  </fieldset><div class="buttons"><button type="button" onClick=${() => back(null)}>Another voice</button></div></div>`;
}

/** What a press would do: of the cell that is chosen or pointed at; before that, how the grid is read. @param {{code: number | null}} props */
function Outlook({ code }) {
  if (code === null) {
    return html`<div class="outlook" data-empty="true">
      <p>A row is who answers, a column is how. Point at a cell to see what it would do here; choose it, and then press.</p>
      <p class="quiet"><strong>C</strong> the book · <strong>P</strong> another section · <strong>U</strong> your words · <strong>S</strong> the book decides</p>
      <ul class="marks">${Object.entries(TRAJECTORIES).map(([name, each]) => html`<li key=${name}>${h(Mark, { trajectory: name })} ${each.does}</li>`)}</ul>
      ${h(Usual, { code })}
    </div>`;
  }
  const { would, closed } = outlookOf(code);
  const voice = voices.value.get(code >> 4);
  return html`<div class="outlook" data-voice=${code >> 4}>
    <p><strong>${hexOf(code)} <span class="voice-name">${voice?.name}</span>, ${behaviourName(code & 15)}.</strong> ${would}</p>
    <p class="quiet">${ORIENTATION_MEANS[(code & 15) >> 2]} ${PROVENANCE_MEANS[code & 3]}</p>
    ${voice && html`<p class="quiet" dir="auto">${voice.sentence}</p>`}
    ${h(Usual, { code })}
    ${closed.length > 0 && html`<ul class="closed">${closed.map((each) => html`<li key=${each.noun + each.why}><strong>No ${each.noun}:</strong> ${each.why}</li>`)}</ul>`}
  </div>`;
}

/** How long it usually takes here, what it costs, and who writes: before pressing. @param {{code: number | null}} props */
function Usual({ code }) {
  const told = usualOf(code);
  const writer = about.value?.writer;
  const by = writer && html` <span title=${writer.label}>Written by ${writer.model === "offline" ? "the offline writer, which is no language model" : writer.model}.</span>`;
  if (!told) return by ? html`<p class="quiet">${by}</p>` : null;
  const tokens = (told.prompt_tokens ?? 0) + (told.completion_tokens ?? 0);
  return html`<p class="quiet">Usually ${told.seconds < 1 ? "less than a second" : counted(Math.round(told.seconds), "second")}${tokens > 0 && ` and ${counted(tokens, "token")}`} here.${by}</p>`;
}
