/** What stands in a wrong place, in a wrong direction, or would run: a sentence each. `override` turns the direction. */
(override) => {
  const page = document.documentElement;
  const found = [];
  if (page.scrollWidth > page.clientWidth) found.push(`the page is ${page.scrollWidth - page.clientWidth} pixels too wide`, ...sticking());
  if (document.title.includes(override)) found.push("the title of the window runs backwards");
  for (const each of document.querySelectorAll("body *")) {
    const name = `${each.tagName} .${each.getAttribute("class")} ${each.textContent.slice(0, 60)}`;
    if (isTooWideWithin(each)) found.push(`what is in it is wider than it: ${name}`);
    if ([...each.attributes].some((attribute) => attribute.name.startsWith("on"))) found.push(`it would run: ${name}`);
    if (isBesideTheWindow(each)) found.push(`it is beside the window: ${name}`);
    if (turnsOthers(each)) found.push(`what stands beside it runs backwards: ${name}`);
  }
  return found;

  function sticking() {
    const sticksOut = (each) => each.getBoundingClientRect().right > page.clientWidth + 1;
    const first = [...document.querySelectorAll("body *")].filter((each) => sticksOut(each) && !sticksOut(each.parentElement));
    return first.map((each) => `  ${each.outerHTML.slice(0, 100)}`);
  }

  function isTooWideWithin(each) {
    const scrolls = ["auto", "scroll"].includes(getComputedStyle(each).overflowX);
    return scrolls && !each.matches("input, textarea, pre") && each.scrollWidth > each.clientWidth + 1;
  }

  function isBesideTheWindow(each) {
    const { left, right, width } = each.getBoundingClientRect();
    const isUsed = each.matches("button, a, input, select, textarea, summary") && !each.closest(".sr-only, .skip, .beads");
    return isUsed && width > 0 && (right > innerWidth + 1 || left < -1);
  }

  /** Whether a stranger's text has a direction that holds for words of ours too. */
  function turnsOthers(each) {
    if (each.closest(".text p, .passage, script, title, option, textarea")) return false; // all of it is theirs
    const texts = [...each.childNodes].filter((node) => node instanceof Text && node.data.trim());
    if (!texts.some((node) => node.data.includes(override))) return false;
    let unit = each;
    while (!isIsolated(unit)) unit = unit.parentElement;
    return texts.some((node) => !node.data.includes(override)) || unit.textContent.trim() !== each.textContent.trim();
  }

  function isIsolated(each) {
    const { unicodeBidi, display } = getComputedStyle(each);
    return ["isolate", "plaintext"].includes(unicodeBidi) || display !== "inline";
  }
}
