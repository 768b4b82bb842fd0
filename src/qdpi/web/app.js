/** The reader's page. Begins where the server's own page ends: the text is there before this runs. */

import * as api from "./api.js";
import { followPresses } from "./actions.js";
import { startKeys } from "./keys.js";
import { route, startRouter } from "./router.js";
import { openSession } from "./session.js";
import { applySettings } from "./settings.js";
import * as store from "./store.js";
import { Stream } from "./stream.js";
import { effect, h, render } from "./vendor/vendor.js";
import { Desk, readyFor, readyToPress } from "./views/desk.js";

/** Whether there are moments to go back to: of a journey that has begun, or one in the address. */
const hasMoments = () => (store.treeVersion.value, store.tree.head > 0 || route.value.seq !== null);

/** Follow the moment in the address: what shows it is loaded for it. */
const followMoments = async () => (await import("./past.js")).followMoment();

/** The same, once there are moments. */
function followMomentsLater() {
  const stop = effect(() => {
    if (!hasMoments()) return;
    queueMicrotask(() => stop());
    followMoments().catch((error) => store.report(error, "The journey’s time could not be loaded"));
  });
}

async function start() {
  applySettings();
  startRouter();
  const [about, canon, voices, session] = await Promise.all([api.about(), api.canon(), api.voices(), openSession()]);
  store.about.value = about;
  store.canon.value = canon;
  store.voices.value = new Map(voices.map((/** @type {any} */ voice) => [voice.character, voice]));
  store.sessionId.value = session;
  await store.loadJourney();
  followPresses();
  startKeys();
  if (hasMoments()) await followMoments();
  else followMomentsLater();
  store.followAddress();
  store.followPreview();
  store.followUsual();
  store.followWatched();
  store.followReading();
  await Promise.all([store.firstShown(), readyFor(route.peek().view)]); // until then the server's own page stays, so that no text vanishes
  const desk = document.getElementById("desk");
  if (desk === null) throw new Error("The shell has no place for the desk.");
  desk.replaceChildren();
  render(h(Desk, {}), desk);
  performance.mark("desk"); // what was loaded until here is the first load, which tests/web/test_budget.py measures
  new Stream(session, {
    frame: store.takeFrame,
    state: (state) => (store.connection.value = state),
    after: () => store.tree.head,
  }).open();
  await readyToPress();
}

start().catch((error) => store.report(error, "The page could not begin"));
