/** @import { Meeting } from "../../meeting.js" */
import { say } from "../../words.js";
import { openDialog } from "../dialog.js";
import { fill, h } from "../dom.js";
import { prefer } from "../preferences.js";
import { explainCall } from "../problem.js";

/**
 * Asks for our own name in this meeting. It is kept for the next one, too.
 *
 * @param {Meeting} meeting
 */
export function renameDialog(meeting) {
  const failure = h("p", { class: "trouble", role: "alert", hidden: true });
  const look = { name: "name", required: true, maxLength: 100, autocomplete: "name", value: meeting.displayName };
  const field = h("input", look);
  const save = async () => {
    // Spaces alone are no name.
    field.value = field.value.trim();
    if (!form.reportValidity()) return;
    const name = field.value;
    try {
      await meeting.rename(name);
      prefer({ name });
      dialog.close();
    } catch (error) {
      fill(failure, explainCall(error));
      failure.hidden = false;
    }
  };
  const form = h(
    "form",
    {
      class: "dialog-form",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        void save();
      },
    },
    h("label", { class: "field" }, h("span", {}, say("lobby.name")), field),
    h("p", { class: "fine-print" }, say("rename.lead")),
    failure,
    h("div", { class: "dialog-actions" }, h("button", { type: "submit", class: "primary" }, say("rename.save"))),
  );
  const dialog = openDialog(say("rename.title"), form);
  field.select();
}
