/** @import { Background } from "../media/effects/background.js" */

/** @typedef {"none" | "blur" | "plain" | "own"} BackgroundChoice */

const KEY = "tertulia.background";
/** As large as a camera films. */
const [WIDTH, HEIGHT] = [1280, 720];

/** Whether a picture of one's own is kept in this browser. */
export function hasPicture() {
  return localStorage.getItem(KEY) !== null;
}

/**
 * Keeps a picture in this browser, to be shown behind us.
 *
 * @param {Blob} file
 * @throws {DOMException} the browser cannot read it, or not keep it
 */
export async function keepPicture(file) {
  const picture = await createImageBitmap(file);
  const scale = Math.min(1, Math.max(WIDTH / picture.width, HEIGHT / picture.height));
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  localStorage.setItem(KEY, canvas.toDataURL("image/jpeg", 0.8));
}

/**
 * What a choice shows.
 *
 * @param {BackgroundChoice} choice
 * @returns {Background | null} null: the camera's picture as it is. A picture that is gone is a plain background: whoever
 *   hides a room does not show it by surprise
 */
export function backgroundOf(choice) {
  if (choice === "blur" || choice === "plain") return { is: choice };
  if (choice !== "own") return null;
  const kept = localStorage.getItem(KEY) ?? "";
  try {
    const bytes = Uint8Array.from(atob(kept.slice(kept.indexOf(",") + 1)), (char) => char.charCodeAt(0));
    return bytes.length ? { is: "picture", picture: new Blob([bytes], { type: "image/jpeg" }) } : { is: "plain" };
  } catch {
    return { is: "plain" }; // what is kept is no picture
  }
}
