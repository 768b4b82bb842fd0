/**
 * A text that grows, in nodes of its own: what is on the page already stays as it is, so that a selection, a scroll
 * position and a screen reader's place survive every word.
 */

import { paragraphsOf } from "../text/paragraphs.js";

/** Shows a growing text as paragraphs in an element. */
export class GrowingText {
  /** @param {HTMLElement} box */
  constructor(box) {
    this.box = box;
  }

  /** The text starts over. */
  clear() {
    this.box.replaceChildren();
  }

  /** @param {string} text all of it so far */
  show(text) {
    const paragraphs = paragraphsOf(text);
    // Only the last paragraph that is shown can have grown; more may follow it.
    for (let n = Math.max(0, this.box.children.length - 1); n < paragraphs.length; n += 1) {
      const shown = this.box.children[n] ?? this.box.appendChild(newParagraph());
      showLines(shown, paragraphs[n]);
    }
    while (this.box.children.length > paragraphs.length) this.box.lastElementChild?.remove();
  }
}

function newParagraph() {
  const paragraph = document.createElement("p");
  paragraph.setAttribute("dir", "auto");
  return paragraph;
}

/** @param {Element} paragraph @param {string[]} lines */
function showLines(paragraph, lines) {
  for (let n = Math.max(0, Math.floor((paragraph.childNodes.length - 1) / 2)); n < lines.length; n += 1) {
    const node = paragraph.childNodes[2 * n];
    if (node instanceof Text) {
      if (lines[n].startsWith(node.data)) node.appendData(lines[n].slice(node.data.length));
      else node.data = lines[n];
    } else {
      if (n > 0) paragraph.append(document.createElement("br"));
      paragraph.append(document.createTextNode(lines[n]));
    }
  }
}
