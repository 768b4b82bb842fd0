/** Search: the book, your own pages, your vault; words, phrases and filters. */

import { announce } from "../announce.js";
import * as api from "../api.js";
import { pageHref } from "../router.js";
import { asProblem, canon, sessionId, titleOf, tree, voices } from "../store.js";
import { markedPieces } from "../text/points.js";
import { h, html, useEffect, useRef, useState } from "../vendor/vendor.js";
import { Glyph } from "./parts.js";
import { counted, ORIENTATIONS, PROVENANCES, TRAJECTORIES } from "./words.js";

const PAUSE = 180;

/** @typedef {{q: string, scope: string, section: string, character: string, behavior: string, trajectory: string}} Query */

/** The view at /find. The query is in the address, so that it can be shared and comes back. */
export function Search() {
  const [query, setQuery] = useState(fromAddress);
  const [told, setTold] = useState(/** @type {{answer: any, problem: api.Problem | null, query: Query} | null} */ (null));
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => input.current?.focus(), []);
  useEffect(() => {
    history.replaceState(history.state, "", toAddress(query));
    if (query.q.trim() === "") {
      setTold(null);
      return undefined;
    }
    const leaving = new AbortController();
    const timer = setTimeout(() => {
      api.search({ ...query, session_id: sessionId.peek() }, leaving.signal).then(
        (answer) => {
          setTold({ answer, problem: null, query });
          announce(counted(answer.total, "page"));
        },
        (error) => leaving.signal.aborted || setTold({ answer: null, problem: asProblem(error), query }),
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      leaving.abort();
    };
  }, [query]);
  /** @param {Partial<Query>} change */
  const set = (change) => setQuery({ ...query, ...change });
  return html`<main class="column" id="main" tabindex="-1"><article class="leaf"><h1 class="page-title" tabindex="-1">Find</h1>
    <form class="find" role="search" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
      <label for="find-q">Words, or a “phrase”</label>
      <input id="find-q" ref=${input} type="search" value=${query.q} onInput=${(/** @type {any} */ event) => set({ q: event.target.value })} />
      ${h(Filters, { query, set })}
    </form>
    ${told?.problem && html`<p>${told.problem.detail} ${told.problem.nextStep}</p>`}
    ${told?.answer && h(Hits, { answer: told.answer })}
  </article></main>`;
}

/** @param {{query: Query, set: (change: Partial<Query>) => void}} props */
function Filters({ query, set }) {
  const sections = (canon.value?.sections ?? []).map((/** @type {any} */ each) => [String(each.section), each.name]);
  const people = [...voices.value.values()].map((voice) => [voice.slug, voice.name]);
  const behaviours = Array.from({ length: 16 }, (_, n) => [String(n), `${ORIENTATIONS[n >> 2]}, ${PROVENANCES[n & 3]}`]);
  const active = [query.section, query.character, query.behavior, query.trajectory].filter(Boolean).length;
  return html`<div class="filters">
    ${h(Select, { label: "Where", value: query.scope, options: [["canon", "The book"], ["journey", "Your pages"], ["vault", "Your vault"]], onChange: (value) => set({ scope: value }) })}
    <details open=${active > 0 ? true : undefined}><summary>${active > 0 ? counted(active, "filter") : "Filters"}</summary><div class="filters">
    ${h(Select, { label: "Section", value: query.section, options: sections, onChange: (value) => set({ section: value }) })}
    ${h(Select, { label: "Voice", value: query.character, options: people, onChange: (value) => set({ character: value }) })}
    ${h(Select, { label: "Behaviour", value: query.behavior, options: behaviours, onChange: (value) => set({ behavior: value }) })}
    ${h(Select, { label: "Where it leads", value: query.trajectory, options: Object.entries(TRAJECTORIES).map(([code, each]) => [code, each.does]), onChange: (value) => set({ trajectory: value }) })}
    </div></details></div>`;
}

/** @param {{label: string, value: string, options: string[][], onChange: (value: string) => void}} props */
function Select({ label, value, options, onChange }) {
  return html`<label>${label} <select value=${value} onChange=${(/** @type {any} */ event) => onChange(event.target.value)}>
    <option value="">all</option>${options.map(([option, title]) => html`<option key=${option} value=${option}>${title}</option>`)}</select></label>`;
}

/** @param {{answer: any}} props */
function Hits({ answer }) {
  return html`<section aria-labelledby="hits"><h2 id="hits">${counted(answer.total, "page")}</h2>
    ${answer.goto.length > 0 && answer.total === 0 && html`<p>Did you mean ${answer.goto.slice(0, 3).map((/** @type {any} */ each) => html`<a key=${each.page_id} href=${pageHref(each.page_id)} dir="auto">${each.title}</a> `)}?</p>`}
    <ol class="hits">${answer.hits.map((/** @type {any} */ hit) => html`<li key=${hit.page_id} data-voice=${hit.character}>
      <a class="hit-title" href=${pageHref(hit.page_id)} dir="auto">${tree.pages.has(hit.page_id) && html`${standsOf(hit.page_id)} `}${marked(hit.title, hit.title_marks)}</a>
      <span class="byline">${h(Glyph, { character: hit.character })} <span class="voice-name">${voices.value.get(hit.character)?.name}</span> <span class="quiet">${hit.kind === "canon" ? `page ${hit.page_num}` : hit.saved ? "in your vault" : "in your journey"}</span></span>
      <p class="passage" dir="auto">${marked(hit.passage, hit.marks)}</p></li>`)}</ol>
  </section>`;
}

/** @param {string} id of a page that was written @returns {string} the word before the title that it bears */
const standsOf = (id) => titleOf(id).split(" ")[0];

/** @param {string} text @param {[number, number][]} marks */
function marked(text, marks) {
  return markedPieces(text, marks).map((piece, n) => (piece.marked ? html`<mark key=${n}>${piece.text}</mark>` : piece.text));
}

/** @returns {Query} */
function fromAddress() {
  const given = new URLSearchParams(location.search);
  const of = (/** @type {string} */ name) => given.get(name) ?? "";
  return { q: of("q"), scope: of("scope"), section: of("section"), character: of("character"), behavior: of("behavior"), trajectory: of("trajectory") };
}

/** @param {Query} query */
function toAddress(query) {
  const given = Object.entries(query).filter(([, value]) => value !== "");
  return given.length > 0 ? `?${new URLSearchParams(given)}` : location.pathname;
}
