// What src/qdpi/web/vendor/vendor.js exports: all libraries of the first load, with one Preact among them.
import { h } from "preact";
import htm from "htm";

export { Fragment, h, render } from "preact";
export { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect } from "@preact/signals";
export { tinykeys } from "tinykeys";
export { default as uFuzzy } from "@leeoniya/ufuzzy";

/**
 * Builds one host element from a template. Components go through `h`, whose props are checked.
 * @type {(strings: TemplateStringsArray, ...values: unknown[]) => import("preact").VNode}
 */
export const html = /** @type {never} */ (htm.bind(h));
