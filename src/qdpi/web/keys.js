/**
 * The commands of the page: one table. Keys, the palette and the help are made from it, so that they agree.
 *
 * @typedef {{id: string, title: string, keys: string[], isLetter?: boolean, run: () => void}} Command
 *   `keys` as tinykeys writes them; `isLetter` says that a single letter is among them, which the reader may turn off.
 */

import {
  nextSibling, press, returnToBook, save, stop, turn, unsave, writeAgain,
} from "./actions.js";
import { go, route, viewHref } from "./router.js";
import { settings } from "./settings.js";
import { canon, dismiss, notices, pageId, panel, past, runs, vault, watched } from "./store.js";
import { effect, signal, tinykeys } from "./vendor/vendor.js";

/** What was typed of a symbol: null while none is, else `s` and up to two hex digits. @type {import("@preact/signals").Signal<string | null>} */
export const typedSymbol = signal(null);

/** @param {string} name opens a pane, or closes it */
const toggle = (name) => () => (panel.value = panel.peek() === name ? null : name);

/** @type {Command[]} */
export const COMMANDS = [
  { id: "next", title: "Next page", keys: ["ArrowRight"], run: () => turn(1) },
  { id: "previous", title: "Previous page", keys: ["ArrowLeft"], run: () => turn(-1) },
  { id: "next-alternative", title: "Next alternative", keys: ["Alt+ArrowDown"], run: () => nextSibling(1) },
  { id: "previous-alternative", title: "Previous alternative", keys: ["Alt+ArrowUp"], run: () => nextSibling(-1) },
  { id: "again", title: "Write this page again, as another alternative", keys: ["Control+Enter"], run: () => void writeAgain(pageId.peek() ?? "") },
  { id: "read", title: "Read the page that was bound last", keys: ["Alt+r"], run: focusPage },
  { id: "symbols", title: "Choose a symbol", keys: ["."], run: toggle("press") },
  { id: "symbol", title: "Press a symbol by its two hex digits", keys: ["s"], isLetter: true, run: () => (typedSymbol.value = "") },
  { id: "return", title: "Return to the book", keys: ["r"], isLetter: true, run: returnToBook },
  { id: "save", title: "Save this page in the vault, or take it out", keys: ["b"], isLetter: true, run: toggleSaved },
  { id: "palette", title: "Go to a page, or run a command", keys: ["Control+k", "p"], isLetter: true, run: toggle("palette") },
  { id: "ring", title: "The ring", keys: ["g", "j"], isLetter: true, run: () => go(viewHref("ring")) },
  { id: "home", title: "The first page of the book", keys: ["h"], isLetter: true, run: () => goHome() },
  { id: "vault", title: "The vault", keys: ["v"], isLetter: true, run: () => go(viewHref("vault")) },
  { id: "find", title: "Search", keys: ["/"], run: () => go(viewHref("find")) },
  { id: "why", title: "Why this page", keys: ["w"], isLetter: true, run: toggle("why") },
  { id: "settings", title: "Text and settings", keys: [","], run: toggle("settings") },
  { id: "export", title: "Take the journey with you", keys: ["e"], isLetter: true, run: toggle("export") },
  { id: "help", title: "Keys and help", keys: ["?", "Shift+?"], run: toggle("help") },
  { id: "escape", title: "Stop the writing; else close what is open", keys: ["Escape"], run: escape },
];

/** @param {Command} command @returns {string[]} the keys of a command, as the reader has set them */
export function keysOf(command) {
  const own = settings.value.keys[command.id];
  const keys = own ? [own] : command.keys;
  return settings.value.letters ? keys : keys.filter((key) => !isCharacter(key));
}

/** @param {string} key @returns {boolean} whether it is one character, which speech and a slip of the hand type too (WCAG 2.1.4) */
export const isCharacter = (key) => Array.from(key.replace(/^Shift\+/u, "")).length === 1;

/** Bind the keys, and again when the reader changes them. */
export function startKeys() {
  effect(() => {
    /** @type {Record<string, (event: KeyboardEvent) => void>} */
    const bindings = {};
    for (const command of COMMANDS) {
      for (const key of keysOf(command)) {
        bindings[key] = (event) => {
          if (event.defaultPrevented || isForField(event, key)) return;
          event.preventDefault();
          command.run();
        };
      }
    }
    // Which keys belong to a field is said here, by `isForField`: the library would keep all of them, Escape too.
    return tinykeys(window, bindings, { ignore: (event) => event.isComposing || event.repeat });
  });
  addEventListener("keydown", typeSymbol, { capture: true });
}

/**
 * Letters belong to a field that is written in, arrows to whatever moves by them; the palette's and Escape's keys do not.
 *
 * @param {KeyboardEvent} event
 * @param {string} key
 */
function isForField(event, key) {
  const target = event.target instanceof Element ? event.target : null;
  if (key === "Escape") return false;
  if (target?.closest("input, textarea, select, [contenteditable]")) return key !== "Control+k";
  return /^Arrow/u.test(key) && Boolean(target?.closest("[role=grid], [role=tree], [role=slider], [role=toolbar], [role=listbox], canvas"));
}

/** After `s`: two hex digits, then Enter. What it would do is shown before. @param {KeyboardEvent} event */
function typeSymbol(event) {
  const typed = typedSymbol.peek();
  if (typed === null || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^[0-9a-f]$/iu.test(event.key) && typed.length < 2) typedSymbol.value = typed + event.key.toUpperCase();
  else if (event.key === "Backspace") typedSymbol.value = typed.slice(0, -1);
  else if (event.key === "Enter" && typed.length === 2) {
    typedSymbol.value = null;
    void press(Number.parseInt(typed, 16));
  } else if (event.key === "Escape") typedSymbol.value = null;
  else if (event.key.length === 1) typedSymbol.value = null;
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function focusPage() {
  /** @type {HTMLElement | null} */ (document.querySelector("#page h1"))?.focus();
  scrollTo({ top: 0 });
}

function toggleSaved() {
  const id = pageId.peek();
  if (id === null) return;
  void (vault.peek().has(id) ? unsave(id) : save(id));
}

function goHome() {
  const first = canon.peek()?.ring[0]?.page_id;
  if (first) go(`${viewHref("ring").replace(/ring$/u, "p/")}${first}`);
}

/** The innermost first: an open pane, the past, a notice, another view, the writing. */
function escape() {
  const run = watched.peek()?.outcome === null ? watched.peek() : [...runs.peek().values()][0];
  const oldest = notices.peek()[0];
  const open = /** @type {HTMLElement | null} */ (document.querySelector(":popover-open"));
  if (open) open.hidePopover();
  else if (panel.peek() !== null) panel.value = null;
  else if (past.peek() !== null) void import("./past.js").then(({ toNow }) => toNow());
  else if (run) void stop(run.pressId);
  else if (oldest) dismiss(oldest.id);
  else if (route.peek().view !== "page") history.back();
}
