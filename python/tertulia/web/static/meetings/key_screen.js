/** @import { Offer } from "./sign_in.js" */
import { field, fill, h } from "../view/dom.js";
import { pageHeader } from "../view/page_header.js";
import { say } from "../words.js";
import { PREFIX } from "./keys.js";
import { goToProvider } from "./sign_in.js";
import { explainTrouble } from "./trouble.js";

/**
 * Asks people to sign in, where they can, or for an API key.
 *
 * @param {object} options
 * @param {(key: string, onDevice: boolean) => Promise<string | null>} options.open tries a key; why it does not work,
 *   or null
 * @param {Offer} options.offer
 * @param {string} options.organisation for which a link asks to sign in; "": none
 * @param {string} options.trouble why it is asked for again; "": it is not
 * @returns {HTMLElement}
 */
export function keyScreen({ open, offer, organisation, trouble }) {
  const failure = h("p", { class: "trouble", role: "alert", hidden: trouble === "" }, trouble);
  const fail = (/** @type {string | null} */ why) => {
    fill(failure, why ?? "");
    failure.hidden = !why;
  };
  const byKey = keyForm(open, offer.isOffered ? "secondary" : "primary", fail);
  const ways = offer.isOffered
    ? [signInForm(offer, organisation, fail), h("h2", { class: "or" }, say("signin.orKey")), byKey]
    : [byKey];
  const main = h(
    "main",
    { class: "key-main" },
    h("h1", {}, say("key.title")),
    h("p", { id: "key-lead", class: "lead" }, say(offer.isOffered ? "signin.lead" : "key.lead")),
    failure,
    ...ways,
  );
  // Where a link names the organisation there is nothing to fill in.
  const selector = offer.isOffered && organisation ? "button" : "input, button";
  const first = /** @type {HTMLElement} */ (ways[0]?.querySelector(selector));
  queueMicrotask(() => first.focus());
  return h("div", { class: "desk" }, pageHeader(), main);
}

/**
 * @param {Offer} offer
 * @param {string} organisation
 * @param {(why: string | null) => void} onFailure
 */
function signInForm({ asksForOrganisation }, organisation, onFailure) {
  const name = h("input", {
    name: "organisation",
    value: organisation,
    required: true,
    maxLength: 100,
    autocomplete: "organization",
  });
  const submit = h("button", { type: "submit", class: "primary" }, say("signin.go"));
  const go = async () => {
    submit.disabled = true;
    onFailure(null);
    await goToProvider(asksForOrganisation ? name.value.trim() : "").catch((error) => onFailure(explainTrouble(error)));
    submit.disabled = false;
  };
  return h(
    "form",
    {
      class: "key-form",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        void go();
      },
    },
    asksForOrganisation && field(say("signin.organisation"), name),
    submit,
  );
}

/**
 * @param {(key: string, onDevice: boolean) => Promise<string | null>} open
 * @param {"primary" | "secondary"} look of its button
 * @param {(why: string | null) => void} onFailure
 */
function keyForm(open, look, onFailure) {
  const key = h("input", {
    name: "key",
    type: "password",
    required: true,
    maxLength: 200,
    autocomplete: "off",
    spellcheck: false,
    "aria-describedby": "key-lead",
  });
  const onDevice = h("input", { type: "checkbox", "aria-describedby": "key-hint" });
  const submit = h("button", { type: "submit", class: look }, say("key.open"));
  const attempt = async () => {
    const entered = key.value.trim();
    submit.disabled = true;
    const why = entered.startsWith(PREFIX)
      ? await open(entered, onDevice.checked)
      : say("key.notKey", { prefix: PREFIX });
    submit.disabled = false;
    onFailure(why);
    if (why) key.select();
  };
  return h(
    "form",
    {
      class: "key-form",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        void attempt();
      },
    },
    field(say("key.field"), key),
    h("label", { class: "check" }, onDevice, h("span", {}, say("key.remember"))),
    h("p", { id: "key-hint", class: "fine-print" }, say("key.rememberHint")),
    submit,
  );
}
