import { percent, say } from "../../words.js";
import { openDialog } from "../dialog.js";
import { h } from "../dom.js";

/**
 * Lets one choose how loud somebody is here.
 *
 * @param {{userId: string, displayName: string}} member
 * @param {number} volume now, in [0, 1]
 * @param {(volume: number) => void} onChange
 */
export function volumeDialog({ userId, displayName: name }, volume, onChange) {
  const shown = h("output", {}, percent(volume));
  const range = h("input", {
    type: "range",
    min: 0,
    max: 1,
    step: 0.05,
    value: volume,
    "aria-label": say("volume.of", { name }),
    oninput: () => {
      shown.textContent = percent(range.valueAsNumber);
      onChange(range.valueAsNumber);
    },
  });
  const dialog = openDialog(
    say("volume.of", { name }),
    h("div", { class: "volume-choice" }, range, shown),
    h("p", { class: "lead" }, say("volume.onlyYou")),
  );
  dialog.dataset.about = userId;
}
