/** The palette: go to a page, or run a command, by a part of its name, however it is spelled. */

import { openPage } from "../actions.js";
import { COMMANDS, keysOf } from "../keys.js";
import { canon, panel, titleOf, tree, vault } from "../store.js";
import { uFuzzy } from "../vendor/fuzzy.js";
import { h, html, useEffect, useMemo, useRef, useState } from "../vendor/vendor.js";
import { shownKey } from "./help.js";
import { voiceName } from "./parts.js";
import { undirected } from "./words.js";

const MOST = 12;
const fuzzy = new uFuzzy({ intraMode: 1, unicode: true, interSplit: "[^\\p{L}\\d']+", intraSplit: "\\p{Ll}\\p{Lu}", intraBound: "\\p{L}\\d|\\d\\p{L}|\\p{Ll}\\p{Lu}", intraChars: "[\\p{L}\\d']", intraContr: "'\\p{L}{1,2}\\b" });

/** @typedef {{name: string, kind: string, run: () => void}} Choice */

/** @returns {Choice[]} every page and every command */
function choices() {
  const book = (canon.value?.ring ?? []).map((/** @type {any} */ page) => ({ name: `${undirected(page.title)} · ${page.page_id}`, kind: "the book", run: () => openPage(page.page_id) }));
  const own = [...tree.pages.values()].reverse().map((node) => ({ name: `${titleOf(node.pageId ?? "")} · ${voiceName(node.symbol ?? 0)}`, kind: vault.value.has(node.pageId ?? "") ? "your vault" : "your journey", run: () => openPage(node.pageId ?? "") }));
  const commands = COMMANDS.filter((command) => command.id !== "palette").map((command) => ({ name: command.title, kind: keysOf(command).map(shownKey)[0] ?? "command", run: command.run }));
  return [...commands, ...own, ...book];
}

/** A combobox over pages and commands. */
export function Palette() {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const input = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => input.current?.focus(), []);
  const all = useMemo(choices, []);
  const found = useMemo(() => matches(all, query), [all, query]);
  /** @param {Choice | undefined} choice */
  const take = (choice) => {
    if (!choice) return;
    panel.value = null;
    choice.run();
  };
  /** @param {KeyboardEvent} event */
  const move = (event) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) setAt((at + step + found.length) % Math.max(1, found.length));
    else if (event.key === "Enter") take(found[at]);
    else return;
    event.preventDefault();
  };
  return html`<div class="palette">
    <label class="sr-only" for="palette-query">A page or a command</label>
    <input id="palette-query" ref=${input} type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list"
      aria-activedescendant=${found.length > 0 ? `palette-${at}` : undefined} autocomplete="off" spellcheck=${false} placeholder="A page or a command"
      value=${query} onInput=${(/** @type {any} */ event) => { setQuery(event.target.value); setAt(0); }} onKeyDown=${move} />
    <ul id="palette-list" role="listbox" aria-label="Pages and commands">
      ${found.map((choice, n) => h(Option, { key: `${choice.kind}${choice.name}${n}`, choice, n, isAt: n === at, take }))}
    </ul>
    ${found.length === 0 && html`<p class="quiet">Nothing is called that. Search finds words within pages.</p>`}
  </div>`;
}

/** @param {{choice: Choice, n: number, isAt: boolean, take: (choice: Choice) => void}} props */
function Option({ choice, n, isAt, take }) {
  return html`<li id=${`palette-${n}`} role="option" aria-selected=${isAt} onClick=${() => take(choice)}><span dir="auto">${choice.name}</span> <span class="quiet">${choice.kind}</span></li>`;
}

/** @param {Choice[]} all @param {string} query @returns {Choice[]} what is called so first, then what begins so */
function matches(all, query) {
  const wanted = query.trim().toLowerCase();
  if (wanted === "") return all.slice(0, MOST);
  const [indexes, info, order] = fuzzy.search(all.map((choice) => choice.name), query, 1);
  const best = (order && info ? order.map((n) => info.idx[n]) : (indexes ?? [])).map((n) => all[n]);
  /** @param {Choice} choice */
  const rank = ({ name }) => (name.toLowerCase() === wanted ? 0 : name.toLowerCase().startsWith(wanted) ? 1 : 2);
  return best.sort((one, other) => rank(one) - rank(other)).slice(0, MOST);
}
