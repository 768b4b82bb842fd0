/**
 * The grid of symbols: sixteen voices, sixteen behaviours. A row says who would answer, a cell what a press would do
 * here and now. On a phone the same in two steps of sixteen.
 */

import { ask, press } from "../actions.js";
import { about, draft, past, preview, usual, voices } from "../store.js";
import { h, html, useMemo, useState } from "../vendor/vendor.js";
import { Owed } from "./owed.js";
import { Glyph, Mark } from "./parts.js";
import { behaviourName, counted, hexOf, ORIENTATION_LETTERS, ORIENTATIONS, PROVENANCES, TRAJECTORIES } from "./words.js";

const ALL = Array.from({ length: 16 }, (_, n) => n);

/** @typedef {{given: string | null, sentence: string, closed: {word: string, why: string}[]}} Outlook what a press would do */

/**
 * @param {number} code
 * @returns {Outlook}
 */
export function outlookOf(code) {
  const told = preview.value?.value;
  if (!told) return { given: null, sentence: "What it would do is not known yet.", closed: [] };
  const behaviour = told.behaviours[code & 15];
  const reasons = behaviour.reasons.map((/** @type {number} */ n) => told.reasons[n]);
  const closed = behaviour.closed.map((/** @type {number} */ n) => ({ word: TRAJECTORIES[told.closings[n].trajectory].word, why: told.closings[n].why }));
  return { given: behaviour.given, sentence: [TRAJECTORIES[behaviour.given].would, ...reasons].join(" "), closed };
}

const PAST = "This is the past: nothing is pressed in it.";

/** @param {number} code @returns {string} all that a cell says, in words */
export function nameOf(code) {
  const voice = voices.value.get(code >> 4)?.name ?? "";
  return `${hexOf(code)}, ${voice}, ${behaviourName(code & 15)}: ${past.value === null ? outlookOf(code).sentence : PAST}`;
}

/** @param {number} code */
const pressWithDraft = (code) => void press(code, draft.peek());

/** The pane with the grid, what the chosen cell would do, and the words. */
export function Press() {
  const [chosen, choose] = useState(0x0f);
  const words = draft.value;
  const isPast = past.value !== null;
  return html`<section class="press" aria-label="Press a symbol">
    ${h(Grid, { chosen, choose, onPress: pressWithDraft, isPast })}
    ${h(TwoSteps, { chosen, choose })}
    ${h(Outlook, { code: chosen })}
    <form class="ask" onSubmit=${(/** @type {Event} */ event) => { event.preventDefault(); void press(chosen, words); }}>
      <label for="words">In your words</label>
      <textarea id="words" rows="2" maxlength="4000" value=${words} onInput=${(/** @type {any} */ event) => (draft.value = event.target.value)} placeholder="Ask, or leave it empty"></textarea>
      <div class="buttons">
        <button type="submit" class="primary" disabled=${isPast}>Press ${hexOf(chosen)}</button>
        <button type="button" disabled=${isPast || words.trim() === ""} onClick=${() => void ask(words)}>Let the book choose who answers</button>
      </div>
    </form>
    ${h(Owed, {})}
  </section>`;
}

/** @param {{chosen: number, choose: (code: number) => void, onPress: (code: number) => void, isPast: boolean}} props */
function Grid({ chosen, choose, onPress, isPast }) {
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
    /** @type {HTMLElement | null} */ (event.currentTarget.querySelector(`[data-code="${to}"]`))?.focus();
  };
  return html`<div class="grid" role="grid" aria-label="Symbols: a row for each voice, a column for each behaviour" aria-colcount="17" aria-rowcount="17" onKeyDown=${move}>
    <div role="row" class="grid-head">
      <span role="columnheader" class="corner"><span class="sr-only">Voice</span></span>
      ${ALL.map((n) => html`<span role="columnheader" key=${n} class=${n % 4 === 0 ? "first" : ""} title=${behaviourName(n)}><abbr title=${behaviourName(n)}>${ORIENTATION_LETTERS[n >> 2]}${PROVENANCES[n & 3][0]}</abbr></span>`)}
    </div>
    ${ALL.map((character) => h(Row, { key: character, character, chosen: chosen >> 4 === character ? chosen & 15 : null, choose, onPress, isPast }))}
  </div>`;
}

/**
 * Of the 256 cells only those of the rows between which the choice moves are made again.
 *
 * @param {{character: number, chosen: number | null, choose: (code: number) => void, onPress: (code: number) => void, isPast: boolean}} props
 */
function Row({ character, chosen, choose, onPress, isPast }) {
  const voice = voices.value.get(character);
  return useMemo(() => html`<div role="row" data-voice=${character}>
    <span role="rowheader" title=${voice?.sentence}>${h(Glyph, { character })}<span class="row-name">${voice?.name}</span></span>
    ${ALL.map((behavior) => {
      const code = character * 16 + behavior;
      const given = preview.value?.value.behaviours[behavior].given ?? null;
      return html`<span role="gridcell" key=${behavior} class=${behavior % 4 === 0 ? "first" : ""} aria-selected=${behavior === chosen}>
        <button type="button" class="cell" data-code=${code} data-given=${given} tabindex=${behavior === chosen ? 0 : -1}
          aria-label=${nameOf(code)} aria-disabled=${isPast} onFocus=${() => choose(code)} onMouseMove=${() => behavior !== chosen && choose(code)}
          onClick=${() => !isPast && onPress(code)}>${h(Mark, { trajectory: given })}</button>
      </span>`;
    })}
  </div>`, [voice, chosen, preview.value, isPast]);
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

/** Sixteen voices, then sixteen behaviours: on a phone a cell of the grid would be too small to touch. @param {{chosen: number, choose: (code: number) => void}} props */
function TwoSteps({ chosen, choose }) {
  const character = chosen >> 4;
  return html`<div class="two-steps">
    <fieldset><legend>Who answers</legend>
      <div class="sixteen">${ALL.map((n) => html`<button type="button" key=${n} class="choice" data-voice=${n} aria-pressed=${n === character} onClick=${() => choose(n * 16 + (chosen & 15))}>${h(Glyph, { character: n })}<span>${voices.value.get(n)?.name}</span></button>`)}</div>
    </fieldset>
    <fieldset><legend>How</legend>
      <div class="sixteen">${ALL.map((n) => {
        const given = preview.value?.value.behaviours[n].given ?? null;
        return html`<button type="button" key=${n} class="choice" aria-pressed=${n === (chosen & 15)} onClick=${() => choose(character * 16 + n)}>
          ${h(Mark, { trajectory: given })}<span>${ORIENTATIONS[n >> 2]}, ${PROVENANCES[n & 3]}</span>
          <span class="quiet">${given === null ? "" : TRAJECTORIES[given].word}</span></button>`;
      })}</div>
    </fieldset>
  </div>`;
}

/** @param {{code: number}} props */
function Outlook({ code }) {
  const { sentence, closed } = outlookOf(code);
  const voice = voices.value.get(code >> 4);
  return html`<div class="outlook" data-voice=${code >> 4}>
    <p><strong>${hexOf(code)} <span class="voice-name">${voice?.name}</span>, ${behaviourName(code & 15)}.</strong> ${sentence}</p>
    ${voice && html`<p class="quiet" dir="auto">${voice.sentence}</p>`}
    ${h(Usual, { code })}
    ${closed.length > 0 && html`<ul class="closed">${closed.map((each) => html`<li key=${each.word}><strong>${each.word}</strong> ${each.why}</li>`)}</ul>`}
  </div>`;
}

/** How long it usually takes here, what it costs, and who writes: before pressing. @param {{code: number}} props */
function Usual({ code }) {
  const [model] = usual.value;
  const writer = about.value?.writer.label;
  const told = model?.behaviours.find((/** @type {any} */ each) => each.behavior === (code & 15))?.usual ?? model?.usual;
  if (!told) return writer ? html`<p class="quiet">${writer}</p>` : null;
  const tokens = (told.prompt_tokens ?? 0) + (told.completion_tokens ?? 0);
  const took = told.seconds < 1 ? "less than a second" : counted(Math.round(told.seconds), "second");
  return html`<p class="quiet">Usually ${took}${tokens > 0 && ` and ${counted(tokens, "token")}`} here. ${writer}</p>`;
}
