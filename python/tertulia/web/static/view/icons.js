/** Line icons, 24 × 24, in the colour of the text. */
const PATHS = {
  mic: ["M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3Z", "M6 11a6 6 0 0 0 12 0", "M12 17v4"],
  micOff: [
    "M15 9.5V6a3 3 0 0 0-5.8-1",
    "M9 9v2a3 3 0 0 0 4.6 2.5",
    "M6 11a6 6 0 0 0 9.7 4.7",
    "M18 11a6 6 0 0 1-.4 2.2",
    "M12 17v4",
    "M4 4l16 16",
  ],
  camera: [
    "M4.5 6.5h8a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-8a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2Z",
    "M14.5 10.6l5.4-3.1c.7-.4 1.6.1 1.6.9v7.2c0 .8-.9 1.3-1.6.9l-5.4-3.1",
  ],
  cameraOff: [
    "M9.5 6.5h3a2 2 0 0 1 2 2v3",
    "M14.5 14.5v1a2 2 0 0 1-2 2h-8a2 2 0 0 1-2-2v-7a2 2 0 0 1 1.6-2",
    "M14.5 10.6l5.4-3.1c.7-.4 1.6.1 1.6.9v7.2c0 .4-.2.7-.5.9",
    "M4 4l16 16",
  ],
  screen: [
    "M4.5 4.5h15a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-15a2 2 0 0 1-2-2v-8a2 2 0 0 1 2-2Z",
    "M8 20.5h8",
    "M12 13.5v-6",
    "M9.2 10l2.8-2.8 2.8 2.8",
  ],
  hand: [
    "M8 12.5V6.2a1.4 1.4 0 0 1 2.8 0v5",
    "M10.8 10.8V4.6a1.4 1.4 0 0 1 2.8 0v6.2",
    "M13.6 11V5.9a1.4 1.4 0 0 1 2.8 0v7",
    "M16.4 11.5a1.4 1.4 0 0 1 2.8 0v3.3c0 3.7-2.6 6.2-6 6.2-2.7 0-4.3-1-5.7-3.3l-2.6-4.3c-.9-1.6 1.2-2.9 2.3-1.5L8 13.2",
  ],
  chat: [
    "M5 4.5h14a2 2 0 0 1 2 2V15a2 2 0 0 1-2 2h-6.5L8 20.8V17H5a2 2 0 0 1-2-2V6.500a2 2 0 0 1 2-2Z",
    "M8 9h8",
    "M8 12.500h5",
  ],
  people: [
    "M9 11.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z",
    "M2.5 19.500c.5-3.2 3.2-5 6.5-5s6 1.8 6.5 5",
    "M15.5 5a3.3 3.3 0 0 1 0 6.2",
    "M18 14.800c1.9.8 3.2 2.4 3.5 4.7",
  ],
  more: ["M5.5 12h.01", "M12 12h.01", "M18.5 12h.01"],
  leave: [
    "M3.2 13.600c4.9-4.8 12.7-4.8 17.6 0 .6.6.6 1.5 0 2.100l-1.6 1.600a1.5 1.5 0 0 1-1.9.2l-2-1.300a1.5 1.5 0 0 1-.6-1.700l.3-1.100a9.5 9.5 0 0 0-6 0l.3 1.100a1.5 1.5 0 0 1-.6 1.700l-2 1.300a1.5 1.5 0 0 1-1.9-.2l-1.6-1.600a1.5 1.5 0 0 1 0-2.100Z",
  ],
  link: [
    "M10 14a4 4 0 0 0 5.7 0l3.1-3.100a4 4 0 0 0-5.7-5.700L11.8 6.5",
    "M14 10a4 4 0 0 0-5.7 0l-3.1 3.100a4 4 0 0 0 5.7 5.700l1.3-1.3",
  ],
  pin: ["M9 4h6l-.6 6.2 3.1 3.300v1.500h-11v-1.500l3.1-3.300L9 4Z", "M12 15v5.5"],
  settings: [
    "M4 7.500h9",
    "M17.5 7.500H20",
    "M4 16.500h2.5",
    "M11 16.500h9",
    "M15.3 9.800a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.600Z",
    "M8.7 18.800a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.600Z",
  ],
  theme: ["M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16Z", "M12 4v16a8 8 0 0 0 0-16Z"],
  keyboard: [
    "M4.5 6h15a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-15a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2Z",
    "M7 10h.01",
    "M10.3 10h.01",
    "M13.7 10h.01",
    "M17 10h.01",
    "M8.5 14h7",
  ],
  close: ["M6 6l12 12", "M18 6L6 18"],
  check: ["M5 12.500l4.5 4.500L19 7.5"],
  smile: ["M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Z", "M8.2 14.2a4.6 4.6 0 0 0 7.6 0", "M9 9.5h.01", "M15 9.5h.01"],
  copy: [
    "M9.5 8.5h9a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-8a2 2 0 0 1 2-2Z",
    "M4.5 15.5a1.5 1.5 0 0 1-1-1.5V5.5a2 2 0 0 1 2-2H14a1.5 1.5 0 0 1 1.5 1",
  ],
  mail: ["M5 5.5h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-9a2 2 0 0 1 2-2Z", "M3.5 7.5l8.5 6 8.5-6"],
  calendar: [
    "M5.5 5.5h13a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2h-13a2 2 0 0 1-2-2v-11a2 2 0 0 1 2-2Z",
    "M3.5 10h17",
    "M8 3v4",
    "M16 3v4",
  ],
  lock: ["M7 10.5h10a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2v-6a2 2 0 0 1 2-2Z", "M8 10.5V8a4 4 0 0 1 8 0v2.5"],
  send: ["M4.5 12h14", "M12.5 6l6 6-6 6"],
  speaker: ["M4 9.500v5h3.500L12 18.500v-13L7.5 9.500H4Z", "M15.5 9a4 4 0 0 1 0 6", "M18 6.500a7.5 7.5 0 0 1 0 11"],
  muteAll: ["M4 9.500v5h3.500L12 18.500v-13L7.5 9.500H4Z", "M16 9.500l5 5", "M21 9.500l-5 5"],
  remove: [
    "M10 11.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z",
    "M3.5 19.500c.5-3.2 3.2-5 6.5-5s6 1.8 6.5 5",
    "M16.5 9.500h5",
  ],
  record: ["M12 20.500a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17Z", "M12 15.500a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z"],
  notRecorded: [
    "M6.500 5.500a8.5 8.5 0 0 1 12 12",
    "M16.500 19.200a8.5 8.5 0 0 1-11.700-11.700",
    "M9.300 9.800a3.5 3.5 0 0 0 4.900 4.900",
    "M4 4l16 16",
  ],
  film: ["M4.500 5h15a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2h-15a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2Z", "M10 9v6l5-3-5-3Z"],
  download: ["M12 4v11", "M7.500 11l4.500 4.500 4.500-4.500", "M5 20h14"],
  bin: [
    "M4.500 7h15",
    "M9.500 7V4.500h5V7",
    "M6.500 7l.9 12a1.500 1.500 0 0 0 1.500 1.400h6.200a1.500 1.500 0 0 0 1.500-1.400l.9-12",
  ],
  layout: [
    "M4.500 4.500h15a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2h-15a2 2 0 0 1-2-2v-11a2 2 0 0 1 2-2Z",
    "M15.500 4.500v15",
    "M15.500 12h6",
  ],
  fullScreen: [
    "M4 9V5.500A1.500 1.500 0 0 1 5.500 4H9",
    "M15 4h3.500A1.500 1.500 0 0 1 20 5.500V9",
    "M20 15v3.500a1.500 1.500 0 0 1-1.500 1.500H15",
    "M9 20H5.500A1.500 1.500 0 0 1 4 18.500V15",
  ],
  floating: [
    "M11 18.500H4.500a2 2 0 0 1-2-2v-10a2 2 0 0 1 2-2h15a2 2 0 0 1 2 2V10",
    "M15 13h5a1.500 1.500 0 0 1 1.500 1.500v3.500a1.500 1.500 0 0 1-1.500 1.500h-5a1.500 1.500 0 0 1-1.500-1.500v-3.500A1.500 1.500 0 0 1 15 13Z",
  ],
  details: ["M5 20V12", "M10 20V5", "M15 20v-9", "M20 20v-5"],
  language: [
    "M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17Z",
    "M3.500 12h17",
    "M12 3.500c4.500 4.800 4.500 12.200 0 17-4.500-4.800-4.500-12.200 0-17Z",
  ],
  edit: ["M4.500 19.500l1-4L16 5a2.100 2.100 0 0 1 3 3L8.500 18.500l-4 1Z", "M14 7l3 3"],
  plus: ["M12 5v14", "M5 12h14"],
  flip: ["M4 9.500h13", "M13.500 6l3.500 3.500-3.500 3.500", "M20 15.500H7", "M10.500 12l-3.500 3.500 3.500 3.500"],
  spotlight: [
    "M12 3.500l2.600 5.300 5.900.9-4.300 4.100 1 5.800-5.200-2.700-5.200 2.700 1-5.800-4.300-4.100 5.900-.9 2.600-5.300Z",
  ],
  shield: [
    "M12 3.500l7 2.500v5.500c0 4.300-2.900 7.400-7 9-4.100-1.600-7-4.700-7-9V6l7-2.500Z",
    "M9 12l2.200 2.200 4-4.400",
  ],
  previous: ["M14.500 6l-6 6 6 6"],
  next: ["M9.500 6l6 6-6 6"],
};

/** @typedef {keyof typeof PATHS} IconName */

const SVG = "http://www.w3.org/2000/svg";

/** Icons that point along the line of text: mirrored where it runs from right to left. */
const ALONG_TEXT = new Set(["send", "previous", "next", "layout", "muteAll", "speaker", "chat"]);

/**
 * Draws an icon.
 *
 * @param {IconName} name
 * @returns {SVGSVGElement} decorative: hidden from screen readers
 */
export function icon(name) {
  const svg = svgElement("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" });
  if (ALONG_TEXT.has(name)) svg.classList.add("along-text");
  svg.append(...PATHS[name].map((d) => svgElement("path", { d })));
  return svg;
}

/**
 * Draws the three bars of signal strength.
 *
 * @returns {SVGSVGElement}
 */
export function bars() {
  const svg = svgElement("svg", { viewBox: "0 0 14 12", class: "bars", "aria-hidden": "true", focusable: "false" });
  svg.append(
    ...[0, 1, 2].map((i) => svgElement("rect", { x: i * 5, y: 8 - i * 4, width: 3.4, height: 4 + i * 4, rx: 1.2 })),
  );
  return svg;
}

/**
 * Draws the mark: people around a table.
 *
 * @returns {SVGSVGElement}
 */
export function mark() {
  const svg = svgElement("svg", { viewBox: "0 0 32 32", class: "mark", "aria-hidden": "true", focusable: "false" });
  svg.append(svgElement("circle", { cx: 16, cy: 16, r: 6.2, class: "table" }));
  for (let i = 0; i < 6; i++) {
    const angle = (i * Math.PI) / 3;
    const [cx, cy] = [16 + 12 * Math.sin(angle), 16 - 12 * Math.cos(angle)];
    svg.append(svgElement("circle", { cx: cx.toFixed(2), cy: cy.toFixed(2), r: 2.6 }));
  }
  return svg;
}

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number>} attributes
 * @returns {SVGElementTagNameMap[K]}
 */
function svgElement(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}
