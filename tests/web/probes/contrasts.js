/** Every text and figure that is seen and has less than 4.5 : 1 with what lies behind it, as the browser computes it. */
() => {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  return [...document.querySelectorAll(".desk *")].filter(isSeen).map(told).filter((sentence) => sentence !== null);

  function isSeen(each) {
    const hasText = [...each.childNodes].some((node) => node instanceof Text && node.data.trim());
    const isExempt = each.closest(".sr-only, :disabled, [aria-disabled=true], option");
    return (hasText || each.matches(".glyph, .mark, .shape")) && !isExempt && each.checkVisibility();
  }

  function told(each) {
    const behind = [];
    let opacity = 1;
    // A shape is seen against what lies behind it: that of a page that was read is filled with its own border's colour.
    const isShape = each.matches(".shape");
    for (let at = each; at; at = at.parentElement) {
      const { backgroundColor, opacity: own } = getComputedStyle(at);
      if (!(isShape && at === each)) behind.unshift([backgroundColor, 1]);
      opacity *= Number(own);
    }
    const { color, borderTopColor } = getComputedStyle(each);
    const front = [isShape ? borderTopColor : color, opacity];
    const [bright, dark] = [shine(painted(behind)), shine(painted([...behind, front]))].sort((a, b) => b - a);
    const ratio = (bright + 0.05) / (dark + 0.05);
    const name = `${each.tagName} .${each.getAttribute("class")} ${each.textContent.slice(0, 30)}`;
    return ratio < 4.5 ? `${ratio.toFixed(2)} : 1, ${front}: ${name}` : null;
  }

  /** The channels of colours that are painted one over the other. */
  function painted(colors) {
    context.clearRect(0, 0, 1, 1);
    for (const [color, alpha] of colors) {
      context.globalAlpha = alpha;
      context.fillStyle = color;
      context.fillRect(0, 0, 1, 1);
    }
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  }

  /** WCAG's relative luminance. */
  function shine(channels) {
    const [red, green, blue] = channels.map((c) => (c <= 10.31 ? c / 3294.6 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }
}
