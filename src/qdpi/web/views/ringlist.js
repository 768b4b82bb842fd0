/** The ring as a tree of rows: the same pages, for the keyboard, for screen readers, and for whoever likes lists. */

import { openPage } from "../actions.js";
import { pageHref } from "../router.js";
import { keyIn, rowNamed, RingRows, rowsInView } from "../state/ringrows.js";
import { canon, pageId, stateShown, visited, voices } from "../store.js";
import { h, html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../vendor/vendor.js";
import { Glyph } from "./parts.js";

/** @typedef {import("../state/ringrows.js").Row} Row */

/** A row's height in rem, as ring.css has it. */
const ROW = 2;

/** @param {{layout: import("../state/ringlayout.js").RingLayout}} props */
export function RingList({ layout }) {
  const tree = useMemo(() => new RingRows(layout, canon.value?.ring ?? []), [layout]);
  const here = pageId.value;
  const [open, setOpen] = useState(/** @type {ReadonlySet<string>} */ (new Set(tree.above(here))));
  const [focused, setFocused] = useState(/** @type {string | null} */ (here));
  const [view, setView] = useState({ top: 0, height: 800, row: ROW * 16 });
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const hasFocus = useRef(false);
  const isMoving = useRef(false);
  const typed = useRef({ letters: "", at: 0 });
  const rows = useMemo(() => tree.rows(open), [tree, open]);
  const at = Math.max(0, rows.findIndex((row) => row.id === focused));

  const measure = () => {
    const list = box.current;
    if (list) setView({ top: list.scrollTop, height: list.clientHeight, row: ROW * Number.parseFloat(getComputedStyle(document.documentElement).fontSize) });
  };
  useLayoutEffect(measure, []);
  useEffect(() => bringIntoView(box.current, at, view.row, "middle"), []);
  useEffect(() => {
    if (!hasFocus.current) return;
    bringIntoView(box.current, at, view.row, "nearest");
    isMoving.current = true; // the focus that is moved here chooses nothing, or two quick keys would chase each other
    /** @type {HTMLElement | null | undefined} */ (box.current?.querySelector('[tabindex="0"]'))?.focus({ preventScroll: true });
    isMoving.current = false;
  }, [focused]);

  /** @param {string} id @param {boolean} isOpen */
  const toggle = (id, isOpen) => {
    const next = new Set(open);
    if (isOpen) next.add(id);
    else next.delete(id);
    setOpen(next);
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || rows.length === 0) return;
    const row = rows[at];
    const does = keyIn(rows, at, event.key);
    if (event.key === "Enter" || event.key === " ") {
      if (row.kind === "section") toggle(row.id, !row.isOpen);
      else openPage(row.id);
    } else if (does === null && /^\p{L}$/u.test(event.key)) setFocused(rows[rowNamed(rows, at, lettersTyped(typed.current, event))].id);
    else if (does === null) return;
    else if ("to" in does) setFocused(rows[does.to].id);
    else if ("open" in does) toggle(does.open, true);
    else toggle(does.close, false);
    event.preventDefault();
    event.stopPropagation();
  };
  const owed = stateShown.value.branches;
  const places = rowsInView(rows.length, view, at);
  return html`<div class="ring-list" ref=${box} onScroll=${measure} role="tree" aria-label="The ring, as a tree: sections, their pages, and what was written at each"
    onKeyDown=${onKeyDown} onFocusIn=${() => (hasFocus.current = true)} onFocusOut=${() => (hasFocus.current = false)}>
    <div class="ring-rows" role="none" ref=${(/** @type {HTMLElement | null} */ list) => list?.style.setProperty("--rows", String(rows.length))}>
      ${places.map((place) => h(RowView, {
        key: rows[place].id, row: rows[place], place, isFocused: place === at, isHere: rows[place].id === here,
        isOwed: isOwedIn(layout, rows[place], owed), isRead: visited.value.has(rows[place].id),
        onToggle: toggle, onFocus: (/** @type {string} */ id) => { if (!isMoving.current) setFocused(id); },
      }))}
    </div>
  </div>`;
}

/** @param {import("../state/ringlayout.js").RingLayout} layout @param {Row} row @param {Record<string, any>} branches */
function isOwedIn(layout, row, branches) {
  const branch = row.seq > 0 ? layout.nodes[row.seq - 1].branch : null;
  return branch !== null && branch in branches;
}

/** Letters typed soon after each other are one word. @param {{letters: string, at: number}} typed @param {KeyboardEvent} event */
function lettersTyped(typed, event) {
  typed.letters = event.timeStamp - typed.at < 700 ? typed.letters + event.key : event.key;
  typed.at = event.timeStamp;
  return typed.letters;
}

/** @param {HTMLElement | null} list @param {number} at @param {number} row @param {"middle" | "nearest"} where */
function bringIntoView(list, at, row, where) {
  if (list === null) return;
  const top = at * row, bottom = top + row;
  if (where === "middle") list.scrollTop = top - list.clientHeight / 2;
  else if (top < list.scrollTop) list.scrollTop = top;
  else if (bottom > list.scrollTop + list.clientHeight) list.scrollTop = bottom - list.clientHeight;
}

/**
 * @param {{row: Row, place: number, isFocused: boolean, isHere: boolean, isOwed: boolean, isRead: boolean,
 *   onToggle: (id: string, isOpen: boolean) => void, onFocus: (id: string) => void}} props
 */
function RowView({ row, place, isFocused, isHere, isOwed, isRead, onToggle, onFocus }) {
  const line = useRef(/** @type {HTMLElement | null} */ (null));
  useLayoutEffect(() => {
    line.current?.style.setProperty("--place", String(place));
    line.current?.style.setProperty("--level", String(row.level));
  }, [place, row.level]);
  const voice = voices.value.get(row.voice)?.name ?? "";
  const marks = [row.kind === "written" && voice, isHere && "you are here", isOwed && "owed", isRead && "read", row.count > 0 && `${row.count} written`].filter(Boolean);
  return html`<div class="ring-row" role="treeitem" ref=${line} data-kind=${row.kind} data-voice=${row.voice} data-here=${isHere} data-owed=${isOwed} data-read=${isRead}
    tabindex=${isFocused ? 0 : -1} aria-level=${row.level} aria-posinset=${row.place} aria-setsize=${row.of} aria-expanded=${row.isOpen} aria-current=${isHere ? "page" : null}
    onFocus=${() => onFocus(row.id)} onClick=${() => row.kind === "section" && onToggle(row.id, !row.isOpen)}>
    <span class="twist" aria-hidden="true" onClick=${(/** @type {Event} */ event) => { event.stopPropagation(); if (row.isOpen !== null) onToggle(row.id, !row.isOpen); }}>${row.isOpen === null ? "" : row.isOpen ? "▾" : "▸"}</span>
    ${row.kind === "section" ? h(Glyph, { character: row.voice }) : html`<span class="shape" aria-hidden="true"></span>`}
    ${row.kind === "section" ? html`<span class="row-title voice-name">${row.title}</span>` : html`<a class="row-title" href=${pageHref(row.id)} tabindex="-1" dir="auto">${row.title}</a>`}
    ${row.kind === "page" && html`<span class="row-place">${row.place}</span>`}
    ${marks.length > 0 && html`<span class="sr-only">, ${marks.join(", ")}</span>`}
    ${row.count > 0 && html`<span class="row-count" aria-hidden="true">${row.count}</span>`}
  </div>`;
}
