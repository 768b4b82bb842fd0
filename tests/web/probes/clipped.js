/** What has words that are cut off at its edge without a sign (an ellipsis) that there are more: a sentence each. */
() => {
  return [...document.querySelectorAll(".desk *")].filter(isClipped).map((each) => `cut off: ${each.outerHTML.slice(0, 120)}`);

  function isClipped(each) {
    const { overflowX, overflowY, textOverflow, webkitLineClamp } = getComputedStyle(each);
    const cuts = (overflow) => ["hidden", "clip"].includes(overflow);
    const hasSign = textOverflow === "ellipsis" || webkitLineClamp !== "none";
    const isExempt = hasSign || each.matches(".ring-map, svg, svg *, input") || each.closest(".sr-only") || !each.checkVisibility();
    const isWider = cuts(overflowX) && each.scrollWidth > each.clientWidth + 1;
    const isHigher = cuts(overflowY) && each.scrollHeight > each.clientHeight + 4; // letters reach a little out of their lines
    return !isExempt && (isWider || isHigher);
  }
}
