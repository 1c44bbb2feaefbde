/** @import { Layout } from "../arrangement.js" */
/** @import { Grid } from "../grid.js" */
/** @import { Key } from "../../words/say.js" */
import { say } from "../../words.js";
import { openDialog } from "../dialog.js";
import { h } from "../dom.js";
import { prefer, preferences } from "../preferences.js";

/** @type {Record<Layout, Key>} */
const LAYOUTS = {
  auto: "layout.auto",
  grid: "layout.grid",
  speaker: "layout.speaker",
  sidebar: "layout.sidebar",
};

/**
 * Asks how the tiles are laid out, and whether our own camera has one. What is chosen is shown at once, and kept.
 *
 * @param {Grid} grid
 */
export function layoutDialog(grid) {
  const { layout, hidesSelf } = preferences();
  const radios = Object.entries(LAYOUTS).map(([value, words]) => {
    const onchange = () => choose(grid, { layout: /** @type {Layout} */ (value) });
    const input = h("input", {
      type: "radio",
      name: "layout",
      value,
      checked: value === layout,
      onchange,
      autofocus: value === layout,
    });
    return h("label", { class: "check" }, input, say(words));
  });
  const self = h("input", {
    type: "checkbox",
    checked: hidesSelf,
    onchange: () => choose(grid, { hidesSelf: self.checked }),
  });
  openDialog(
    say("layout.title"),
    h("fieldset", {}, h("legend", { class: "hidden" }, say("layout.title")), ...radios),
    h("label", { class: "check" }, self, say("layout.hideSelf")),
  );
}

/**
 * @param {Grid} grid
 * @param {{layout?: Layout, hidesSelf?: boolean}} change
 */
function choose(grid, change) {
  prefer(change);
  grid.choose(preferences());
}
