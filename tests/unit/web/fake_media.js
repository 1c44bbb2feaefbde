/** Media of a browser without devices: tracks and streams. */
let count = 0;

export class FakeTrack extends EventTarget {
  readyState = "live";
  enabled = true;
  muted = false;
  contentHint = "";
  onmute = null;
  onunmute = null;
  onended = null;

  constructor(kind, height = 360) {
    super();
    this.kind = kind;
    this.height = height;
    this.id = `track${++count}`;
  }

  getSettings() {
    return this.kind === "video" ? { height: this.height } : {};
  }

  stop() {
    this.readyState = "ended";
  }

  clone() {
    return Object.assign(new FakeTrack(this.kind, this.height), { enabled: this.enabled, isCopy: true });
  }

  async applyConstraints({ height }) {
    this.height = height.ideal;
  }

  /** @param {boolean} muted the system withholds what the device records, or does so no longer */
  withhold(muted) {
    this.muted = muted;
    if (muted) this.onmute?.();
    else this.onunmute?.();
  }

  /** The browser ends it: the device is gone. */
  end() {
    this.readyState = "ended";
    this.onended?.();
  }
}

export class FakeStream {
  constructor(tracks = [], id = `stream${++count}`) {
    this.tracks = tracks;
    this.id = id;
  }

  getTracks() {
    return this.tracks;
  }

  getVideoTracks() {
    return this.tracks.filter(({ kind }) => kind === "video");
  }

  getAudioTracks() {
    return this.tracks.filter(({ kind }) => kind === "audio");
  }
}
