/**
 * The reader's settings, before the first paint: a small script of its own, so that no page is shown in the light to a
 * reader of the dark, or moves when the modules come. Theirs, in settings.js, are the same and last.
 */

{
  /** @type {Record<string, any>} */
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem("qdpi.settings") ?? "{}") ?? {};
  } catch {
    // storage is off, or holds something else: the page looks as it does at first
  }
  const { dataset, style } = document.documentElement;
  if (["light", "dark"].includes(kept.theme)) dataset.theme = kept.theme;
  if (kept.font === "legible") dataset.font = kept.font;
  if (Number.isInteger(kept.size) && Math.abs(kept.size) <= 6) style.setProperty("--size", String(1.0667 ** kept.size));
  if (kept.measure >= 22 && kept.measure <= 48) style.setProperty("--measure", `${Number(kept.measure)}rem`);
  if (kept.leading >= 1.3 && kept.leading <= 2) style.setProperty("--leading", String(Number(kept.leading)));
}
