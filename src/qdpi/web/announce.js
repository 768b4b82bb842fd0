/** One polite status for screen readers: whole sentences, never the words of a page that is being written. */

import { signal } from "./vendor/vendor.js";

/** @type {import("@preact/signals").Signal<string>} the sentence in the live region of views/desk.js */
export const announcement = signal("");

/** @param {string} sentence */
export function announce(sentence) {
  // The same sentence twice would not be read again: a no-break space makes it another one.
  announcement.value = announcement.value === sentence ? `${sentence}\u00a0` : sentence;
}
