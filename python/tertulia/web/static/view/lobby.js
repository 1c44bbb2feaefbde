/** @import { EntryView } from "../protocol/types.js" */
/** @import { Opened } from "./preview.js" */
import { dateAndTime, say } from "../words.js";
import { fill, h } from "./dom.js";
import { pageHeader } from "./page_header.js";
import { prefer, preferences } from "./preferences.js";
import { preview } from "./preview.js";
import { speakerCheck } from "./speaker_check.js";

/**
 * @typedef {object} Lobby
 * @property {HTMLElement} element
 * @property {() => void} close
 * @property {(message: string) => void} fail one can try again; "": nothing went wrong
 * @property {(onCancel: () => void) => void} wait a host has to let us in; may be said again
 * @property {(section: HTMLElement) => void} append shows something below
 */

/**
 * The screen before a meeting: name, camera and microphone, and the button that joins.
 *
 * @param {object} options
 * @param {Opened} options.devices
 * @param {(name: string) => void} options.onGo joins
 * @param {EntryView} options.room
 * @param {() => void} options.onTest tests the connection first
 * @returns {Lobby}
 */
export function lobby({ devices, onGo, onTest, room }) {
  const mirror = preview(devices, speakerCheck());
  const failure = h("p", { class: "trouble", role: "alert", hidden: true });
  const name = h("input", {
    name: "name",
    required: true,
    maxLength: 100,
    autocomplete: "name",
    placeholder: say("lobby.name"),
    value: preferences().name,
    oninput: () => mirror.setName(name.value),
  });
  const waiting = h("div", { class: "asking", hidden: true });
  const go = h("button", { type: "submit", class: "primary" }, say(room.waits ? "lobby.ask" : "lobby.join"));
  const test = h("button", { type: "button", class: "text-button to-test", onclick: onTest }, say("check.title"));
  const form = h(
    "form",
    {
      class: "ready",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        // Spaces alone are no name.
        name.value = name.value.trim();
        if (!form.reportValidity()) return;
        prefer({ name: name.value });
        failure.hidden = true;
        form.classList.add("busy");
        go.disabled = test.hidden = true;
        onGo(name.value);
      },
    },
    h("label", { class: "field" }, h("span", {}, say("lobby.name")), name),
    go,
  );
  mirror.setName(name.value);
  const main = h(
    "main",
    { class: "lobby-main" },
    mirror.element,
    h(
      "section",
      { class: "welcome" },
      topic(room),
      h("h1", {}, say("lobby.title")),
      h("p", { class: "lead" }, say("lobby.lead")),
      form,
      waiting,
      failure,
      test,
    ),
  );
  return {
    element: h("div", { class: "lobby" }, pageHeader(), main),
    close: mirror.close,
    append: (section) => main.append(section),
    wait: (onCancel) => {
      if (form.hidden) return;
      form.hidden = true;
      waiting.hidden = false;
      const cancel = h("button", { type: "button", class: "secondary", onclick: onCancel }, say("lobby.stopWaiting"));
      fill(
        waiting,
        h("p", { class: "asking-words", role: "status" }, say("lobby.asking")),
        h("p", { class: "fine-print" }, say("lobby.askingLead")),
        cancel,
      );
      cancel.focus();
    },
    fail: (message) => {
      fill(failure, message);
      failure.hidden = message === "";
      form.hidden = false;
      waiting.hidden = true;
      form.classList.remove("busy");
      go.disabled = test.hidden = false;
      go.focus();
    },
  };
}

/**
 * What the meeting is about, and when it is to be.
 *
 * @param {EntryView} room
 */
function topic({ title, scheduledFor }) {
  if (!title && !scheduledFor) return null;
  return h(
    "p",
    { class: "topic" },
    title && h("bdi", {}, title),
    scheduledFor && h("small", {}, say("meetings.at", { time: dateAndTime(scheduledFor) })),
  );
}
