/** The ring: the whole book and all that was written, at a glance; beside it the same as a tree. */

import { announce } from "../announce.js";
import { openPage } from "../actions.js";
import { placements } from "../past.js";
import { hasMoved, pageHref } from "../router.js";
import { settings } from "../settings.js";
import { Ring as BookRing } from "../state/placement.js";
import { RingLayout } from "../state/ringlayout.js";
import { canon, pageId, pageOf, past, stateShown, titleOf, tree, treeVersion, visited, voices } from "../store.js";
import { h, html, useEffect, useMemo, useRef, useState } from "../vendor/vendor.js";
import { focusHeading, Glyph, isStill } from "./parts.js";
import { RingCanvas } from "./ringcanvas.js";
import { RingList } from "./ringlist.js";
import { counted, undirected } from "./words.js";

/** @typedef {import("../state/ringlayout.js").Mark} Mark */

const FARTHEST = 0.8;
const NEAREST = 90;
/** So long must the pointer stand before a page's words are read, in milliseconds. */
const DWELL = 180;
const EXCERPT = 180;

/** The view at /ring. */
export function Ring() {
  const title = useRef(/** @type {HTMLElement | null} */ (null));
  const [shows, setShows] = useState(/** @type {"both" | "ring" | "list"} */ (matchMedia("(min-width: 60rem)").matches ? "both" : "ring"));
  const layout = useLayout();
  useEffect(() => {
    if (hasMoved()) focusHeading(title.current);
  }, []);
  const written = layout.pages?.length ?? 0;
  return html`<main class="ring" id="main" data-shows=${shows}>
    <header class="ring-head">
      <h1 class="page-title" tabindex="-1" ref=${title}>The ring</h1>
      <p class="quiet">${counted(layout.angles.length, "page")} of the book${written > 0 ? `, ${counted(written, "page")} written` : ""}${past.value ? ", as it was then" : ""}</p>
      <div class="ring-shows" role="group" aria-label="Show">
        ${/** @type {const} */ ([["both", "Both"], ["ring", "Ring"], ["list", "List"]]).map(([name, label]) => html`<button type="button" key=${name} class=${`show-${name}`} aria-pressed=${shows === name} onClick=${() => setShows(name)}>${label}</button>`)}
      </div>
    </header>
    ${shows !== "ring" && h(RingList, { layout })}
    ${shows !== "list" && h(RingMap, { layout })}
  </main>`;
}

/** @returns {RingLayout} the ring of the moment that is shown */
function useLayout() {
  const version = treeVersion.value, until = past.value?.seq ?? tree.head, book = canon.value;
  return useMemo(() => {
    const ring = new BookRing(book?.ring ?? []);
    return new RingLayout(ring, book?.sections ?? [], tree.nodes.slice(0, until), placements().list.slice(0, until));
  }, [version, until, book]);
}

/** @param {RingLayout} layout @returns {import("./ringpaint.js").Scene} */
function sceneOf(layout) {
  const open = new Set(Object.keys(stateShown.value.branches)), read = visited.value;
  const owed = layout.nodes.filter((node) => node.pageId !== null && open.has(node.branch ?? "")).map((node) => layout.markOf(node.pageId));
  const voiceOf = new Map(layout.arcs.map((arc) => [arc.section, arc.character]));
  const pageVoices = new Uint8Array(layout.nodes.length + 1), pagesRead = new Uint8Array(layout.nodes.length + 1);
  for (const { seq, symbol, pageId } of layout.nodes) {
    pageVoices[seq] = (symbol ?? 0) >> 4;
    pagesRead[seq] = Number(pageId !== null && read.has(pageId));
  }
  return {
    layout, here: layout.markOf(pageId.value), owed: owed.filter((mark) => mark !== null), pageVoices, pagesRead,
    beadVoices: Uint8Array.from(layout.ring.pages, (page) => voiceOf.get(page.section) ?? 0),
    beadsRead: Uint8Array.from(layout.ring.pages, (page) => Number(read.has(page.page_id))),
  };
}

/** The canvases, and what is pointed at. @param {{layout: RingLayout}} props */
function RingMap({ layout }) {
  const box = useRef(/** @type {HTMLElement | null} */ (null));
  const map = useRef(/** @type {{canvas: RingCanvas, goTo: (mark: Mark | null, k: number) => void} | null} */ (null));
  const [selected, setSelected] = useState(/** @type {Mark | null} */ (null));
  const select = (/** @type {Mark | null} */ mark) => {
    map.current?.canvas.select(mark);
    setSelected(mark);
  };
  const state = stateShown.value, here = pageId.value, read = visited.value, theme = settings.value;
  useEffect(() => {
    if (box.current === null) return undefined;
    const canvas = new RingCanvas(box.current);
    const isGone = new AbortController();
    map.current = { canvas, goTo: () => undefined };
    /** @type {any} */ (box.current).ring = canvas; // for the tests of its frames
    void import("../vendor/ring.js").then((library) => {
      if (box.current !== null && !isGone.signal.aborted && map.current) map.current.goTo = withZoom(box.current, canvas, library);
    });
    const observer = new ResizeObserver(() => canvas.resize() && canvas.redraw());
    observer.observe(box.current);
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) {
      matchMedia(query).addEventListener("change", () => canvas.recolor(), { signal: isGone.signal });
    }
    void document.fonts.ready.then(() => canvas.redraw());
    return () => {
      isGone.abort();
      observer.disconnect();
      canvas.stop();
    };
  }, []);
  useEffect(() => {
    map.current?.canvas.recolor();
    map.current?.canvas.resize();
    map.current?.canvas.show(sceneOf(layout));
    select(null);
  }, [layout, state, here, read, theme]);

  const point = (/** @type {PointerEvent} */ event, near = 10) => {
    const { left, top } = /** @type {HTMLElement} */ (box.current).getBoundingClientRect();
    return map.current?.canvas.markAt(event.clientX - left, event.clientY - top, near) ?? null;
  };
  /** @param {PointerEvent} event */
  const onMove = (event) => {
    if (event.pointerType === "touch" || event.buttons !== 0) return;
    const mark = point(event);
    if (!isSame(mark, selected)) select(mark);
  };
  /** @param {any} event */
  const onClick = (event) => {
    if (event.target instanceof Element && event.target.closest("a, button")) return;
    const isTouch = event.pointerType === "touch";
    const mark = point(event, isTouch ? 22 : 10);
    if (isTouch && !isSame(mark, selected)) return select(mark);
    if (mark !== null) open(mark);
  };
  /** @param {Mark} mark */
  const open = (mark) => {
    if (mark.kind === "stack") map.current?.goTo(mark, nearEnough(layout, mark.bead, map.current.canvas));
    else openPage(layout.pageOf(mark));
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (!map.current || event.altKey || event.ctrlKey || event.metaKey) return;
    const { canvas } = map.current;
    const at = selected ?? layout.markOf(here) ?? layout.markOf(layout.ring.pages[0]?.page_id ?? null);
    const way = WAYS[event.key];
    if (at === null) return;
    if (way) {
      const to = layout.from(at, way, canvas.scale);
      select(to);
      announce(nameOf(layout, to));
      if (!isSeen(canvas, to)) map.current.goTo(to, canvas.transform.k);
    } else if (event.key === "Enter") open(at);
    else if (event.key === "+" || event.key === "=") map.current.goTo(at, Math.min(NEAREST, canvas.transform.k * 1.6));
    else if (event.key === "-") map.current.goTo(canvas.transform.k < 1.7 ? null : at, Math.max(FARTHEST, canvas.transform.k / 1.6));
    else if (event.key === "0") map.current.goTo(null, 1);
    else if (event.key === "Escape" && selected !== null) select(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return html`<div class="ring-map" ref=${box} tabindex="0" role="application" aria-label="The ring, drawn. Arrow keys go along it and outward, Enter opens a page, plus and minus zoom, 0 shows all."
    onPointerMove=${onMove} onPointerLeave=${(/** @type {PointerEvent} */ event) => event.pointerType !== "touch" && select(null)} onClick=${onClick} onKeyDown=${onKeyDown}>
    <canvas aria-hidden="true"></canvas><canvas aria-hidden="true"></canvas><canvas aria-hidden="true"></canvas>
    <span hidden>${["paper", "ink", "quiet"].map((ink) => html`<i key=${ink} data-ink=${ink}></i>`)}${Array.from({ length: 16 }, (_, n) => html`<i key=${n} data-ink=${n} data-voice=${n}></i>`)}</span>
    <div class="ring-tools" role="group" aria-label="Zoom">
      <button type="button" onClick=${() => map.current?.goTo(layout.markOf(here), 9)}>Where I am</button>
      <button type="button" onClick=${() => map.current?.goTo(null, 1)}>Whole ring</button>
    </div>
    ${h(Legend, {})}
    ${selected && h(Preview, { layout, mark: selected, isInTheMiddle: (map.current?.canvas.transform.k ?? 1) < 1.3 })}
  </div>`;
}

/** What the shapes mean. */
function Legend() {
  return html`<ul class="ring-legend" aria-label="What the shapes mean">
    <li><svg viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="4" class="hollow" /></svg> page of the book</li>
    <li><svg viewBox="0 0 12 12" aria-hidden="true"><rect x="2" y="2" width="8" height="8" class="hollow" /></svg> written page</li>
    <li><svg viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="4.5" /></svg> read</li>
    <li><svg viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="2" /><circle cx="6" cy="6" r="5" class="hollow" /></svg> owed</li>
  </ul>`;
}

const WAYS = /** @type {Record<string, "on" | "back" | "out" | "in">} */ ({ ArrowRight: "on", ArrowLeft: "back", ArrowUp: "out", ArrowDown: "in" });

/** @param {Mark | null} a @param {Mark | null} b */
const isSame = (a, b) => a === b || (a !== null && b !== null && a.kind === b.kind && a.bead === b.bead && a.seq === b.seq);

/** @param {RingCanvas} canvas @param {Mark} mark @returns {boolean} whether it is in the window */
function isSeen(canvas, mark) {
  const [x, y] = canvas.toScreen(canvas.scene?.layout.middleOf(mark, canvas.scale) ?? [0, 0]);
  return x > 20 && y > 20 && x < canvas.width - 20 && y < canvas.height - 20;
}

/** @param {RingLayout} layout @param {number} bead @param {RingCanvas} canvas @returns {number} the zoom at which its pages are seen */
function nearEnough(layout, bead, canvas) {
  return Math.min(NEAREST, 9 / (layout.blockOf(bead).side * canvas.fit));
}

/** @param {RingLayout} layout @param {Mark} mark @returns {string} */
function nameOf(layout, mark) {
  if (mark.kind === "stack") return `${counted(mark.count, "page")} written from ${undirected(titleOf(layout.pageOf(mark)))}`;
  const grown = mark.kind === "bead" ? layout.counts[mark.bead] : 0;
  return `${undirected(titleOf(layout.pageOf(mark)))}${grown ? `, ${counted(grown, "page")} written` : ""}`;
}

/**
 * Let the reader zoom and pan.
 *
 * @param {HTMLElement} box
 * @param {RingCanvas} canvas
 * @param {typeof import("../vendor/ring.js")} library
 * @returns {(mark: Mark | null, k: number) => void} brings a mark to the middle, or the whole ring
 */
function withZoom(box, canvas, { select, zoom, zoomIdentity }) {
  const behaviour = zoom().scaleExtent([FARTHEST, NEAREST]).clickDistance(4)
    .filter((event) => !(event.target instanceof Element && event.target.closest("a, button, .ring-card")) && !event.button)
    .on("zoom", (event) => canvas.move(event.transform))
    .on("end", () => canvas.redraw());
  const selection = select(/** @type {Element} */ (box)).call(behaviour).on("dblclick.zoom", null);
  return (mark, k) => {
    const { x, y } = mark === null ? { x: 0, y: 0 } : canvas.centredOn(mark, k);
    const transform = mark === null ? zoomIdentity : zoomIdentity.translate(x, y).scale(k);
    const target = isStill() ? selection : /** @type {any} */ (selection).transition().duration(450);
    target.call(behaviour.transform, transform);
  };
}

/** A page's title, its voice and its first words. @param {{layout: RingLayout, mark: Mark, isInTheMiddle: boolean}} props */
function Preview({ layout, mark, isInTheMiddle }) {
  const id = layout.pageOf(mark);
  const [told, setTold] = useState(/** @type {{id: string, excerpt: string} | null} */ (null));
  useEffect(() => {
    if (mark.kind === "stack") return undefined;
    let isCurrent = true;
    const timer = setTimeout(() => {
      pageOf(id).then(
        (page) => isCurrent && setTold({ id, excerpt: excerptOf(page.text) }),
        () => undefined, // the card then has the title alone; opening the page says what is wrong
      );
    }, DWELL);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [id, mark.kind]);
  const node = mark.kind === "page" ? layout.nodes[mark.seq - 1] : null;
  const section = canon.value?.sections.find((/** @type {any} */ each) => each.section === layout.ring.pages[mark.bead].section);
  const character = node ? (node.symbol ?? 0) >> 4 : (section?.character ?? 0);
  return html`<div class="ring-card" data-voice=${character} data-place=${isInTheMiddle ? "middle" : "corner"}>
    <p class="ring-card-title">${h(Glyph, { character })}<a href=${pageHref(id)} dir="auto" tabindex="-1">${nameOf(layout, mark)}</a></p>
    <p class="quiet"><span class="voice-name">${voices.value.get(character)?.name}</span>${node?.status === "stopped" ? " · a part" : ""}</p>
    ${mark.kind === "stack" ? html`<p class="quiet">Enter or a click shows each of them.</p>` : told?.id === id && html`<p dir="auto">${told.excerpt}</p>`}
  </div>`;
}

/** @param {string} text @returns {string} its beginning, by code points */
function excerptOf(text) {
  const points = Array.from(text.replace(/\s+/gu, " ").trim());
  return points.length <= EXCERPT ? points.join("") : `${points.slice(0, EXCERPT).join("").replace(/\s\S*$/u, "")} …`;
}
