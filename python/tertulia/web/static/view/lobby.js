/** @import { LocalMedia } from "../media.js" */
import { brand } from "./brand.js";
import { h } from "./dom.js";
import { pathFrom } from "./entry.js";
import { icon } from "./icons.js";
import { prefer, preferences } from "./preferences.js";
import { preview } from "./preview.js";
import { toggleTheme } from "./theme.js";

/**
 * @typedef {object} Lobby
 * @property {HTMLElement} element
 * @property {() => void} close
 * @property {(message: string) => void} fail
 * @property {(section: HTMLElement) => void} append shows something below
 */

/**
 * The screen before a meeting: name, camera and microphone, and the button that joins or creates a meeting.
 *
 * @param {object} options
 * @param {LocalMedia} options.local
 * @param {boolean} options.isHome this is the start page, not a room's
 * @param {Promise<boolean>} options.mayCreate whether this page can create meetings
 * @param {(name: string) => void} options.onGo joins, after creating a meeting on the start page
 * @returns {Lobby}
 */
export function lobby({ local, isHome, mayCreate, onGo }) {
  const mirror = preview(local);
  const failure = h("p", { class: "trouble", role: "alert", hidden: true });
  const name = h("input", {
    name: "name",
    required: true,
    maxLength: 100,
    autocomplete: "name",
    placeholder: "Your name",
    value: preferences().name,
    oninput: () => mirror.setName(name.value),
  });
  const go = h(
    "button",
    { type: "submit", class: "primary" },
    ...(isHome ? [icon("plus"), "New meeting"] : ["Join now"]),
  );
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
    h("label", { class: "field" }, h("span", {}, "Your name"), name),
    go,
  );
  const byLink = isHome ? linkForm() : null;
  if (isHome) void offerCreation(mayCreate, form, byLink);
  mirror.setName(name.value);
  const main = h(
    "main",
    { class: "lobby-main" },
    mirror.element,
    h(
      "section",
      { class: "welcome" },
      h("h1", {}, isHome ? "Good company, wherever you are." : "Ready to join?"),
      h(
        "p",
        { class: "lead" },
        isHome
          ? "Start a meeting and share its link, or paste a link that you were sent."
          : "Check your camera and microphone. Others see you once you join.",
      ),
      form,
      byLink,
      failure,
    ),
  );
  return {
    element: h("div", { class: "lobby" }, header(), main),
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

function header() {
  return h(
    "header",
    { class: "page-header" },
    brand("/"),
    h(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": "Switch between light and dark",
        title: "Light or dark",
        onclick: toggleTheme,
      },
      icon("theme"),
    ),
  );
}

function linkForm() {
  const input = h("input", {
    name: "link",
    required: true,
    placeholder: "Paste a meeting link",
    autocomplete: "off",
    spellcheck: false,
  });
  input.setAttribute("aria-label", "Meeting link");
  return h(
    "form",
    {
      class: "by-link",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        const path = pathFrom(input.value);
        if (path) return location.assign(path);
        input.setCustomValidity("This is not a meeting link. Meeting links contain /r/ and a long ID.");
        input.reportValidity();
      },
      oninput: () => input.setCustomValidity(""),
    },
    input,
    h("button", { type: "submit", class: "secondary" }, "Join"),
  );
}

/**
 * Replaces the form by an explanation if this page cannot create meetings.
 *
 * @param {Promise<boolean>} mayCreate
 * @param {HTMLElement} form
 * @param {HTMLElement | null} byLink
 */
async function offerCreation(mayCreate, form, byLink) {
  if (await mayCreate.catch(() => true)) return;
  form.replaceWith(
    h(
      "p",
      { class: "hint" },
      "On this server, you need a link to join a meeting. Open the one that you were sent, or paste it here.",
    ),
  );
  byLink?.querySelector("input")?.focus();
}
