/** @import { Room, RoomSettings } from "../protocol/types.js" */
/** @import { Key } from "../words/say.js" */
import { field, h } from "../view/dom.js";
import { fromField, toField } from "../view/moment_field.js";
import { say } from "../words.js";
import { openForm } from "./form_dialog.js";

/**
 * @typedef {object} RoomFacts what the form says
 * @property {string | null} title
 * @property {string | null} scheduledFor
 * @property {Partial<RoomSettings>} settings
 *
 * @typedef {{title?: string | null, scheduledFor?: string | null, settings?: Partial<RoomSettings>}} RoomChange
 *
 * @typedef {{read: () => Partial<RoomSettings>, element: HTMLElement}} Box
 */

/** The settings of a room that nobody has changed. */
const DEFAULTS = /** @type {RoomSettings} */ ({
  isRecordingEnabled: true,
  topology: "sfu",
  maxParticipants: 100,
  allowedRoles: ["host", "guest"],
  waitingRoom: false,
  locked: false,
  muteOnEntry: false,
  unmute: "everyone",
  share: "everyone",
  chat: "everyone",
});

/**
 * What was changed in the form: what somebody else has changed meanwhile stays.
 *
 * @param {RoomFacts} before
 * @param {RoomFacts} now
 * @returns {RoomChange | null} null: nothing
 */
export function changeOf(before, now) {
  /** @param {object} facts @param {object} old */
  const changed = (facts, old) => {
    const known = new Map(Object.entries(old));
    return Object.entries(facts).filter(([name, value]) => JSON.stringify(known.get(name)) !== JSON.stringify(value));
  };
  const { settings, ...facts } = now;
  const changes = changed(facts, before);
  const set = changed(settings, before.settings);
  if (changes.length === 0 && set.length === 0) return null;
  return Object.fromEntries([...changes, ...(set.length ? [["settings", Object.fromEntries(set)]] : [])]);
}

/**
 * Asks what a meeting is to be like.
 *
 * @template {Room | null} R
 * @param {R} room to be changed; null: a new one
 * @param {(facts: R extends null ? RoomFacts : RoomChange) => Promise<void>} save
 */
export function roomDialog(room, save) {
  const settings = room?.settings ?? DEFAULTS;
  const title = h("input", { name: "title", maxLength: 200, value: room?.title ?? "", autocomplete: "off" });
  const when = h("input", { name: "when", type: "datetime-local", value: toField(room?.scheduledFor ?? null) });
  const most = h("input", { name: "most", type: "number", min: 1, max: 1000, required: true });
  most.value = String(settings.maxParticipants);
  const boxes = boxesOf(settings, room);
  /** @returns {RoomFacts} */
  const read = () => ({
    title: title.value.trim() || null,
    scheduledFor: fromField(when.value),
    settings: Object.assign({ maxParticipants: Number(most.value) }, ...boxes.all.map((box) => box.read())),
  });
  const before = read();
  const fields = [
    field(say("form.title"), title),
    field(say("form.when"), when),
    group("rules.coming", boxes.coming),
    group("rules.allowed", boxes.allowed),
    group("form.more", boxes.more),
    field(say("form.most"), most),
  ];
  openForm(say(room ? "form.edit" : "form.new"), say(room ? "form.save" : "form.make"), fields, async () => {
    const facts = room ? changeOf(before, read()) : read();
    if (facts) await save(/** @type {any} */ (facts));
  });
  title.focus();
}

/**
 * @param {RoomSettings} settings
 * @param {Room | null} room
 */
function boxesOf(settings, room) {
  const flag = (/** @type {keyof RoomSettings} */ name, /** @type {Key} */ words) =>
    box(words, settings[name] === true, (isOn) => ({ [name]: isOn }));
  const who = (/** @type {keyof RoomSettings} */ name, /** @type {Key} */ words) =>
    box(words, settings[name] === "everyone", (isOn) => ({ [name]: isOn ? "everyone" : "host" }));
  const hostsOnly = box("form.hostsOnly", !settings.allowedRoles.includes("guest"), (isOn) => ({
    allowedRoles: isOn ? ["host"] : ["host", "guest"],
  }));
  const direct = box("form.direct", settings.topology === "p2p", (isOn) => ({ topology: isOn ? "p2p" : "sfu" }));
  const lock = room?.status === "ACTIVE" ? [flag("locked", "rules.lock")] : [];
  const coming = [
    flag("waitingRoom", "rules.waitingRoom"),
    flag("muteOnEntry", "rules.muteOnEntry"),
    hostsOnly,
    ...lock,
  ];
  const allowed = [who("unmute", "rules.mayUnmute"), who("share", "rules.mayShare"), who("chat", "rules.mayChat")];
  // Who is in a meeting already would not meet those who join by the other way.
  const more = [flag("isRecordingEnabled", "form.recording"), ...(room?.status === "ACTIVE" ? [] : [direct])];
  return { coming, allowed, more, all: [...coming, ...allowed, ...more] };
}

/**
 * @param {Key} words
 * @param {boolean} isOn
 * @param {(isOn: boolean) => Partial<RoomSettings>} read
 * @returns {Box}
 */
function box(words, isOn, read) {
  const input = h("input", { type: "checkbox", checked: isOn });
  return {
    element: h("label", { class: "check" }, input, h("span", {}, say(words))),
    read: () => read(input.checked),
  };
}

/**
 * @param {Key} words
 * @param {Box[]} boxes
 */
function group(words, boxes) {
  return h("fieldset", { class: "checks" }, h("legend", {}, say(words)), ...boxes.map(({ element }) => element));
}
