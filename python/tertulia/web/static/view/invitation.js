/** @import { Rest } from "../protocol.js" */
/** @import { InviteView } from "../protocol/types.js" */
import { dateAndTime, plain, say } from "../words.js";
import { copyText } from "./copying.js";
import { confirmation, openDialog } from "./dialog.js";
import { field, fill, h } from "./dom.js";
import { iconButton } from "./icon_button.js";
import { icon } from "./icons.js";
import { isTooFar, lifeUntil, MOST_DAYS } from "./link_life.js";
import { toField } from "./moment_field.js";
import { fail, notice } from "./notices.js";
import { explainCall } from "./problem.js";

const LENGTHS = [15, 30, 45, 60, 90, 120];
const HOUR_MS = 3_600_000;

/**
 * Ways to invite people: a text to copy, a mail; of hosts also links with a password, calendar files, and the links that
 * there are. A link is made once it is wanted.
 *
 * @param {object} options
 * @param {string | null} options.known the link to send; null: there is none yet
 * @param {() => Promise<string>} options.make makes it
 * @param {{rest: Rest, roomId: string} | null} options.host null: we are none
 */
export function invitationDialog({ known, make, host }) {
  const list = h("ul", { class: "links" });
  const field = h("input", { readOnly: true, "aria-label": say("invite.link"), onfocus: () => field.select() });
  const show = button("secondary", "link", say("invitation.show"), () => void wanted().then(() => field.focus(), fail));
  const copy = button("primary", "copy", say("invitation.copy"), () => void copyInvitation(wanted()));
  const mail = h("a", { class: "secondary" }, icon("mail"), say("invitation.mail"));
  mail.onclick = (event) => {
    if (field.value) return;
    event.preventDefault();
    void wanted().then(() => mail.click(), fail);
  };
  const use = (/** @type {string} */ link) => {
    field.value = link;
    mail.href = mailto(link);
    field.hidden = !link;
    show.hidden = !field.hidden;
  };
  const showAll = () => host && void showLinks(host, list, (deleted) => deleted === field.value && use(""));
  const useNew = (/** @type {string} */ link) => {
    use(link);
    showAll();
  };
  const wanted = async () => {
    if (!field.value) useNew(await make());
    return field.value;
  };
  use(known ?? "");
  showAll();
  const ways = h("div", { class: "invitation-ways" }, copy, mail);
  const links = h("details", { class: "links-section" }, h("summary", {}, say("invitation.links")), list);
  const more = host ? [newLink(host, ({ url }) => useNew(url)), links] : [];
  openDialog(say("invitation.title"), h("div", { class: "invitation" }, field, show, ways, ...more));
  copy.focus();
}

/**
 * @param {{rest: Rest, roomId: string}} host
 * @param {(made: {url: string}) => void} onMade
 */
function newLink({ rest, roomId }, onMade) {
  const title = h("input", {
    name: "title",
    maxLength: 200,
    value: plain(say("invitation.topicDefault")),
    required: true,
  });
  const when = h("input", { name: "when", type: "datetime-local", value: nextHour(), oninput: () => offer() });
  const length = h(
    "select",
    { name: "length" },
    ...LENGTHS.map((count) =>
      h("option", { value: count, selected: count === 60 }, say("invitation.minutes", { count })),
    ),
  );
  const look = { name: "password", type: "text", autocomplete: "off", minLength: 6, maxLength: 128, spellcheck: false };
  const password = h("input", look);
  const [anyTitle, anyTime] = [title.value, when.value];
  void rest.room(roomId).then((room) => {
    if (room.title && title.value === anyTitle) title.value = room.title;
    if (room.scheduledFor && when.value === anyTime) when.value = toField(room.scheduledFor);
    offer();
  }, fail);
  const forCalendar = h(
    "button",
    { type: "submit", class: "secondary", value: "calendar" },
    icon("calendar"),
    say("invitation.calendar"),
  );
  const tooFar = h("p", { class: "note", role: "status" });
  const offer = () => {
    forCalendar.hidden = isTooFar(momentOf(when.value));
    fill(tooFar, forCalendar.hidden ? say("invitation.tooFar", { days: MOST_DAYS }) : "");
  };
  const failure = h("p", { class: "trouble", role: "alert", hidden: true });
  const make = async (/** @type {boolean} */ withEvent) => {
    failure.hidden = true;
    try {
      const made = await rest.invite(roomId, "attendee", {
        ...(password.value ? { password: password.value } : {}),
        ...(withEvent ? eventAt(title.value, when.value, Number(length.value)) : {}),
      });
      onMade(made);
      if (made.calendar) download(made.calendar);
      else notice(say("invitation.made"), { topic: "invite" });
    } catch (error) {
      fill(failure, explainCall(error));
      failure.hidden = false;
    }
  };
  const form = h(
    "form",
    {
      class: "new-link",
      onsubmit: (/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        void make(/** @type {HTMLButtonElement | null} */ (event.submitter)?.value === "calendar");
      },
    },
    field(say("invitation.password"), password),
    h("p", { class: "note" }, say("invitation.passwordHint")),
    h("button", { type: "submit", class: "secondary", value: "link" }, icon("link"), say("invitation.make")),
    field(say("invitation.topic"), title),
    h("div", { class: "new-link-time" }, field(say("invitation.when"), when), field(say("invitation.length"), length)),
    tooFar,
    forCalendar,
    failure,
  );
  return h("details", { class: "links-section" }, h("summary", {}, say("invitation.new")), form);
}

/**
 * @param {string} title
 * @param {string} when of a datetime-local field; "" is now
 * @param {number} minutes
 */
function eventAt(title, when, minutes) {
  const startsAt = momentOf(when);
  return { event: { title, startsAt: startsAt.toISOString(), minutes }, expiresIn: lifeUntil(startsAt) };
}

/** @param {string} when of a datetime-local field; "" is now */
function momentOf(when) {
  return when ? new Date(when) : new Date();
}

function nextHour() {
  return toField(new Date(Math.ceil((Date.now() + 1) / HOUR_MS) * HOUR_MS).toISOString());
}

/**
 * @param {{rest: Rest, roomId: string}} host
 * @param {HTMLElement} list
 * @param {(link: string | null) => void} onDeleted
 */
async function showLinks({ rest, roomId }, list, onDeleted) {
  try {
    const invites = await rest.invites(roomId);
    const rows = invites.map((invite) =>
      inviteRow(
        invite,
        [say("invitation.uses", { count: invite.uses })],
        iconButton("bin", say("invitation.delete"), () => void remove(invite)),
      ),
    );
    const shown = rows.length ? rows : [h("li", {}, say("invitation.none"))];
    keepFocus(list, () => fill(list, ...shown), list.closest("details")?.querySelector("summary"));
  } catch (error) {
    fail(error);
  }

  /** @param {InviteView} invite */
  async function remove({ id, url }) {
    if (!(await confirmation(say("invitation.deleteQuestion"), say("action.delete")))) return;
    await rest.deleteInvite(roomId, id).then(() => onDeleted(url), fail);
    await showLinks({ rest, roomId }, list, onDeleted);
  }
}

/**
 * Changes a list of invites. If the row with the focus goes, the focus goes on to the one in its place.
 *
 * @param {HTMLElement} list
 * @param {() => void} change
 * @param {HTMLElement | null} [without] gets the focus if no row is left
 */
export function keepFocus(list, change, without) {
  const place = [...list.children].findIndex((row) => row.contains(document.activeElement));
  change();
  if (place < 0 || list.contains(document.activeElement)) return;
  const row = list.children[place] ?? list.lastElementChild;
  const [button] = [...(row?.querySelectorAll("button") ?? [])].slice(-1);
  (button ?? without)?.focus();
}

/**
 * An invite in a list.
 *
 * @param {InviteView} invite
 * @param {string[]} notes come before the others
 * @param {...Node} buttons
 */
export function inviteRow({ url, expiresAt, hasPassword }, notes, ...buttons) {
  const all = [
    ...notes,
    say("invitation.expires", { time: dateAndTime(expiresAt) }),
    hasPassword && say("invitation.hasPassword"),
  ];
  const shown = url
    ? h("a", { href: url, target: "_blank", rel: "noopener" }, h("bdi", {}, url.replace(/^https?:\/\//, "")))
    : say("invitation.oldLink");
  const address = h("div", { class: "link-address" }, shown);
  return h("li", {}, h("div", {}, address, h("small", {}, plain(all.filter(Boolean).join(" · ")))), ...buttons);
}

/** @param {Promise<string>} link */
async function copyInvitation(link) {
  await copyText(link.then(words), { title: say("invitation.copy"), done: say("invitation.copied"), topic: "invite" });
}

/** @param {string} link */
function words(link) {
  return plain(say("invitation.text", { link }));
}

/** @param {string} link */
function mailto(link) {
  const parts = { subject: plain(say("invitation.subject")), body: words(link) };
  const query = Object.entries(parts).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `mailto:?${query.join("&")}`;
}

/**
 * Saves a calendar file.
 *
 * @param {string} calendar
 */
export function download(calendar) {
  const href = URL.createObjectURL(new Blob([calendar], { type: "text/calendar" }));
  h("a", { href, download: "meeting.ics" }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

/**
 * @param {string} look
 * @param {import("./icons.js").IconName} name
 * @param {string} text
 * @param {() => void} onclick
 */
function button(look, name, text, onclick) {
  return h("button", { type: "button", class: look, onclick }, icon(name), text);
}
