import { say } from "../words.js";
import { openDialog } from "./dialog.js";
import { h } from "./dom.js";
import { notice } from "./notices.js";

/**
 * Copies a report for whoever helps, or shows it where the page may not copy.
 *
 * @param {string} report
 */
export async function copyReport(report) {
  try {
    await navigator.clipboard.writeText(report);
    notice(say("details.copied"), { topic: "details" });
  } catch {
    const field = h("textarea", {
      class: "report",
      readOnly: true,
      rows: 12,
      value: report,
      "aria-label": say("details.copy"),
    });
    openDialog(say("details.copy"), field);
    field.select();
  }
}
