/** @import { CheckResult } from "../../media/check/check.js" */
/** @import { Rest } from "../../protocol.js" */
/** @import { Opened } from "../preview.js" */

import { MOST_BITS } from "../../media/check/bandwidth.js";
import { check } from "../../media/check/check.js";
import { TertuliaError } from "../../protocol.js";
import { bitrate, say } from "../../words.js";
import { copyReport } from "../copying.js";
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { pageHeader } from "../page_header.js";
import { preferences } from "../preferences.js";
import { preview } from "../preview.js";
import { explainEntry } from "../problem.js";
import { speakerCheck } from "../speaker_check.js";
import { noise } from "./noise.js";
import { rows, verdict } from "./words.js";

/**
 * The screen that tests devices and the connection before a meeting.
 *
 * @param {object} options
 * @param {Opened} options.devices
 * @param {Rest} options.rest the API, called by what one would join with
 * @param {(() => void) | null} options.onBack null: there is no meeting to go back to
 * @returns {{element: HTMLElement, close: () => void}}
 */
export function checkScreen({ devices, rest, onBack }) {
  const mirror = preview(devices);
  mirror.setName(preferences().name);
  const network = networkCheck(rest);
  const back = onBack && h("button", { type: "button", class: "secondary", onclick: onBack }, say("check.back"));
  const element = h(
    "div",
    { class: "lobby" },
    pageHeader(),
    h(
      "main",
      { class: "lobby-main check" },
      h("div", { class: "preview" }, mirror.element, speakerCheck()),
      h(
        "section",
        { class: "welcome" },
        h("h1", {}, say("check.title")),
        h("p", { class: "lead" }, say("check.lead")),
        network,
        back,
      ),
    ),
  );
  return { element, close: mirror.close };
}

/** @param {Rest} rest */
function networkCheck(rest) {
  const list = h("dl", { class: "check-rows" });
  const words = h("div", { class: "check-verdict", role: "status" });
  const copy = h("button", { type: "button", class: "secondary", hidden: true }, icon("copy"), say("details.copy"));
  const start = h("button", { type: "button", class: "primary" }, say("check.start"));
  /** @type {CheckResult | null} */
  let last = null;
  const run = async () => {
    start.disabled = true;
    copy.hidden = true;
    fill(list);
    fill(words, h("p", { class: "lead waiting" }, say("check.running")));
    const { track, stop } = noise();
    try {
      last = await check(await rest.testConnection(), track, (result) => fill(list, ...rows(result).map(row)));
      const measured = say("check.measured", { rate: bitrate(MOST_BITS) });
      const sentences = [...verdict(last).map((text) => h("p", {}, text)), h("p", { class: "fine-print" }, measured)];
      fill(words, ...sentences);
      copy.hidden = false;
    } catch (error) {
      fill(words, h("p", { class: "trouble" }, explain(error)));
    } finally {
      stop();
    }
    fill(start, say("check.again"));
    start.disabled = false;
  };
  start.onclick = () => void run();
  copy.onclick = () => void copyReport(reportOf(last));
  return h("div", { class: "check-network" }, list, words, h("div", { class: "check-actions" }, start, copy));
}

/** @param {import("./words.js").Row} row */
function row({ label, words, mark }) {
  const sign = mark === "works" ? icon("check") : mark === "fails" ? icon("close") : h("span", {}, "–");
  return h("div", { class: mark }, h("dt", {}, label), h("dd", {}, sign, words));
}

/** @param {unknown} error */
function explain(error) {
  if (!(error instanceof TertuliaError)) console.error(error);
  const known = error instanceof TertuliaError ? error : new TertuliaError("internal", String(error));
  return known.status === 401 ? say("check.needsMeeting") : explainEntry(known);
}

/**
 * The same for whoever helps, in English.
 *
 * @param {CheckResult | null} result
 * @returns {string} JSON
 */
function reportOf(result) {
  const page = { at: new Date().toISOString(), server: location.origin, browser: navigator.userAgent };
  return JSON.stringify({ ...page, language: document.documentElement.lang, ...{ result } }, null, 2);
}
