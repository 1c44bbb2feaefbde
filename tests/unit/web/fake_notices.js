/** The place of a page where notices are shown, without a browser. */

class FakeElement extends EventTarget {
  children = [];
  dataset = {};
  parent = null;
  text = "";
  type = "";
  offsetHeight = 0;
  onclick = null;

  constructor(tag) {
    super();
    this.tag = tag;
  }

  get textContent() {
    return this.text + this.children.map((child) => child.textContent ?? child).join("");
  }

  setAttribute(name, value) {
    this[name] = value;
  }

  append(...more) {
    for (const child of more) if (child instanceof FakeElement) child.parent = this;
    this.children.push(...more);
  }

  remove() {
    this.parent.children = this.parent.children.filter((child) => child !== this);
  }

  contains() {
    return false;
  }

  matches(selector) {
    const classes = (this.class ?? "").split(" ");
    const topic = selector.match(/^\[data-topic="(.*)"\]$/)?.[1];
    if (topic !== undefined) return this.dataset.topic === topic;
    return classes.includes("notice") && !(selector.includes(":not(.stays)") && classes.includes("stays"));
  }

  querySelectorAll(selector) {
    return this.children.filter((child) => child.matches(selector));
  }

  querySelector() {
    return null;
  }
}

/** @returns {{said: () => string[], press: (label: string) => void}} what the notices say now; presses a button in one */
export function fakeNotices() {
  const area = new FakeElement("div");
  const document = { createElement: (tag) => new FakeElement(tag), getElementById: () => area, activeElement: null };
  const ResizeObserver = class {
    observe() {}
  };
  Object.assign(globalThis, { document, ResizeObserver });
  const buttons = () => area.children.flatMap(({ children }) => children.filter(({ tag }) => tag === "button"));
  return {
    said: () => area.children.map(({ children: [words] }) => words.textContent),
    press: (label) =>
      buttons()
        .find(({ textContent }) => textContent === label)
        .dispatchEvent(new Event("click")),
  };
}
