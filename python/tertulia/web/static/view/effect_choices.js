/** @import { LocalMedia } from "../media.js" */
/** @import { BackgroundChoice } from "./background.js" */
/** @import { Key } from "../words/say.js" */
import { behindMe, canReplaceBackground, canSuppressNoise, noiseSuppression } from "../media.js";
import { say } from "../words.js";
import { backgroundOf, hasPicture, keepPicture } from "./background.js";
import { choice } from "./choices.js";
import { deviceTrouble } from "./device_words.js";
import { h } from "./dom.js";
import { notice } from "./notices.js";
import { BACKGROUNDS, prefer, preferences } from "./preferences.js";

/** Another picture instead of one's own that is kept. */
const ANOTHER = "another";

/** @type {Record<BackgroundChoice | typeof ANOTHER, Key>} */
const WORDS = {
  none: "background.none",
  blur: "background.blur",
  plain: "background.plain",
  own: "background.own",
  another: "background.another",
};

/**
 * Applies what a person has chosen for microphone and camera, and says when it ends by itself.
 *
 * @param {LocalMedia} local
 */
export function applyEffects(local) {
  const { strongNoiseSuppression, background } = preferences();
  if (strongNoiseSuppression && canSuppressNoise()) void local.setEffect("microphone", noiseSuppression);
  applyBackground(local, background);
  local.on("effectLost", ({ source, loss }) => {
    if (source === "microphone") return onNoiseLost();
    onBackgroundLost(local, loss);
  });
}

function onNoiseLost() {
  prefer({ strongNoiseSuppression: false });
  notice(say("noise.failed"), { topic: "noise" });
}

/**
 * @param {LocalMedia} local
 * @param {import("../media/effects.js").EffectLoss} loss
 */
function onBackgroundLost(local, loss) {
  const words = say(loss === "slow" ? "background.slow" : "background.failed");
  if (local.isVideoOn) {
    prefer({ background: "none" });
    return notice(words, { topic: "background" });
  }
  const run = async () => {
    prefer({ background: "none" });
    await local.setEffect("camera", null);
    await local.setCamera(true).catch((error) => notice(deviceTrouble("camera", error)));
  };
  notice(words, { action: { label: say("background.without"), run }, topic: "background", stays: true });
}

/**
 * @param {LocalMedia} local
 * @param {BackgroundChoice} chosen
 */
function applyBackground(local, chosen) {
  const background = backgroundOf(chosen);
  return local.setEffect("camera", background && behindMe(background));
}

/**
 * The choice of what is behind us, and of stronger noise suppression: as far as the browser can. Where it cannot replace
 * a background, that is said.
 *
 * @param {LocalMedia} local
 * @returns {{elements: HTMLElement[], close: () => void}}
 */
export function effectChoices(local) {
  const background = canReplaceBackground() ? backgroundChoice(local) : null;
  const noise = canSuppressNoise() ? noiseChoice(local) : null;
  const unsubscribe = local.on("effectLost", () => {
    background?.show();
    noise?.show();
  });
  const behind = background?.elements ?? [h("p", { class: "fine-print" }, say("background.notHere"))];
  const elements = [...behind, ...(noise?.elements ?? [])];
  return { elements, close: unsubscribe };
}

/** @param {LocalMedia} local */
function backgroundChoice(local) {
  const file = h("input", { type: "file", accept: "image/*", hidden: true });
  const option = (/** @type {keyof typeof WORDS} */ value) => h("option", { value }, say(WORDS[value]));
  const another = option(ANOTHER);
  const select = h("select", {}, ...BACKGROUNDS.map(option), another);
  const show = () => {
    another.hidden = !hasPicture();
    select.value = preferences().background;
  };
  const use = (/** @type {BackgroundChoice} */ background) => {
    prefer({ background });
    show();
    void applyBackground(local, background);
  };
  select.onchange = () => {
    const chosen = /** @type {BackgroundChoice | typeof ANOTHER} */ (select.value);
    if (chosen !== ANOTHER && (chosen !== "own" || hasPicture())) return use(chosen);
    // What is shown goes on until a picture is chosen.
    show();
    file.click();
  };
  file.onchange = async () => {
    const [chosen] = file.files ?? [];
    file.value = "";
    if (!chosen) return;
    try {
      await keepPicture(chosen);
      use("own");
    } catch {
      notice(say("background.notPicture"));
    }
  };
  if (preferences().background === "own" && !hasPicture()) prefer({ background: "plain" });
  show();
  return { elements: [choice("people", say("background.label"), select), file], show };
}

/** @param {LocalMedia} local */
function noiseChoice(local) {
  const box = h("input", {
    type: "checkbox",
    onchange: () => {
      prefer({ strongNoiseSuppression: box.checked });
      void local.setEffect("microphone", box.checked ? noiseSuppression : null);
    },
  });
  const show = () => {
    box.checked = preferences().strongNoiseSuppression;
  };
  show();
  return { elements: [h("label", { class: "check" }, box, say("noise.label"))], show };
}
