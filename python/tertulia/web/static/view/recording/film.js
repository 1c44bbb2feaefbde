/** @import { Film } from "../../protocol/library.js" */
/** @import { Layout } from "../../protocol/types.js" */
import { duration } from "../header.js";

/** @type {Record<Layout, string>} */
export const LAYOUTS = {
  grid: "Everyone the same size",
  speaker: "Speaker large, others small",
  single: "Speaker only",
  "screen-first": "Shared screen large",
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
  return new Date(recordedAt).toLocaleString([], { dateStyle: "long", timeStyle: "short" });
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
    layout && LAYOUTS[layout],
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
      return "Being recorded now.";
    case "processing":
      return processing(progress ?? null, error ?? "");
    case "failed":
      return `The video could not be made. ${error ?? ""}`.trim();
    case "empty":
      return "Nothing was recorded: no microphone, camera or screen was on.";
    case "ready":
      return "";
  }
}

/**
 * @param {NonNullable<Film["progress"]> | null} progress
 * @param {string} error of an attempt that will be made again
 */
function processing(progress, error) {
  const again = error ? ` ${error} It is tried again.` : "";
  if (!progress || progress.stage === "waiting") return `Waiting to be made into a video.${again}`;
  if (progress.stage === "uploading") return `The video is being stored.${again}`;
  const when = progress.expectedAt ? `, ready at about ${clock(progress.expectedAt)}` : "";
  return `The video is being made: ${Math.floor(progress.fraction * 100)} %${when}.${again}`;
}

/** @param {string} at RFC 3339 */
function clock(at) {
  return new Date(at).toLocaleTimeString([], { timeStyle: "short" });
}

const UNITS = ["bytes", "kB", "MB", "GB", "TB"];

/**
 * @param {number} count
 * @returns {string} such as "12 MB"
 */
export function bytes(count) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const value = count / 1000 ** power;
  return `${power > 0 && value < 10 ? value.toFixed(1) : Math.round(value)} ${UNITS[power]}`;
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
