import { say } from "../words.js";
import { brand } from "./brand.js";
import { fill, h } from "./dom.js";

/**
 * A screen that asks for the password of a meeting's link.
 *
 * @param {(password: string) => Promise<string | null>} open what is wrong, in words; null: it has been opened
 * @returns {HTMLElement}
 */
export function passwordScreen(open) {
  const failure = h("p", { class: "trouble", role: "alert", hidden: true });
  const look = { name: "password", type: "password", required: true, maxLength: 128, autocomplete: "off" };
  const field = h("input", look);
  const go = h("button", { type: "submit", class: "primary" }, say("password.open"));
  const submit = async () => {
    failure.hidden = true;
    go.disabled = true;
    const wrong = await open(field.value);
    go.disabled = false;
    if (wrong === null) return;
    fill(failure, wrong);
    failure.hidden = false;
    field.select();
  };
  const form = h(
    "form",
    {
      class: "password-form",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        void submit();
      },
    },
    h("label", { class: "field" }, h("span", {}, say("password.field")), field),
    go,
    failure,
  );
  queueMicrotask(() => field.focus());
  return h(
    "div",
    { class: "ended" },
    h("header", { class: "page-header" }, brand("/")),
    h("main", {}, h("h1", {}, say("password.title")), h("p", { class: "lead" }, say("password.lead")), form),
  );
}
