import { say } from "../words.js";
import { fill, h } from "./dom.js";
import { pathFrom } from "./entry.js";
import { icon } from "./icons.js";
import { pageHeader } from "./page_header.js";

/**
 * @typedef {object} Home
 * @property {HTMLElement} element
 * @property {(message: string) => void} fail
 */

/**
 * The start page: makes a meeting, or goes to one by its link. Devices are asked for where there is a meeting to join.
 *
 * @param {object} options
 * @param {Promise<boolean>} options.mayCreate whether this page can create meetings
 * @param {() => void} options.onCreate
 * @returns {Home}
 */
export function home({ mayCreate, onCreate }) {
  const failure = h("p", { class: "trouble", role: "alert", hidden: true });
  const create = h("button", { type: "button", class: "primary" }, icon("plus"), say("home.create"));
  create.onclick = () => {
    failure.hidden = true;
    create.disabled = true;
    onCreate();
  };
  const byLink = linkForm();
  void offerCreation(mayCreate, create, byLink);
  const welcome = h(
    "main",
    { class: "welcome" },
    h("h1", {}, say("home.title")),
    h("p", { class: "lead" }, say("home.lead")),
    create,
    byLink,
    failure,
    h("a", { class: "to-meetings", href: "/meetings" }, say("home.manage")),
  );
  return {
    element: h("div", { class: "lobby home" }, pageHeader(), welcome),
    fail: (message) => {
      fill(failure, message);
      failure.hidden = false;
      create.disabled = false;
    },
  };
}

function linkForm() {
  const input = h("input", {
    name: "link",
    required: true,
    placeholder: say("home.paste"),
    "aria-label": say("home.link"),
    autocomplete: "off",
    spellcheck: false,
  });
  return h(
    "form",
    {
      class: "by-link",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        const path = pathFrom(input.value);
        if (path) return location.assign(path);
        input.setCustomValidity(say("home.notLink"));
        input.reportValidity();
      },
      oninput: () => input.setCustomValidity(""),
    },
    input,
    h("button", { type: "submit", class: "secondary" }, say("home.join")),
  );
}

/**
 * Replaces the button by an explanation if this page cannot create meetings.
 *
 * @param {Promise<boolean>} mayCreate
 * @param {HTMLElement} create
 * @param {HTMLElement} byLink
 */
async function offerCreation(mayCreate, create, byLink) {
  if (await mayCreate.catch(() => true)) return;
  create.replaceWith(h("p", { class: "hint" }, say("home.linkOnly")));
  byLink.querySelector("input")?.focus();
}
