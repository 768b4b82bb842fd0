/** Text and settings: how the page looks, how fast it appears, which keys it has; and the session's link. */

import { announce } from "../announce.js";
import { COMMANDS, keysOf } from "../keys.js";
import { linkOf } from "../session.js";
import { change, DEFAULTS, settings } from "../settings.js";
import { notify, sessionId } from "../store.js";
import { h, html, useState } from "../vendor/vendor.js";
import { shownKey } from "./help.js";

/** The pane of settings. */
export function Settings() {
  const now = settings.value;
  return html`<form class="settings" onSubmit=${(/** @type {Event} */ event) => event.preventDefault()}>
    ${h(Choices, { legend: "Theme", name: "theme", value: now.theme, options: [["auto", "As the device"], ["light", "Light"], ["dark", "Dark"]] })}
    ${h(Choices, { legend: "Typeface", name: "font", value: now.font, options: [["literata", "Literata"], ["legible", "Atkinson Hyperlegible"]] })}
    ${h(Range, { label: "Text size", name: "size", value: now.size, least: -3, most: 6, step: 1, shown: `${Math.round(100 * 1.0667 ** now.size)} %` })}
    ${h(Range, { label: "Width of the column", name: "measure", value: now.measure, least: 22, most: 48, step: 1, shown: `${now.measure} rem` })}
    ${h(Range, { label: "Space between lines", name: "leading", value: now.leading, least: 1.3, most: 2, step: 0.05, shown: now.leading.toFixed(2) })}
    ${h(Range, { label: "Pace of a page that is written", name: "pace", value: now.pace, least: 0, most: 60, step: 4, shown: now.pace === 0 ? "all at once" : `${now.pace} words a second` })}
    <label class="switch"><input type="checkbox" checked=${now.letters} onChange=${(/** @type {any} */ event) => change({ letters: event.target.checked })} /> Single letters are commands</label>
    ${h(Keys, {})}
    <button type="button" onClick=${() => change(DEFAULTS)}>Everything as it was at first</button>
    ${h(DeviceLink, {})}
  </form>`;
}

/** @param {{legend: string, name: "theme" | "font", value: string, options: string[][]}} props */
function Choices({ legend, name, value, options }) {
  return html`<fieldset><legend>${legend}</legend>${options.map(([option, title]) => html`<label key=${option}><input type="radio" name=${name} value=${option} checked=${option === value} onChange=${() => change({ [name]: option })} /> ${title}</label>`)}</fieldset>`;
}

/** @param {{label: string, name: "size" | "measure" | "leading" | "pace", value: number, least: number, most: number, step: number, shown: string}} props */
function Range({ label, name, value, least, most, step, shown }) {
  return html`<label class="range"><span>${label}</span> <span class="range-value" aria-hidden="true">${shown}</span>
    <input type="range" min=${least} max=${most} step=${step} value=${value} aria-valuetext=${shown} onInput=${(/** @type {any} */ event) => change({ [name]: Number(event.target.value) })} /></label>`;
}

/** Rebinding: the next key is the command's. */
function Keys() {
  const [waiting, setWaiting] = useState(/** @type {string | null} */ (null));
  /** @param {KeyboardEvent} event @param {string} id */
  const take = (event, id) => {
    if (waiting !== id || ["Shift", "Control", "Alt", "Meta", "Tab"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    setWaiting(null);
    if (event.key === "Escape") return;
    const parts = [event.ctrlKey && "Control", event.altKey && "Alt", event.metaKey && "Meta", event.shiftKey && "Shift", event.key === " " ? "Space" : event.key].filter(Boolean);
    bind(id, parts.join("+"));
  };
  return html`<details><summary>Keys</summary><ul class="rebind">${COMMANDS.map((command) => html`<li key=${command.id}><span>${command.title}</span>
    <button type="button" aria-label=${`Key of: ${command.title}`} onKeyDown=${(/** @type {KeyboardEvent} */ event) => take(event, command.id)} onClick=${() => setWaiting(command.id)}>${waiting === command.id ? "press a key" : shownKey(settings.value.keys[command.id] ?? command.keys[0])}</button></li>`)}</ul></details>`;
}

/** @returns {boolean} whether the page's address means another computer wherever else it is opened */
const isOnlyHere = () => /^(localhost|.+\.localhost|127\..+|\[::1\])$/u.test(location.hostname);

/** Give a key to a command: no other has it then. @param {string} id @param {string} key */
function bind(id, key) {
  const other = COMMANDS.find((command) => command.id !== id && keysOf(command).includes(key));
  if (other) notify({ kind: "info", title: "This key is taken", detail: `${shownKey(key)} is the key of: ${other.title}.`, next: "Choose another one." });
  else change({ keys: { ...settings.peek().keys, [id]: key } });
}

/** A link that takes the session to another device. */
function DeviceLink() {
  const [told, setTold] = useState("");
  const link = linkOf(sessionId.value);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(link);
      setTold("Copied.");
      announce("Copied.");
    } catch {
      setTold("Select the link and copy it.");
      announce("Select the link and copy it.");
    }
  };
  return html`<section><h3>On another device</h3>
    <p>Open this link there to go on where you are. Whoever has it can read and write in your journey.</p>
    ${isOnlyHere() && html`<p class="quiet">This address works on this computer only. For a link that works elsewhere, open the book at an address that the other device reaches.</p>`}
    <input class="link-field" readonly value=${link} aria-label="Link to your journey" onFocus=${(/** @type {any} */ event) => event.target.select()} />
    <button type="button" onClick=${() => void copy()}>Copy</button> <span>${told}</span></section>`;
}
