/** The reader's settings: kept on this device, and applied to the document as attributes that the styles read. */

import { effect, signal } from "./vendor/vendor.js";

const KEPT_AS = "qdpi.settings";

/**
 * @typedef {{theme: "auto" | "light" | "dark", font: "literata" | "legible", size: number, measure: number,
 *   leading: number, pace: number, letters: boolean, keys: Record<string, string>}} Settings
 *   `size` is a step from -3 to 6, `measure` a width in rem, `pace` words a second (0: all at once), `letters` whether
 *   single letters are commands, `keys` the keys that the reader gave to commands, by their ids.
 */

/** @type {Settings} */
export const DEFAULTS = { theme: "auto", font: "literata", size: 0, measure: 33, leading: 1.55, pace: 24, letters: true, keys: {} };

/** What each setting may be; anything else that was kept is the default. */
const VALID = /** @type {Record<keyof Settings, (value: any) => boolean>} */ ({
  theme: (value) => ["auto", "light", "dark"].includes(value),
  font: (value) => ["literata", "legible"].includes(value),
  size: (value) => Number.isInteger(value) && value >= -3 && value <= 6,
  measure: (value) => Number.isFinite(value) && value >= 22 && value <= 48,
  leading: (value) => Number.isFinite(value) && value >= 1.3 && value <= 2,
  pace: (value) => Number.isInteger(value) && value >= 0 && value <= 60,
  letters: (value) => typeof value === "boolean",
  keys: (value) => value !== null && typeof value === "object" && Object.values(value).every((key) => typeof key === "string"),
});

/** @type {import("@preact/signals").Signal<Settings>} */
export const settings = signal(kept());

/** @param {Partial<Settings>} change */
export function change(change) {
  settings.value = checked({ ...settings.value, ...change });
}

/** Apply the settings now and after every change, and keep them. */
export function applySettings() {
  effect(() => {
    const now = settings.value;
    const html = document.documentElement;
    html.dataset.theme = now.theme;
    html.dataset.font = now.font;
    html.style.setProperty("--size", String(1.0667 ** now.size));
    html.style.setProperty("--measure", `${now.measure}rem`);
    html.style.setProperty("--leading", String(now.leading));
    try {
      localStorage.setItem(KEPT_AS, JSON.stringify(now));
    } catch {
      // storage is off: the settings last as long as the page
    }
  });
}

/** @returns {Settings} */
function kept() {
  try {
    return checked({ ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEPT_AS) ?? "{}") });
  } catch {
    return DEFAULTS;
  }
}

/** @param {Record<string, any>} given @returns {Settings} */
function checked(given) {
  const names = /** @type {(keyof Settings)[]} */ (Object.keys(DEFAULTS));
  return /** @type {Settings} */ (Object.fromEntries(names.map((name) => [name, VALID[name](given[name]) ? given[name] : DEFAULTS[name]])));
}
