/** @import { LocalMedia } from "../media.js" */
import { LevelMeter } from "../media.js";
import { say } from "../words.js";
import { h } from "./dom.js";

/** The number of steps of the level meter. */
const STEPS = 12;
const METER_MS = 80;

/**
 * A meter of what our microphone hears.
 *
 * @param {LocalMedia} local
 * @returns {{element: HTMLElement, close: () => void}}
 */
export function levelBar(local) {
  const meter = new LevelMeter();
  const steps = Array.from({ length: STEPS }, () => h("i"));
  const element = h("div", { class: "level", role: "meter", "aria-label": say("lobby.level") }, ...steps);
  element.setAttribute("aria-valuemin", "0");
  element.setAttribute("aria-valuemax", "100");
  element.setAttribute("aria-valuenow", "0");
  const listen = () => {
    const track = local.track("microphone");
    meter.listenTo(track);
    element.hidden = !track;
  };
  const unsubscribe = local.on("track", listen);
  // Until something was pressed, Firefox lets no page hear.
  const page = new AbortController();
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, () => meter.wake(), { signal: page.signal });
  const timer = setInterval(() => {
    const level = local.isMuted ? 0 : meter.read();
    element.setAttribute("aria-valuenow", String(Math.round(level * 100)));
    for (const [i, step] of steps.entries()) step.classList.toggle("lit", level * STEPS > i + 0.3);
  }, METER_MS);
  listen();
  return {
    element,
    close: () => {
      clearInterval(timer);
      unsubscribe();
      page.abort();
      meter.close();
    },
  };
}
