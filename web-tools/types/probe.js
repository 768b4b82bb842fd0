// What the checker must find: where a line marked so has no fault, the check fails. This file is never run.

import { h, html, signal } from "../../src/qdpi/web/vendor/vendor.js";
import { select } from "../../src/qdpi/web/vendor/ring.js";

/** @param {{title: string, count?: number}} props */
function Card({ title, count = 0 }) {
  return html`<p>${title} ${count}</p>`;
}

export const right = h(Card, { title: "a page", count: 2 });

// @ts-expect-error a prop of another type
export const wrongType = h(Card, { title: 7 });

// @ts-expect-error a prop that the component does not have
export const unknownProp = h(Card, { title: "a page", colour: "red" });

// @ts-expect-error a prop that is missing
export const missingProp = h(Card, {});

function Bare() {
  return html`<hr />`;
}

/** @param {{children: import("preact").ComponentChildren}} props */
function Frame({ children }) {
  return html`<div>${children}</div>`;
}

export const framed = h(Frame, { key: "frame" }, h(Bare, null), h(Card, { title: "within" }), "text", 3, null);

// @ts-expect-error null for a component that needs a prop
export const noProps = h(Card, null);

// @ts-expect-error a prop of a component that has none
export const bareProp = h(Bare, { title: "a page" });

const count = signal(1);

// @ts-expect-error a signal of numbers
count.value = "one";

// @ts-expect-error a misspelled name of a vendored library
export const misspelled = select("main").atr("id");

/** @type {import("qdpi-api").About} */
const about = JSON.parse("{}");

export const depth = about.limits.branch_depth.toFixed();

// @ts-expect-error a field that the API does not have
export const noField = about.limits.depth_of_sea;
