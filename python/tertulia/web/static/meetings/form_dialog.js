import { openDialog } from "../view/dialog.js";
import { fill, h } from "../view/dom.js";
import { explainTrouble } from "./trouble.js";

/**
 * A dialog with a form. It closes once what the form asks for was done; what went wrong is said in it, and can be tried
 * again.
 *
 * @param {string} title
 * @param {string} verb on the button
 * @param {Node[]} fields
 * @param {() => Promise<void>} act
 */
export function openForm(title, verb, fields, act) {
  const failure = h("p", { class: "trouble", role: "alert", hidden: true });
  const submit = h("button", { type: "submit", class: "primary" }, verb);
  const attempt = async () => {
    submit.disabled = true;
    try {
      await act();
      dialog.close();
    } catch (error) {
      fill(failure, explainTrouble(error));
      failure.hidden = false;
    }
    submit.disabled = false;
  };
  const form = h(
    "form",
    {
      class: "room-form",
      onsubmit: (/** @type {Event} */ event) => {
        event.preventDefault();
        void attempt();
      },
    },
    ...fields,
    failure,
    h("div", { class: "dialog-actions" }, submit),
  );
  const dialog = openDialog(title, form);
}
