// What src/qdpi/web/vendor/vendor.js exports: all libraries of the first load, with one Preact among them.
import { h as createElement, render } from "preact";
import htm from "htm";

export { render };
export { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { computed, effect, signal, untracked } from "@preact/signals";
export { tinykeys } from "tinykeys";

/** @typedef {import("preact").VNode<any>} VNode */
/** @typedef {import("preact").ComponentChildren} Children */
/**
 * The props that a component is given: all that it needs, and none that it does not have. Preact's own types take any.
 * @template P
 * @typedef {NoInfer<Omit<P, "children"> & Partial<Pick<P, "children" & keyof P>>> & import("preact").Attributes} Given
 */

/**
 * Builds a component, whose props are checked. Host elements are built by `html`.
 * @type {<P extends object>(
 *   component: (props: P) => Children,
 *   props: {} extends Omit<P, "children"> ? Given<P> | null : Given<P>,
 *   ...children: Children[]
 * ) => VNode}
 */
export const h = /** @type {never} */ (createElement);

/**
 * Builds a host element from a template.
 * @type {(strings: TemplateStringsArray, ...values: unknown[]) => VNode}
 */
export const html = /** @type {never} */ (htm.bind(createElement));
