/** @import { Rest } from "../protocol.js" */
/** @import { InviteView } from "../protocol/types.js" */
import { dateAndTime, plain, say } from "../words.js";
import { copyText } from "./copying.js";
import { confirmation, openDialog } from "./dialog.js";
import { field, fill, h } from "./dom.js";
import { iconButton } from "./icon_button.js";
import { icon } from "./icons.js";
import { toField } from "./moment_field.js";
import { fail, notice } from "./notices.js";
import { explainCall } from "./problem.js";

const LENGTHS = [15, 30, 45, 60, 90, 120];
const HOUR_MS = 3_600_000;
const DAY_S = 86_400;
/** The longest that an invite may live. */
const MOST_DAYS = 30;

/**
 * Ways to invite people: a text to copy, a mail; of hosts also links with a password, calendar files, and the links that
 * there are.
 *
 * @param {object} options
 * @param {string} options.link
 * @param {{rest: Rest, roomId: string} | null} options.host null: we are none
 */
export function invitationDialog({ link, host }) {
  const shown = h("input", {
    readOnly: true,
    value: link,
    "aria-label": say("invite.link"),
    onfocus: () => shown.select(),
  });
  const copy = button("copy", say("invitation.copy"), () => void copyInvitation(shown.value));
  const mail = h("a", { class: "secondary" }, icon("mail"), say("invitation.mail"));
  const use = (/** @type {string} */ now) => {
    shown.value = now;
    mail.href = mailto(now);
  };
  use(link);
  const ways = h("div", { class: "invitation-ways" }, copy, mail);
  const more = host ? hostSections(host, use) : [];
  openDialog(say("invitation.title"), h("div", { class: "invitation" }, shown, ways, ...more));
  copy.focus();
}

/**
 * @param {{rest: Rest, roomId: string}} host
 * @param {(link: string) => void} use shows another link
 */
function hostSections(host, use) {
  const list = h("ul", { class: "links" });
  const show = () => void showLinks(host, list);
  show();
  return [
    newLink(host, (made) => {
      use(made.url);
      show();
    }),
    h("details", { class: "links-section", open: false }, h("summary", {}, say("invitation.links")), list),
  ];
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
  const when = h("input", { name: "when", type: "datetime-local", value: nextHour() });
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
  }, fail);
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
    h(
      "button",
      { type: "submit", class: "secondary", value: "calendar" },
      icon("calendar"),
      say("invitation.calendar"),
    ),
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
  const startsAt = when ? new Date(when) : new Date();
  const days = Math.ceil((startsAt.getTime() - Date.now()) / 1000 / DAY_S) + 7;
  const expiresIn = Math.max(1, Math.min(MOST_DAYS, days)) * DAY_S;
  return { event: { title, startsAt: startsAt.toISOString(), minutes }, expiresIn };
}

function nextHour() {
  return toField(new Date(Math.ceil((Date.now() + 1) / HOUR_MS) * HOUR_MS).toISOString());
}

/**
 * @param {{rest: Rest, roomId: string}} host
 * @param {HTMLElement} list
 */
async function showLinks({ rest, roomId }, list) {
  try {
    const invites = await rest.invites(roomId);
    const rows = invites.map((invite) =>
      inviteRow(
        invite,
        [say("invitation.uses", { count: invite.uses })],
        iconButton("bin", say("invitation.delete"), () => void remove(invite)),
      ),
    );
    fill(list, ...(rows.length ? rows : [h("li", {}, say("invitation.none"))]));
  } catch (error) {
    fail(error);
  }

  /** @param {InviteView} invite */
  async function remove({ id }) {
    if (!(await confirmation(say("invitation.deleteQuestion"), say("action.delete")))) return;
    await rest.deleteInvite(roomId, id).catch(fail);
    await showLinks({ rest, roomId }, list);
  }
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

/** @param {string} link */
async function copyInvitation(link) {
  const text = words(link);
  await copyText(text, { title: say("invitation.copy"), done: say("invitation.copied"), topic: "invite" });
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
 * @param {import("./icons.js").IconName} name
 * @param {string} text
 * @param {() => void} onclick
 */
function button(name, text, onclick) {
  return h("button", { type: "button", class: "primary", onclick }, icon(name), text);
}
