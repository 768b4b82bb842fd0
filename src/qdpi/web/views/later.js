/** Views that are loaded when they are first wanted: the first page of the book comes without them. */

import { report } from "../store.js";
import { h, html, useEffect, useState } from "../vendor/vendor.js";

/**
 * @template {object} Props
 * @param {() => Promise<(props: Props) => any>} load
 * @param {{isPane?: boolean}} [options] a pane stands beside the page, any other view in its place
 * @returns {{View: (props: Props) => any, ready: () => Promise<void>}} the view, and what waits until it is there
 */
export function later(load, { isPane = false } = {}) {
  /** @type {((props: Props) => any) | null} */
  let loaded = null;
  const ready = async () => void (loaded ??= await load());
  /** @param {Props} props */
  function View(props) {
    const [isThere, setThere] = useState(loaded !== null);
    useEffect(() => {
      if (!isThere) ready().then(() => setThere(true), (error) => report(error, "This view could not be loaded"));
    }, []);
    if (isThere && loaded) return h(/** @type {any} */ (loaded), props);
    return isPane ? html`<div aria-busy="true"></div>` : html`<main class="column" id="main" tabindex="-1" aria-busy="true"></main>`;
  }
  return { View, ready };
}
