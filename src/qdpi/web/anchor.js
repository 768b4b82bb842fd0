/**
 * Keep the paragraph at the top of the window where it is, when the column is laid out again: by another text size, a
 * pane that opens, a phone that is turned. A scroll offset would show another paragraph.
 */

/**
 * @param {HTMLElement} column which is watched
 * @param {string} selector of what may be an anchor
 * @returns {() => void} stops watching
 */
export function keepAnchor(column, selector) {
  /** @type {{element: Element, top: number, height: number} | null} null at the top of the page, which stays the top */
  let anchor = null;
  let kept = -1; // where the page was scrolled to here: what the reader scrolls to is another place
  let resizing = 0; // the frame that a change of the window waits for: it scrolls a page that has become too short
  const note = () => {
    if (resizing !== 0 || scrollY === kept) return;
    const element = [...column.querySelectorAll(selector)].find((each) => each.getBoundingClientRect().bottom > 0);
    anchor = element && scrollY > 0 ? { element, ...placeOf(element) } : null;
    kept = -1;
  };
  const restore = () => {
    if (anchor?.element.isConnected) {
      const { top, height } = placeOf(anchor.element);
      // Of a paragraph that begins above the window the same part stays above it. Where the page is too short for that,
      // the anchor stays for when it is long enough again.
      const before = anchor.top < 0 ? anchor.top * (height / anchor.height) : anchor.top;
      scrollBy({ top: top - before, behavior: "instant" });
      kept = scrollY;
    } else {
      kept = -1;
      note();
    }
  };
  const onResize = () => {
    cancelAnimationFrame(resizing);
    resizing = requestAnimationFrame(() => {
      restore();
      resizing = requestAnimationFrame(() => (resizing = 0));
    });
  };
  const observer = new ResizeObserver(restore);
  observer.observe(column);
  addEventListener("scroll", note, { passive: true });
  addEventListener("resize", onResize);
  return () => {
    observer.disconnect();
    cancelAnimationFrame(resizing);
    removeEventListener("scroll", note);
    removeEventListener("resize", onResize);
  };
}

/** @param {Element} element @returns {{top: number, height: number}} */
function placeOf(element) {
  const { top, height } = element.getBoundingClientRect();
  return { top, height };
}
