/** Notices: what failed, why, and what to do; each can be dismissed. */

import { connection, dismiss, notices } from "../store.js";
import { html } from "../vendor/vendor.js";

/** The newest notices, at the edge of the page. */
export function Notices() {
  return html`<div class="notices">
    ${connection.value === "reconnecting" && html`<p class="notice quiet">The connection is lost. What is being written goes on; the page comes back by itself.</p>`}
    ${connection.value === "offline" && html`<p class="notice quiet">This device is offline. What is being written goes on without you.</p>`}
    ${notices.value.map((notice) => html`<div key=${notice.id} class=${`notice ${notice.kind}`} role="group" aria-label=${notice.title}>
      <p><strong>${notice.title}</strong></p>
      <p>${notice.detail}</p>
      ${notice.next && html`<p>${notice.next}</p>`}
      <button type="button" class="dismiss" aria-label=${`Dismiss: ${notice.title}`} onClick=${() => dismiss(notice.id)}>×</button>
    </div>`)}
  </div>`;
}
