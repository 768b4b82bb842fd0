/**
 * Views that are loaded when they are first wanted: the first page of the book comes without them. What a reader is
 * likely to want next is loaded at leisure, so that its first use waits for nothing.
 */

import { report } from "../store.js";
import { entitle } from "./parts.js";
import { h, html, useEffect, useState } from "../vendor/vendor.js";

/**
 * @template {object} Props
 * @param {() => Promise<(props: Props) => any>} load
 * @param {{title?: string}} [options] a view in place of the page has a title, which is there before it; a pane has none
 * @returns {{View: (props: Props) => any, ready: () => Promise<void>}} the view, and what waits until it is there
 */
export function later(load, { title } = {}) {
  /** @type {((props: Props) => any) | null} */
  let loaded = null;
  const ready = async () => void (loaded ??= await load());
  /** @param {Props} props */
  function View(props) {
    const [isThere, setThere] = useState(loaded !== null);
    useEffect(() => {
      if (title !== undefined) entitle(title);
      if (!isThere) ready().then(() => setThere(true), (error) => report(error, "This view could not be loaded"));
    }, []);
    if (isThere && loaded) return h(/** @type {any} */ (loaded), props);
    if (title === undefined) return html`<div aria-busy="true"></div>`;
    return html`<main class="column" id="main" tabindex="-1" aria-busy="true"><h1 class="page-title" tabindex="-1">${title}</h1></main>`;
  }
  return { View, ready };
}

/** Resolve when the browser has nothing else to do. @returns {Promise<void>} */
const leisure = () => new Promise((resolve) => ("requestIdleCallback" in window ? requestIdleCallback(() => resolve()) : setTimeout(resolve, 200)));

/** Load one after another, whenever the browser is idle. @param {(() => Promise<void>)[]} loads */
export async function loadAtLeisure(loads) {
  for (const load of loads) {
    await leisure();
    await load().catch(() => undefined); // its first use loads it again, and says what fails
  }
}
