/**
 * The journey's stream, over a WebSocket: a browser opens only six connections of the other kind to one server, and
 * each tab would hold one. After a lost connection it resumes after the last outcome that it saw.
 *
 * @typedef {{event: string, id: number | null, data: any}} Frame
 */

import { API } from "./api.js";

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;

/** Follows a journey until it is closed. */
export class Stream {
  /**
   * @param {string} sessionId
   * @param {{frame: (frame: Frame) => void, state: (state: "online" | "reconnecting" | "offline") => void,
   *   after: () => number}} on `after` is the seq of the last outcome that the page has
   */
  constructor(sessionId, on) {
    this.sessionId = sessionId;
    this.on = on;
    this.failures = 0;
    /** @type {WebSocket | null} */
    this.socket = null;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.closed = false;
    this.wake = () => this.retryNow();
  }

  open() {
    addEventListener("online", this.wake);
    document.addEventListener("visibilitychange", this.wake);
    this.connect();
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
    removeEventListener("online", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    this.socket?.close();
  }

  connect() {
    const address = new URL(`${API}/event/ws`, location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.search = new URLSearchParams({ session_id: this.sessionId, after: String(this.on.after()) }).toString();
    const socket = (this.socket = new WebSocket(address));
    socket.onmessage = (message) => {
      this.failures = 0;
      this.on.state("online");
      this.on.frame(JSON.parse(message.data));
    };
    socket.onclose = () => {
      if (this.closed || socket !== this.socket) return;
      this.socket = null;
      this.failures += 1;
      this.on.state(navigator.onLine ? "reconnecting" : "offline");
      this.timer = setTimeout(() => this.connect(), this.pause());
    };
  }

  /** Do not wait for the rest of the pause: the device is online again, or the reader came back. */
  retryNow() {
    if (this.closed || this.socket !== null || document.hidden) return;
    clearTimeout(this.timer);
    this.connect();
  }

  pause() {
    const whole = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(this.failures - 1, 10));
    return whole / 2 + (Math.random() * whole) / 2;
  }
}
