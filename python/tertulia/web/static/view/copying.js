import { say } from "../words.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { notice } from "./notices.js";

/**
 * Copies a text; or shows it, selected, to be copied by hand where the page may not copy: without TLS, or if it was
 * denied.
 *
 * @param {string} text
 * @param {object} words
 * @param {string} words.title what one wants to do
 * @param {string} words.done it is done
 * @param {string} words.topic of that notice
 */
export async function copyText(text, { title, done, topic }) {
  try {
    await navigator.clipboard.writeText(text);
    notice(done, { topic });
  } catch {
    const rows = Math.min(10, Math.max(3, text.split("\n").length));
    const field = h("textarea", { class: "by-hand", readOnly: true, rows, value: text, "aria-label": title });
    openDialog(title, h("p", { class: "lead" }, say("copy.byHand")), field);
    field.focus();
    field.select();
  }
}

/** @param {string} report for whoever helps */
export async function copyReport(report) {
  await copyText(report, { title: say("details.copy"), done: say("details.copied"), topic: "details" });
}
