/** @import { Meeting } from "../meeting.js" */
import { say } from "../words.js";
import { fill, h } from "./dom.js";

/** To whom the next message goes: everyone, or one person. Whoever has left stays chosen, so that nothing meant for them
 * goes to everyone. */
export class Recipient {
  #meeting;
  #select;
  #listed = "";
  #name = "";

  /**
   * @param {Meeting} meeting
   * @param {() => void} onChange
   */
  constructor(meeting, onChange) {
    this.#meeting = meeting;
    this.#select = h("select", {
      "aria-label": say("chat.to"),
      onchange: () => {
        this.#name = this.#nameOf(this.userId) ?? "";
        onChange();
      },
    });
    this.element = h(
      "label",
      { class: "recipient", hidden: true },
      h("span", { "aria-hidden": "true" }, say("chat.to")),
      this.#select,
    );
    this.update();
  }

  /** @returns {string} whose; "" for everyone */
  get userId() {
    return this.#select.value;
  }

  /** @returns {string} their name */
  get name() {
    return this.#name;
  }

  /**
   * @param {string} userId
   * @returns {boolean} false: they have left
   */
  choose(userId) {
    this.update();
    if (![...this.#select.options].some(({ value }) => value === userId)) return false;
    this.#select.value = userId;
    this.#select.dispatchEvent(new Event("change"));
    return true;
  }

  /** Lists who is here now. */
  update() {
    const chosen = this.userId;
    const others = this.#meeting.roster.all.filter(({ userId }) => userId !== this.#meeting.userId);
    const people = others.map(({ userId, displayName }) => ({ userId, name: displayName }));
    if (chosen && !others.some(({ userId }) => userId === chosen)) people.push({ userId: chosen, name: this.#name });
    const listed = JSON.stringify(people);
    if (listed === this.#listed) return;
    this.#listed = listed;
    const options = people.map(({ userId, name }) => h("option", { value: userId, textContent: name }));
    fill(this.#select, h("option", { value: "" }, say("chat.everyone")), ...options);
    this.#select.value = chosen;
    this.element.hidden = people.length === 0;
  }

  /** @param {string} userId */
  #nameOf(userId) {
    return this.#meeting.roster.get(userId)?.displayName;
  }
}
