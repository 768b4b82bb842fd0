export { tinykeys } from "tinykeys";
export { default as uFuzzy } from "@leeoniya/ufuzzy";
/**
 * Builds one host element from a template. Components go through `h`, whose props are checked.
 * @type {(strings: TemplateStringsArray, ...values: unknown[]) => import("preact").VNode}
 */
export const html: (strings: TemplateStringsArray, ...values: unknown[]) => import("preact").VNode;
export { Fragment, h, render } from "preact";
export { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect } from "@preact/signals";
