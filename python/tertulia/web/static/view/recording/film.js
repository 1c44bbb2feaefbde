/** @import { Film } from "../../protocol/library.js" */
/** @import { Layout } from "../../protocol/types.js" */
/** @import { Key } from "../../words/say.js" */
import { bytes, dateAndTime, percent, say, timeOfDay } from "../../words.js";
import { duration } from "../header.js";

/** @type {Record<Layout, Key>} */
export const LAYOUTS = {
  grid: "film.grid",
  speaker: "film.speaker",
  single: "film.single",
  "screen-first": "film.screenFirst",
};

/** @param {Pick<Film, "status">} film */
export function isReady({ status }) {
  return status === "ready";
}

/**
 * When a film was recorded.
 *
 * @param {Pick<Film, "recordedAt">} film
 * @returns {string} such as "28 November 2026 at 20:15"
 */
export function date({ recordedAt }) {
  return dateAndTime(recordedAt);
}

/**
 * What a film is like: length, layout, size.
 *
 * @param {Pick<Film, "duration" | "layout" | "size" | "status">} film
 * @returns {string}
 */
export function details({ status, duration: seconds, layout, size }) {
  const parts = [
    status === "ready" && duration(seconds * 1000),
    layout && say(LAYOUTS[layout]),
    status === "ready" && size && bytes(size),
  ];
  return parts.filter(Boolean).join(" · ");
}

/**
 * How far a film is, for people.
 *
 * @param {Pick<Film, "status" | "progress" | "error">} film
 * @returns {string} "" once it is ready
 */
export function progressWords({ status, progress, error }) {
  switch (status) {
    case "recording":
      return say("film.recording");
    case "processing":
      return processing(progress ?? null, error ?? "");
    case "failed":
      return [say("film.failed"), error ?? ""].join(" ").trim();
    case "empty":
      return say("film.empty");
    case "ready":
      return "";
  }
}

/**
 * @param {NonNullable<Film["progress"]> | null} progress
 * @param {string} error of an attempt that will be made again
 */
function processing(progress, error) {
  const stage = progress ? stageWords(progress) : say("film.waiting");
  return error ? [stage, error, say("film.triedAgain")].join(" ") : stage;
}

/** @param {NonNullable<Film["progress"]>} progress */
function stageWords({ stage, fraction, expectedAt }) {
  if (stage === "waiting") return say("film.waiting");
  if (stage === "uploading") return say("film.storing");
  const done = percent(Math.floor(fraction * 100) / 100);
  if (!expectedAt) return say("film.making", { percent: done });
  return say("film.makingUntil", { percent: done, time: timeOfDay(expectedAt) });
}

/**
 * The address that downloads a film instead of showing it. Only our own route knows the parameter: those of a bucket are
 * signed with all their parameters.
 *
 * @param {string} url signed
 * @returns {string}
 */
export function downloadUrl(url) {
  return new URL(url).pathname.startsWith("/v1/files/") ? `${url}&download=1` : url;
}
