import { fill, h } from "../view/dom.js";
import { pageHeader } from "../view/page_header.js";
import { say } from "../words.js";
import { PREFIX } from "./keys.js";

/**
 * Asks for an API key.
 *
 * @param {(key: string, onDevice: boolean) => Promise<string | null>} open tries it; why it does not work, or null
 * @param {string} [trouble] why it is asked for again
 * @returns {HTMLElement}
 */
export function keyScreen(open, trouble = "") {
  const failure = h("p", { class: "trouble", role: "alert", hidden: trouble === "" }, trouble);
  const field = h("input", {
    name: "key",
    type: "password",
    required: true,
    maxLength: 200,
    autocomplete: "off",
    spellcheck: false,
    "aria-describedby": "key-lead",
  });
  const onDevice = h("input", { type: "checkbox", "aria-describedby": "key-hint" });
  const submit = h("button", { type: "submit", class: "primary" }, say("key.open"));
  const attempt = async () => {
    const key = field.value.trim();
    submit.disabled = true;
    const why = key.startsWith(PREFIX) ? await open(key, onDevice.checked) : say("key.notKey", { prefix: PREFIX });
    submit.disabled = false;
    fill(failure, why ?? "");
    failure.hidden = !why;
    if (why) field.select();
  };
  const form = h(
    "form",
    {
      class: "key-form",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        void attempt();
      },
    },
    h("label", { class: "field" }, h("span", {}, say("key.field")), field),
    h("label", { class: "check" }, onDevice, h("span", {}, say("key.remember"))),
    h("p", { id: "key-hint", class: "fine-print" }, say("key.rememberHint")),
    failure,
    submit,
  );
  const main = h(
    "main",
    { class: "key-main" },
    h("h1", {}, say("key.title")),
    h("p", { id: "key-lead", class: "lead" }, say("key.lead")),
    form,
  );
  queueMicrotask(() => field.focus());
  return h("div", { class: "desk" }, pageHeader(), main);
}
