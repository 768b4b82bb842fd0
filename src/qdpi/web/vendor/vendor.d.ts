export { render };
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
export const h: <P extends object>(component: (props: P) => Children, props: {} extends Omit<P, "children"> ? Given<P> | null : Given<P>, ...children: Children[]) => VNode;
/**
 * Builds a host element from a template.
 * @type {(strings: TemplateStringsArray, ...values: unknown[]) => VNode}
 */
export const html: (strings: TemplateStringsArray, ...values: unknown[]) => VNode;
export type VNode = import("preact").VNode<any>;
export type Children = import("preact").ComponentChildren;
/**
 * The props that a component is given: all that it needs, and none that it does not have. Preact's own types take any.
 */
export type Given<P> = NoInfer<Omit<P, "children"> & Partial<Pick<P, "children" & keyof P>>> & import("preact").Attributes;
import { render } from "preact";
export { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { computed, effect, signal, untracked } from "@preact/signals";
