import assert from "node:assert/strict";
import { test } from "node:test";
import { TertuliaError } from "../../../python/tertulia/web/static/protocol.js";
import { date, details, downloadUrl, progressWords } from "../../../python/tertulia/web/static/view/recording/film.js";
import { refusal } from "../../../python/tertulia/web/static/view/recording/refusal.js";
import { plain } from "../../../python/tertulia/web/static/words.js";
import "./english.js";

const processing = (progress, error) => plain(progressWords({ status: "processing", progress, error }));

test("how far a film is", () => {
  assert.equal(progressWords({ status: "recording" }), "Being recorded now.");
  assert.equal(processing(null), "Waiting to be made into a video.");
  assert.equal(processing({ stage: "waiting", fraction: 0, expectedAt: null }), "Waiting to be made into a video.");
  assert.equal(processing({ stage: "composing", fraction: 0.4267, expectedAt: null }), "The video is being made: 42%.");
  const expected = processing({ stage: "composing", fraction: 0.5, expectedAt: "2030-01-01T12:00:00Z" });
  assert.match(expected, /^The video is being made: 50%, ready at about \d+:00.*\.$/);
  assert.equal(processing({ stage: "uploading", fraction: 0.2, expectedAt: null }), "The video is being stored.");
  assert.equal(
    processing({ stage: "uploading", fraction: 0, expectedAt: null }, "The storage does not answer."),
    "The video is being stored. The storage does not answer. It is tried again.",
  );
  assert.equal(progressWords({ status: "failed", error: "No picture." }), "The video could not be made. No picture.");
  assert.equal(progressWords({ status: "failed" }), "The video could not be made.");
  assert.match(progressWords({ status: "empty" }), /^Nothing was recorded/);
  assert.equal(progressWords({ status: "ready" }), "");
});

test("what a film is like", () => {
  assert.equal(
    details({ status: "ready", duration: 725.4, layout: "grid", size: 12_345_678 }),
    "12:05 · Everyone the same size · 12 MB",
  );
  assert.equal(details({ status: "processing", duration: 0, layout: "speaker", size: null }).includes("0:00"), false);
  assert.equal(details({ status: "ready", duration: 3, layout: null, size: null }), "0:03");
});

test("the date has the day and the time", () => {
  assert.match(date({ recordedAt: "2026-11-28T12:15:00Z" }), /2026.*15/);
});

test("only our own route is asked for a download", () => {
  const [own, bucket] = ["https://x/v1/files/a.mp4?expires=1&signature=s", "https://bucket/a.mp4?X-Amz-Signature=s"];
  assert.deepEqual([own, bucket].map(downloadUrl), [`${own}&download=1`, bucket]);
});

test("why a recording does not start, in words", () => {
  const codes = ["forbidden", "already_recording", "no_session", "unreachable"];
  const said = codes.map((code) => refusal(new TertuliaError(code, "")));
  for (const words of said) assert.match(words, /^[A-Z].*\.$/);
  assert.equal(new Set(said).size, codes.length);
  assert.match(refusal(new TertuliaError("teapot", "")), /went wrong .*teapot/);
});
