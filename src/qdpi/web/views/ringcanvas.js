/**
 * The ring, drawn: three canvases one above the other. The lowest has the beads and the fronds; during a gesture it is
 * moved as an image, and drawn again when the gesture ends. The middle one has the edges of what is selected, the
 * highest what is pointed at and where the reader is: these are few, and drawn in each frame.
 *
 * @typedef {import("../state/ringlayout.js").Mark} Mark
 * @typedef {import("./ringpaint.js").Scene} Scene
 */

import { RADIUS } from "../state/ringlayout.js";
import { paintEdges, paintRing, paintTop } from "./ringpaint.js";

/** Around the window so much is drawn too, so that a gesture shows no edge at once, in pixels. */
const OVERSCAN = 96;
const MOST_DPR = 2;
const MOST_TIMES = 600;

/** Draws a scene, and tells what is at a point of the window. */
export class RingCanvas {
  /** @param {HTMLElement} box with three canvases and an element of each ink */
  constructor(box) {
    const canvases = [...box.querySelectorAll("canvas")];
    this.box = box;
    const [base, edges, top] = canvases.map((canvas) => ({ canvas, context: /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")) }));
    this.base = base;
    this.edges = edges;
    this.top = top;
    /** @type {Scene | null} */
    this.scene = null;
    this.transform = { x: 0, y: 0, k: 1 };
    this.drawn = this.transform;
    /** @type {Mark | null} */
    this.selected = null;
    this.inks = this.readInks();
    this.width = 0;
    this.height = 0;
    this.frame = 0;
    this.dpr = 1;
    this.isStale = true;
    /** How often all was drawn anew. */
    this.draws = 0;
    /** How long each frame of script took, the newest last: for tests and benchmarks. @type {number[]} */
    this.spent = [];
  }

  /** Read the colours of the theme: registered or not, of light or of dark, they are what an element has. @returns {import("./ringpaint.js").Inks} */
  readInks() {
    const color = (/** @type {string} */ name) => {
      const probe = this.box.querySelector(`[data-ink="${name}"]`);
      return probe ? getComputedStyle(probe).color : "#888";
    };
    return {
      paper: color("paper"), ink: color("ink"), quiet: color("quiet"), font: getComputedStyle(this.box).fontFamily,
      voices: Array.from({ length: 16 }, (_, n) => color(String(n))),
    };
  }

  /** Take the box's size. @returns {boolean} whether it changed */
  resize() {
    const { clientWidth: width, clientHeight: height } = this.box;
    if (width === this.width && height === this.height) return false;
    [this.width, this.height] = [width, height];
    this.dpr = Math.min(MOST_DPR, devicePixelRatio || 1);
    this.size(this.base.canvas, width + 2 * OVERSCAN, height + 2 * OVERSCAN);
    for (const layer of [this.edges, this.top]) this.size(layer.canvas, width, height);
    return true;
  }

  /** @param {HTMLCanvasElement} canvas @param {number} width @param {number} height */
  size(canvas, width, height) {
    canvas.width = Math.round(width * this.dpr);
    canvas.height = Math.round(height * this.dpr);
    canvas.style.setProperty("width", `${width}px`);
    canvas.style.setProperty("height", `${height}px`);
  }

  /** Pixels a unit, when the whole ring is seen. */
  get fit() {
    const extent = Math.max(RADIUS * 1.06, this.scene?.layout.extent ?? 0);
    return Math.max(1, Math.min(this.width, this.height) / 2 - 14) / extent;
  }

  /** Pixels a unit. */
  get scale() {
    return this.fit * this.transform.k;
  }

  /** @param {[number, number]} point of the ring @returns {[number, number]} of the window */
  toScreen([x, y]) {
    const { k, x: left, y: above } = this.transform;
    return [left + k * (this.width / 2 + x * this.fit), above + k * (this.height / 2 + y * this.fit)];
  }

  /** @param {number} x of the window @param {number} y @param {number} [near] @returns {Mark | null} */
  markAt(x, y, near) {
    if (this.scene === null) return null;
    const { k, x: left, y: above } = this.transform;
    const ringX = ((x - left) / k - this.width / 2) / this.fit, ringY = ((y - above) / k - this.height / 2) / this.fit;
    return this.scene.layout.markAt(ringX, ringY, this.scale, near);
  }

  /** @param {Mark} mark @param {number} k @returns {{x: number, y: number, k: number}} that brings a mark to the middle */
  centredOn(mark, k) {
    const [x, y] = this.scene?.layout.middleOf(mark, this.fit * k) ?? [0, 0];
    return { k, x: this.width / 2 - k * (this.width / 2 + x * this.fit), y: this.height / 2 - k * (this.height / 2 + y * this.fit) };
  }

  /** @param {Scene} scene */
  show(scene) {
    this.scene = scene;
    this.redraw();
  }

  /** @param {Mark | null} mark what is pointed at, or chosen by keys */
  select(mark) {
    this.selected = mark;
    this.later();
  }

  /** Move what is drawn. @param {{x: number, y: number, k: number}} transform */
  move(transform) {
    this.transform = { x: transform.x, y: transform.y, k: transform.k };
    this.later();
  }

  /** Take the theme's colours, and draw all anew. */
  recolor() {
    this.inks = this.readInks();
    this.redraw();
  }

  /** Draw all anew. */
  redraw() {
    this.isStale = true;
    this.later();
  }

  later() {
    if (this.frame !== 0) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      if (this.scene === null || this.width === 0) return;
      const begun = performance.now();
      if (this.isStale) this.drawAll(this.scene);
      else this.follow(this.scene);
      this.spent.push(performance.now() - begun);
      if (this.spent.length > MOST_TIMES) this.spent.shift();
    });
  }

  stop() {
    cancelAnimationFrame(this.frame);
  }

  /** @param {Scene} scene */
  drawAll(scene) {
    this.isStale = false;
    this.draws += 1;
    this.drawn = this.transform;
    this.base.canvas.style.setProperty("transform", `translate(${-OVERSCAN}px, ${-OVERSCAN}px)`);
    const context = this.cleared(this.base);
    context.translate(OVERSCAN, OVERSCAN);
    paintRing(context, scene, this.view(OVERSCAN), this.inks);
    this.drawOver(scene);
  }

  /** Move the lowest canvas to where its image belongs now. @param {Scene} scene */
  follow(scene) {
    const { drawn, transform } = this;
    const k = transform.k / drawn.k;
    const x = transform.x - drawn.x * k - OVERSCAN * k, y = transform.y - drawn.y * k - OVERSCAN * k;
    this.base.canvas.style.setProperty("transform", `translate(${x}px, ${y}px) scale(${k})`);
    this.drawOver(scene);
  }

  /** @param {Scene} scene */
  drawOver(scene) {
    const view = this.view(0);
    paintEdges(this.cleared(this.edges), scene, view, this.inks, this.selected);
    paintTop(this.cleared(this.top), scene, view, this.inks, this.selected);
  }

  /** @param {{canvas: HTMLCanvasElement, context: CanvasRenderingContext2D}} layer @returns {CanvasRenderingContext2D} */
  cleared({ canvas, context }) {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.scale(this.dpr, this.dpr);
    return context;
  }

  /** @param {number} margin @returns {import("./ringpaint.js").View} */
  view(margin) {
    return {
      at: (point) => this.toScreen(point), scale: this.scale, box: [-margin, -margin, this.width + margin, this.height + margin],
    };
  }
}
