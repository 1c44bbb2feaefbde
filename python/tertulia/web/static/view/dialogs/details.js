/** @import { Details, PathDetail, StreamDetail } from "../../media/details.js" */
/** @import { Meeting } from "../../meeting.js" */
/** @import { Source, VideoLimit } from "../../protocol/types.js" */
/** @import { Key } from "../../words/say.js" */
import { pathTo } from "../../media/details.js";
import { bitrate, percent, say } from "../../words.js";
import { copyReport } from "../copying.js";
import { openDialog } from "../dialog.js";
import { fill, h } from "../dom.js";

const READ_MS = 1000;

/** @type {Record<Source, Key>} */
const SOURCES = {
  microphone: "device.microphone",
  camera: "device.camera",
  screen: "details.screen",
  "screen-audio": "details.screenSound",
};

/**
 * Shows what the browser measures of each person's media, anew each second, and copies it for whoever helps.
 *
 * @param {Meeting} meeting
 */
export function detailsDialog(meeting) {
  const content = h("div", { class: "details" }, h("p", { class: "lead" }, say("details.measuring")));
  /** @type {Details} */
  let last = { streams: [], paths: [], limits: [] };
  const read = async () => {
    last = await meeting.details();
    if (last.streams.length + last.paths.length) fill(content, ...sections(last, meeting));
  };
  const copy = () => void copyReport(reportOf(last, meeting));
  const timer = setInterval(() => void read(), READ_MS);
  void read();
  const dialog = openDialog(
    say("details.title"),
    content,
    h("p", { class: "lead" }, say("details.copyLead")),
    h(
      "div",
      { class: "dialog-actions" },
      h("button", { type: "button", class: "secondary", onclick: copy }, say("details.copy")),
    ),
  );
  dialog.addEventListener("close", () => clearInterval(timer));
}

/**
 * @param {Details} details
 * @param {Meeting} meeting
 * @returns {HTMLElement[]} ourselves first, and what is sent; then the others
 */
function sections({ streams, paths, limits }, { roster, userId: self }) {
  const people = [...new Set(["", ...streams.map(({ userId }) => userId), ...paths.map(({ userId }) => userId)])];
  return people.map((userId) => {
    const name = roster.get(userId || self)?.displayName ?? say("meeting.someone");
    const path = pathTo(paths, userId);
    const rows = [
      ...(path ? [row(say(path.userId ? "details.path" : "details.pathToServer"), pathWords(path))] : []),
      ...streams
        .filter((stream) => stream.userId === userId)
        .map((stream) => row(say(SOURCES[stream.source]), streamWords(stream, limitOf(stream, limits)))),
    ];
    const title = userId ? h("bdi", {}, name) : say("details.own");
    return h("section", {}, h("h3", {}, title), rows.length ? h("dl", {}, ...rows) : h("p", {}, say("quality.none")));
  });
}

/**
 * @param {string} term
 * @param {string} words
 */
function row(term, words) {
  return h("div", {}, h("dt", {}, term), h("dd", {}, words));
}

/** @param {PathDetail} path */
function pathWords({ protocol, isRelayed, roundTrip }) {
  const way = say(isRelayed ? "details.relayed" : "details.direct", { protocol: protocol.toUpperCase() });
  const delay = Number.isNaN(roundTrip) ? "" : say("quality.delay", { milliseconds: Math.round(roundTrip) });
  return [way, delay].filter(Boolean).join(" · ");
}

/**
 * @param {StreamDetail} stream
 * @param {VideoLimit[]} limits
 */
function limitOf({ userId, source }, limits) {
  return limits.find((limit) => limit.userId === userId && limit.source === source);
}

/**
 * @param {StreamDetail} stream
 * @param {VideoLimit} [limit] what of it does not fit through our line
 */
export function streamWords({ picture, bitrate: bits, loss, codec }, limit) {
  const parts = [
    picture &&
      say("details.picture", { width: String(picture.width), height: String(picture.height), rate: picture.rate }),
    bitrate(bits),
    codec,
    !Number.isNaN(loss) && say("quality.lost", { percent: percent(Math.round(loss * 1000) / 1000) }),
    limit && limit.height !== null && say("details.smaller"),
    limit?.fewerFrames && say("details.fewerFrames"),
  ];
  return parts.filter(Boolean).join(" · ");
}

/**
 * The same for whoever helps: in English and without names.
 *
 * @param {Details} details
 * @param {Pick<Meeting, "topology" | "roomId" | "userId" | "hub" | "roster">} meeting
 * @returns {string} JSON
 */
export function reportOf({ streams, paths, limits }, { topology, roomId, userId, hub, roster }) {
  const members = roster.all.map(({ userId, isMuted, isVideoOn, isAway }) => ({ userId, isMuted, isVideoOn, isAway }));
  const page = { at: new Date().toISOString(), browser: navigator.userAgent, language: document.documentElement.lang };
  const { width, height } = screen;
  const report = { ...page, screen: { width, height, devicePixelRatio }, roomId, userId, topology, hub: hub.state };
  const measured = streams.map((stream) => {
    const path = pathTo(paths, stream.userId);
    return { ...stream, path: path ? { ...path, userId: undefined, to: path.userId || "server" } : null };
  });
  return JSON.stringify({ ...report, members, streams: measured, paths, limits }, null, 2);
}
