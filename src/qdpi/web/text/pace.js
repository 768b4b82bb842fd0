/**
 * The pace at which a page appears: words a second, so that a page that came in one piece is not thrown at its reader.
 * The clock is given, so that tests decide the time.
 */

const MOST_BEHIND = 60;

/** Releases the points of a growing text, whole words at a time. */
export class Pace {
  /** @param {number} wordsPerSecond `Infinity` shows all at once */
  constructor(wordsPerSecond) {
    this.wordsPerSecond = wordsPerSecond;
    this.shown = 0;
    /** @type {number | null} */
    this.last = null;
    this.credit = 0;
  }

  /** The text starts over. */
  restart() {
    this.shown = 0;
    this.credit = 0;
  }

  /**
   * @param {readonly string[]} points all of the text so far
   * @param {number} now in milliseconds
   * @returns {number} how many points to show now
   */
  advance(points, now) {
    const seconds = this.last === null ? 0 : Math.max(0, now - this.last) / 1000;
    this.last = now;
    if (this.wordsPerSecond === Infinity) {
      this.shown = points.length;
      return this.shown;
    }
    // A reader who is far behind is let catch up: the writing, not the showing, should be what is waited for.
    const behind = wordsIn(points, this.shown);
    const speed = this.wordsPerSecond * (behind > MOST_BEHIND ? behind / MOST_BEHIND : 1);
    this.credit = Math.min(this.credit + seconds * speed, behind);
    while (this.credit >= 1 && this.shown < points.length) {
      this.shown = wordEnd(points, this.shown);
      this.credit -= 1;
    }
    return this.shown;
  }
}

/** @param {readonly string[]} points @param {number} from */
function wordEnd(points, from) {
  let at = from;
  while (at < points.length && isSpace(points[at])) at += 1;
  while (at < points.length && !isSpace(points[at])) at += 1;
  return at;
}

/** @param {readonly string[]} points @param {number} from */
function wordsIn(points, from) {
  let words = 0;
  for (let at = from; at < points.length; at = wordEnd(points, at)) words += 1;
  return words;
}

/** @param {string} point */
function isSpace(point) {
  return /\s/u.test(point);
}
