/** @import { LocalMedia } from "../media.js" */
import { say } from "../words.js";
import { h } from "./dom.js";
import { pageHeader } from "./page_header.js";
import { prefer, preferences } from "./preferences.js";
import { preview } from "./preview.js";

/**
 * @typedef {object} Lobby
 * @property {HTMLElement} element
 * @property {() => void} close
 * @property {(message: string) => void} fail
 * @property {(section: HTMLElement) => void} append shows something below
 */

/**
 * The screen before a meeting: name, camera and microphone, and the button that joins.
 *
 * @param {object} options
 * @param {LocalMedia} options.local
 * @param {(name: string) => void} options.onGo joins
 * @returns {Lobby}
 */
export function lobby({ local, onGo }) {
  const mirror = preview(local);
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
  const go = h("button", { type: "submit", class: "primary" }, say("lobby.join"));
  const form = h(
    "form",
    {
      class: "ready",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        prefer({ name: name.value.trim() });
        failure.hidden = true;
        form.classList.add("busy");
        go.disabled = true;
        onGo(name.value.trim());
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
      h("h1", {}, say("lobby.title")),
      h("p", { class: "lead" }, say("lobby.lead")),
      form,
      failure,
    ),
  );
  return {
    element: h("div", { class: "lobby" }, pageHeader(), main),
    close: mirror.close,
    append: (section) => main.append(section),
    fail: (message) => {
      failure.textContent = message;
      failure.hidden = false;
      form.classList.remove("busy");
      go.disabled = false;
    },
  };
}
