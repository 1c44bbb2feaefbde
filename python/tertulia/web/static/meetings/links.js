/** @import { Rest } from "../protocol.js" */
/** @import { InviteView, Role, Room } from "../protocol/types.js" */
/** @import { Key } from "../words/say.js" */
import { confirmation } from "../view/dialog.js";
import { field, h } from "../view/dom.js";
import { iconButton } from "../view/icon_button.js";
import { icon } from "../view/icons.js";
import { download, inviteRow, keepFocus } from "../view/invitation.js";
import { copyInvite } from "../view/invite.js";
import { isTooFar, lifeUntil, MOST_DAYS } from "../view/link_life.js";
import { notice } from "../view/notices.js";
import { plain, say } from "../words.js";
import { openForm } from "./form_dialog.js";
import { titleOf } from "./room_words.js";
import { Rows } from "./rows.js";
import { Trouble, tell } from "./trouble.js";

const DAY_MS = 86_400_000;
/** For how many days a link may be valid. */
const DAYS = [1, 7, 30];

/** @type {Record<Role, Key>} */
const ROLES = { attendee: "link.attendee", host: "link.host" };

/** The invite links of a room: made, copied, deleted. */
export class Links {
  #rest;
  /** @type {Room} */
  #room;
  #words = h("p", { class: "desk-empty", role: "status" }, say("meetings.loading"));
  #list = h("ul", { class: "links" });
  #rows = new Rows(this.#list);
  #make;
  #calendar;
  #tooFar = h("p", { class: "fine-print", hidden: true }, say("invitation.tooFar", { days: MOST_DAYS }));
  #trouble = new Trouble(() => void this.refresh());

  /**
   * @param {Rest} rest
   * @param {Room} room
   */
  constructor(rest, room) {
    this.#rest = rest;
    this.#room = room;
    this.#make = h("button", { type: "button", class: "secondary compact", onclick: () => this.#ask() });
    this.#make.append(icon("plus"), say("link.new"));
    this.#calendar = h("button", {
      type: "button",
      class: "secondary compact",
      onclick: () => void this.#toCalendar(),
    });
    this.#calendar.append(icon("calendar"), say("invitation.calendar"));
    this.element = h(
      "section",
      { class: "part" },
      h("h2", {}, say("link.title")),
      h("div", { class: "part-actions" }, this.#make, this.#calendar),
      this.#tooFar,
      this.#trouble.element,
      this.#words,
      this.#list,
    );
    this.update(room);
    void this.refresh();
  }

  /** @param {Room} room as it is now */
  update(room) {
    this.#room = room;
    const startsAt = room.scheduledFor ? new Date(room.scheduledFor) : null;
    this.#calendar.hidden = startsAt === null || isTooFar(startsAt);
    this.#tooFar.hidden = startsAt === null || !isTooFar(startsAt);
  }

  /** Reads them again. */
  async refresh() {
    try {
      const invites = await this.#rest.invites(this.#room.id);
      this.#trouble.hide();
      this.#words.textContent = say("invitation.none");
      this.#words.hidden = invites.length > 0;
      const rows = invites.map((invite) => ({
        key: invite.id,
        version: JSON.stringify(invite),
        make: () => this.#row(invite),
      }));
      keepFocus(this.#list, () => this.#rows.show(rows), this.#make);
    } catch (error) {
      this.#words.hidden = true;
      this.#trouble.show(error);
    }
  }

  /** @param {InviteView} invite */
  #row(invite) {
    const { id, url, uses, maxUses, role } = invite;
    const used =
      maxUses === null ? say("invitation.uses", { count: uses }) : say("link.usesOf", { uses, most: maxUses });
    const copy = url ? [iconButton("copy", say("invite.copy"), () => void copyInvite(Promise.resolve(url)))] : [];
    const remove = iconButton("bin", say("invitation.delete"), () => void this.#remove(id));
    return inviteRow(invite, [say(ROLES[role]), used], ...copy, remove);
  }

  /** @param {string} id */
  async #remove(id) {
    if (!(await confirmation(say("invitation.deleteQuestion"), say("action.delete")))) return;
    try {
      await this.#rest.deleteInvite(this.#room.id, id);
    } catch (error) {
      tell(error);
    }
    await this.refresh();
  }

  #ask() {
    linkForm(async (role, more) => {
      await this.#rest.invite(this.#room.id, role, more);
      notice(say("invitation.made"), { topic: "invite" });
      await this.refresh();
    });
  }

  async #toCalendar() {
    const startsAt = this.#room.scheduledFor ?? "";
    try {
      const event = { title: plain(titleOf(this.#room)), startsAt };
      const expiresIn = lifeUntil(new Date(startsAt));
      const made = await this.#rest.invite(this.#room.id, "attendee", { event, expiresIn });
      download(made.calendar ?? "");
      await this.refresh();
    } catch (error) {
      tell(error);
    }
  }
}

/**
 * Asks what a new link is to be like.
 *
 * @param {(role: Role, more: {expiresIn: number, maxUses?: number, password?: string}) => Promise<void>} make
 */
function linkForm(make) {
  const role = h("select", {}, ...Object.entries(ROLES).map(([value, key]) => h("option", { value }, say(key))));
  const valid = h(
    "select",
    {},
    ...DAYS.map((count) => h("option", { value: count, selected: count === 7 }, say("link.days", { count }))),
  );
  const most = h("input", { type: "number", min: 1, max: 1_000_000, placeholder: say("link.any") });
  const password = h("input", { autocomplete: "off", minLength: 6, maxLength: 128, spellcheck: false });
  const fields = [
    field(say("link.role"), role),
    field(say("link.valid"), valid),
    field(say("link.most"), most),
    field(say("invitation.password"), password),
    h("p", { class: "fine-print" }, say("invitation.passwordHint")),
  ];
  openForm(say("link.new"), say("invitation.make"), fields, () =>
    make(/** @type {Role} */ (role.value), {
      expiresIn: Number(valid.value) * (DAY_MS / 1000),
      ...(most.value ? { maxUses: Number(most.value) } : {}),
      ...(password.value ? { password: password.value } : {}),
    }),
  );
  role.focus();
}
