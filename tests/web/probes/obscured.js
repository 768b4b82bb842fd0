/** What can be focused and is then wholly behind something else, such as the bar at the bottom: a sentence each. */
() => {
  const focusable = "a[href], button, input, select, textarea, summary, [tabindex='0']";
  const seen = [...document.querySelectorAll(focusable)].filter((each) => each.checkVisibility() && !each.closest(".skip, :disabled, .beads"));
  return seen.filter(isObscured).map((each) => `behind something when it is focused: ${each.outerHTML.slice(0, 120)}`);

  function isObscured(each) {
    each.focus();
    const { left, top, right, bottom } = each.getBoundingClientRect();
    const across = [left + 2, (left + right) / 2, right - 2], down = [top + 2, (top + bottom) / 2, bottom - 2];
    return !across.some((x) => down.some((y) => isAt(each, document.elementFromPoint(x, y))));
  }

  function isAt(each, hit) {
    return hit !== null && (each.contains(hit) || hit.closest("label")?.contains(each));
  }
}
