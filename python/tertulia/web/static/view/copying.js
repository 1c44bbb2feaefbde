import { say } from "../words.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { fail, notice } from "./notices.js";

/**
 * Copies a text; or shows it, selected, to be copied by hand where the page may not copy: without TLS, or if it was
 * denied.
 *
 * @param {string | Promise<string>} text
 * @param {object} words
 * @param {string} words.title what one wants to do
 * @param {string} words.done it is done
 * @param {string} words.topic of that notice
 */
export async function copyText(text, { title, done, topic }) {
  try {
    await write(Promise.resolve(text));
    notice(done, { topic });
  } catch {
    await Promise.resolve(text).then((words) => showToCopy(words, title), fail);
  }
}

/**
 * Not by `writeText`: when a text has come that has to be waited for, the click may be too long ago to allow it.
 *
 * @param {Promise<string>} text
 */
function write(text) {
  const blob = text.then((words) => new Blob([words], { type: "text/plain" }));
  return navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
}

/**
 * @param {string} text
 * @param {string} title
 */
function showToCopy(text, title) {
  const rows = Math.min(10, Math.max(3, text.split("\n").length));
  const field = h("textarea", { class: "by-hand", readOnly: true, rows, value: text, "aria-label": title });
  openDialog(title, h("p", { class: "lead" }, say("copy.byHand")), field);
  field.focus();
  field.select();
}

/** @param {string} report for whoever helps */
export async function copyReport(report) {
  await copyText(report, { title: say("details.copy"), done: say("details.copied"), topic: "details" });
}
