/**
 * Keep the paragraph at the top of the window where it is, when the column is laid out again: by another text size, a
 * pane that opens, a phone that is turned. A scroll offset would show another paragraph.
 */

/**
 * @param {HTMLElement} column whose children are watched
 * @param {string} selector of what may be an anchor
 * @returns {() => void} stops watching
 */
export function keepAnchor(column, selector) {
  /** @type {{element: Element, top: number} | null} */
  let anchor = null;
  let width = column.clientWidth;
  const note = () => {
    const found = [...column.querySelectorAll(selector)].find((element) => element.getBoundingClientRect().bottom > 0);
    anchor = found ? { element: found, top: found.getBoundingClientRect().top } : null;
  };
  const observer = new ResizeObserver(() => {
    if (column.clientWidth !== width && anchor?.element.isConnected && scrollY > 0) {
      scrollBy({ top: anchor.element.getBoundingClientRect().top - anchor.top, behavior: "instant" });
    }
    width = column.clientWidth;
    note();
  });
  observer.observe(column);
  addEventListener("scroll", note, { passive: true });
  return () => {
    observer.disconnect();
    removeEventListener("scroll", note);
  };
}
