/** Keys and help, made from the table that binds the keys. */

import { COMMANDS, keysOf } from "../keys.js";
import { about } from "../store.js";
import { h, html } from "../vendor/vendor.js";
import { Mark } from "./parts.js";
import { TRAJECTORIES } from "./words.js";

const SHOWN = /** @type {Record<string, string>} */ ({ ArrowRight: "→", ArrowLeft: "←", ArrowUp: "↑", ArrowDown: "↓", Control: "Ctrl", Escape: "Esc" });

/** @param {string} key as tinykeys writes it @returns {string} as a reader knows it */
export const shownKey = (key) => key.split("+").map((part) => SHOWN[part] ?? part).join(" + ");

/** What the keys do, what the marks mean, and the rules of the way back. */
export function Help() {
  const limits = about.value?.limits;
  return html`<div class="help">
    <p>Stand on a page, press a symbol, and a page is written there in a character’s voice. Everything is kept.</p>
    <h3>Keys</h3>
    <dl class="keys">${COMMANDS.filter((command) => keysOf(command).length > 0).map((command) => html`
      <dt key=${command.id}>${keysOf(command).map((key) => html`<kbd key=${key}>${shownKey(key)}</kbd> `)}</dt><dd key=${`${command.id}-title`}>${command.title}</dd>`)}</dl>
    <h3>What a press may do</h3>
    <ul>${Object.entries(TRAJECTORIES).map(([code, each]) => html`<li key=${code}>${h(Mark, { trajectory: code })} <strong>${each.word}</strong>: ${each.would}</li>`)}</ul>
    ${limits && html`<h3>The way back</h3>
    <p>A branch may be ${limits.branch_depth} pages deep, a section may have ${limits.open_branches} open, and owe ${limits.return_debt} pages. A journey may depart ${limits.departures} times. Then the way leads back into the book.</p>`}
  </div>`;
}
