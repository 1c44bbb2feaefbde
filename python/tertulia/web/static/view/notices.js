import { say } from "../words.js";
import { h } from "./dom.js";
import { explainCall } from "./problem.js";

/** How long a notice is shown: time to read two short lines. */
const SHOWN_MS = 5000;
/** What had the focus before a notice did. @type {HTMLElement | null} */
let focusedBefore = null;
/** More would cover the meeting: the oldest is removed. */
const MOST = 4;

/**
 * Shows a short notice, which screen readers read out.
 *
 * @param {string} text
 * @param {object} [options]
 * @param {{label: string, run: () => void}} [options.action]
 * @param {string} [options.topic] a new notice replaces the previous one of its topic
 * @param {boolean} [options.stays] it is shown until someone has closed it
 */
export function notice(text, { action, topic, stays = false } = {}) {
  const replaced = topic ? noticesOf(topic) : [];
  const close = () => remove(element);
  const answer = (/** @type {string} */ label, /** @type {() => void} */ run) => {
    const onclick = () => {
      close();
      run();
    };
    return h("button", { type: "button", class: "text-button", onclick }, label);
  };
  const element = h(
    "div",
    { class: stays ? "notice stays" : "notice", onfocusin: rememberFocus },
    h("span", {}, text),
    action && answer(action.label, action.run),
    stays && answer(say("action.ok"), () => {}),
  );
  element.dataset.topic = topic ?? "";
  area().append(element);
  if (stays) new ResizeObserver(makeRoom).observe(element);
  // Who is about to press the one that is replaced presses this one.
  if (replaced.some((old) => old.contains(document.activeElement))) element.querySelector("button")?.focus();
  for (const old of replaced) remove(old);
  for (const old of [...area().querySelectorAll(".notice:not(.stays)")].slice(0, -MOST)) remove(old);
  if (!stays) setTimeout(close, action ? SHOWN_MS * 2 : SHOWN_MS);
}

/** @param {string} text for screen readers: it is seen in another way */
export function readOut(text) {
  const element = h("div", { class: "hidden" }, h("span", {}, text));
  area().append(element);
  setTimeout(() => element.remove(), SHOWN_MS);
}

/** @param {unknown} error of a call that someone made: says what went wrong */
export function fail(error) {
  notice(explainCall(error));
}

/** @param {string} [topic] which notices to remove; all without it */
export function clearNotices(topic) {
  for (const element of topic ? noticesOf(topic) : area().querySelectorAll(".notice")) remove(element);
}

/**
 * Whether one sees a notice.
 *
 * @param {string} topic
 */
export function isShown(topic) {
  return noticesOf(topic).length > 0;
}

/** Says in CSS how much room the notices take that stay: where they would be over buttons, something has to give way. */
function makeRoom() {
  const notices = /** @type {HTMLElement[]} */ ([...area().querySelectorAll(".stays")]);
  const gap = Number.parseFloat(getComputedStyle(area()).rowGap);
  const height = notices.reduce((sum, { offsetHeight }) => sum + offsetHeight + gap, 0);
  document.documentElement.style.setProperty("--standing-notices", `${height}px`);
}

/** @param {string} topic */
function noticesOf(topic) {
  return [...area().querySelectorAll(`[data-topic="${topic}"]`)];
}

/** @param {FocusEvent} event */
function rememberFocus({ relatedTarget }) {
  const comesFrom = relatedTarget instanceof HTMLElement ? relatedTarget : null;
  if (!comesFrom || !area().contains(comesFrom)) focusedBefore = comesFrom;
}

/** @param {Element} element a notice, which gives the focus back if it has it */
function remove(element) {
  const hadFocus = element.contains(document.activeElement);
  element.remove();
  if (hadFocus) focusedBefore?.focus();
}

/**
 * Lets notices be read and pressed while a modal dialog is open: it makes all that is outside of it inert.
 *
 * @param {HTMLDialogElement} dialog that was just opened
 */
export function followInto(dialog) {
  const before = area().parentElement ?? document.body;
  dialog.append(area());
  dialog.addEventListener("close", () => {
    if (!dialog.contains(area())) return;
    (before.isConnected ? before : document.body).append(area());
  });
}

function area() {
  return /** @type {HTMLElement} */ (document.getElementById("notices"));
}
