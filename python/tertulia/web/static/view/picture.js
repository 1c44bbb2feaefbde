/** @import { Meeting } from "../meeting.js" */
import { h } from "./dom.js";

/** Without a frame for this long, the camera of someone who does not say that it is on counts as off. */
const FRAME_GAP_MS = 1500;
/** Frames that were under way when somebody said that their camera is off arrive within this time. */
const IN_FLIGHT_MS = 500;

/**
 * Nothing to show; a track whose first frame is awaited, received at `from` or later (performance.now()); or a picture,
 * which disappears with the `timer` unless another frame comes, or stays if there is none.
 *
 * @typedef {{is: "empty"}
 *   | {is: "waiting", from: number}
 *   | {is: "shown", timer: ReturnType<typeof setTimeout> | undefined}} State
 */

/**
 * The video of a tile. It is visible from the first frame that is this person's own, since a slot still has the last
 * picture of whoever was in it before. What flows is shown, whether or not it was announced: clients need not say that
 * their camera is on. Unannounced video is visible for as long as frames come.
 */
export class Picture {
  #video;
  /** @type {(visible: boolean) => void} */
  #onVisible = () => {};
  /** @type {State} */
  #state = { is: "empty" };
  /** @type {{track: MediaStreamTrack | null, since: number, isOn: boolean}} */
  #source = { track: null, since: 0, isOn: false };
  /** @type {number | null} the pending request for the next frame */
  #request = null;

  /** @param {HTMLVideoElement} video which need not be in the document yet */
  constructor(video) {
    this.#video = video;
  }

  get video() {
    return this.#video;
  }

  /** @param {(visible: boolean) => void} onVisible told of each change from now on, and at once if there is a picture */
  follow(onVisible) {
    this.#onVisible = onVisible;
    if (this.#state.is === "shown") onVisible(true);
  }

  /**
   * @param {object} source
   * @param {MediaStreamTrack | null} source.track
   * @param {number} source.since performance.now(): frames received before are someone else's
   * @param {boolean} source.isOn whether the person says that the camera is on
   */
  show({ track, since, isOn }) {
    const before = this.#source;
    this.#source = { track, since, isOn };
    if (track !== before.track) this.#play(track);
    if (!track) this.#become({ is: "empty" });
    else if (track !== before.track || since !== before.since) this.#await(since);
    else if (before.isOn && !isOn) this.#await(performance.now() + IN_FLIGHT_MS);
    else if (isOn && this.#state.is === "shown") this.#become({ is: "shown", timer: undefined });
  }

  close() {
    this.show({ track: null, since: 0, isOn: false });
  }

  /** @param {MediaStreamTrack | null} track */
  #play(track) {
    this.#video.srcObject = track && new MediaStream([track]);
    // Refused or interrupted: there will be no frame, and nothing is shown.
    if (track) void this.#video.play().catch(() => {});
  }

  /** @param {number} from */
  #await(from) {
    this.#become({ is: "waiting", from });
    this.#nextFrame();
  }

  #nextFrame() {
    // An old browser does not tell of frames: it shows what there is.
    if (!("requestVideoFrameCallback" in this.#video)) return this.#become({ is: "shown", timer: undefined });
    this.#request ??= this.#video.requestVideoFrameCallback((now, { receiveTime = now }) => this.#onFrame(receiveTime));
  }

  /** @param {number} receivedAt */
  #onFrame(receivedAt) {
    this.#request = null;
    const state = this.#state;
    if (state.is === "empty") return;
    if (state.is === "waiting" && receivedAt < state.from) return this.#nextFrame();
    if (this.#source.isOn) return this.#become({ is: "shown", timer: undefined });
    this.#become({ is: "shown", timer: setTimeout(() => this.#become({ is: "waiting", from: 0 }), FRAME_GAP_MS) });
    this.#nextFrame();
  }

  /** @param {State} state */
  #become(state) {
    const before = this.#state;
    if (before.is === "shown") clearTimeout(before.timer);
    this.#state = state;
    if ((before.is === "shown") !== (state.is === "shown")) this.#onVisible(state.is === "shown");
  }
}

/**
 * The pictures that play before there are tiles to show them: drawing a meeting takes longer than connecting. What comes
 * before a track is played is lost, and the tile would wait for the next frame.
 */
export class FirstPictures {
  /** @type {Map<string, Picture>} by `userId/source` */
  #playing = new Map();
  #unsubscribe;

  /** @param {Meeting} meeting that is being joined */
  constructor(meeting) {
    this.#unsubscribe = meeting.on("tracks", () => this.#play(meeting));
  }

  /**
   * @param {string} key of a tile
   * @returns {Picture} that of its person, if it plays already
   */
  take(key) {
    const picture = this.#playing.get(key) ?? newPicture();
    this.#playing.delete(key);
    return picture;
  }

  /** There are tiles now, or will be none: whoever has none is not shown. */
  close() {
    this.#unsubscribe();
    for (const picture of this.#playing.values()) picture.close();
    this.#playing.clear();
  }

  /** @param {Meeting} meeting */
  #play(meeting) {
    for (const { userId, source, kind, track, since } of meeting.tracks()) {
      if (kind !== "video") continue;
      const key = `${userId}/${source}`;
      const picture = this.#playing.get(key) ?? newPicture();
      this.#playing.set(key, picture);
      const isOn = source === "screen" || (meeting.roster.get(userId ?? "")?.isVideoOn ?? false);
      picture.show({ track, since, isOn });
    }
  }
}

function newPicture() {
  return new Picture(h("video", { muted: true, autoplay: true, playsInline: true }));
}
