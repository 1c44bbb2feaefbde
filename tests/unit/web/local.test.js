import assert from "node:assert/strict";
import { beforeEach, describe, mock, test } from "node:test";
import { LocalMedia } from "../../../python/tertulia/web/static/media.js";
import { deviceTrouble } from "../../../python/tertulia/web/static/view/device_words.js";
import "./english.js";
import { FakeClock } from "./fake_clock.js";
import { FakeStream, FakeTrack } from "./fake_media.js";
import { settle } from "./settle.js";

/** What the browser was asked for, and what it gives: by default a track of each kind asked for. */
const devices = {
  asked: [],
  /** @type {((constraints: any) => any) | null} */
  answer: null,
};

async function give(constraints) {
  devices.asked.push(constraints);
  const given = await devices.answer?.(constraints);
  return given ?? new FakeStream(Object.keys(constraints).map((kind) => new FakeTrack(kind)));
}

function setUp(choice = {}) {
  const local = new LocalMedia({ microphone: "", camera: "", quality: "standard", ...choice });
  const log = [];
  local.on("track", ({ source, track }) => log.push(`${source} ${track ? "on" : "off"}`));
  local.on("changed", () => log.push("changed"));
  return { local, log };
}

/** An answer that the test gives later. */
function later() {
  /** @type {(stream: FakeStream) => void} */
  let resolve = () => {};
  const promise = new Promise((r) => {
    resolve = r;
  });
  return { promise, resolve };
}

beforeEach(() => {
  mock.reset();
  devices.asked = [];
  devices.answer = null;
  const mediaDevices = { getUserMedia: give, getDisplayMedia: give };
  Object.defineProperty(globalThis, "navigator", { value: { mediaDevices }, configurable: true });
});

describe("the start", () => {
  const refuse = (name) => (constraints) => {
    if (constraints.audio && constraints.video) throw new DOMException("", name);
  };
  const permissions = (states) => ({ query: async ({ name }) => ({ state: states[name] }) });

  test("asks for both at once", async () => {
    const { local, log } = setUp();
    assert.deepEqual(await local.start(["microphone", "camera"]), new Map());
    assert.deepEqual(devices.asked.map(Object.keys), [["audio", "video"]]);
    assert.deepEqual([local.isMuted, local.isVideoOn], [false, true]);
    assert.deepEqual(log, ["microphone on", "camera on", "changed"]);
  });

  test("asks for each where both cannot be opened", async () => {
    const { local } = setUp();
    devices.answer = (constraints) => {
      if (constraints.video) throw new DOMException("", "NotFoundError");
    };
    const failed = await local.start(["microphone", "camera"]);
    assert.deepEqual([[...failed.keys()], local.isMuted, local.isVideoOn], [["camera"], false, false]);
  });

  test("does not ask again who has refused, and opens what is granted", async () => {
    const { local } = setUp();
    devices.answer = refuse("NotAllowedError");
    navigator.permissions = permissions({ microphone: "granted", camera: "denied" });
    const failed = await local.start(["microphone", "camera"]);
    assert.deepEqual(devices.asked.map(Object.keys), [["audio", "video"], ["audio"]]);
    assert.deepEqual([[...failed.keys()], local.isMuted], [["camera"], false]);
  });

  test("where the browser does not tell what is granted, nothing more is asked", async () => {
    const { local } = setUp();
    devices.answer = refuse("NotAllowedError");
    const failed = await local.start(["microphone", "camera"]);
    assert.deepEqual([[...failed.keys()], devices.asked.length], [["microphone", "camera"], 1]);
  });

  test("that is overtaken by the person's own mute leaves them muted", async () => {
    const { local } = setUp();
    const { promise, resolve } = later();
    devices.answer = () => promise;
    const started = local.start(["microphone", "camera"]);
    await local.setMuted(true);
    resolve(new FakeStream([new FakeTrack("audio"), new FakeTrack("video")]));
    await started;
    assert.deepEqual([local.isMuted, local.track("microphone").enabled], [true, false]);
  });
});

describe("a start that the person still decides about", () => {
  const both = () => new FakeStream([new FakeTrack("audio"), new FakeTrack("video")]);

  test("leaves muted whom the room muted meanwhile, also where each is asked for by itself", async () => {
    const { local } = setUp();
    const { promise, resolve } = later();
    devices.answer = async (constraints) => {
      if (!constraints.audio || !constraints.video) return;
      await promise;
      throw new DOMException("", "NotFoundError");
    };
    const started = local.start(["microphone", "camera"]);
    await local.setMuted(true);
    resolve();
    await started;
    assert.deepEqual([local.isMuted, local.track("microphone").enabled, local.isVideoOn], [true, false, true]);
  });

  test("leaves alone what it does not start", async () => {
    const { local } = setUp();
    const { promise, resolve } = later();
    devices.answer = (constraints) => constraints.video && promise;
    const camera = local.setCamera(true);
    await local.start(["microphone"]);
    resolve(new FakeStream([new FakeTrack("video")]));
    await camera;
    assert.deepEqual([local.isMuted, local.isVideoOn], [false, true]);
  });

  test("opens no camera that was turned on and off again", async () => {
    const { local } = setUp();
    const { promise, resolve } = later();
    const stream = both();
    devices.answer = (constraints) => constraints.audio && promise;
    const started = local.start(["microphone", "camera"]);
    const camera = local.setCamera(true);
    await local.setCamera(false);
    resolve(stream);
    await Promise.all([started, camera]);
    assert.deepEqual([local.isMuted, local.isVideoOn], [false, false]);
    assert.deepEqual(
      stream.getTracks().map(({ readyState }) => readyState),
      ["live", "ended"],
    );
  });

  test("asks nobody twice who presses a switch meanwhile", async () => {
    const { local } = setUp();
    const { promise, resolve } = later();
    devices.answer = () => promise;
    const started = local.start(["microphone", "camera"]);
    const [unmuted, film] = [local.setMuted(false), local.setCamera(true)];
    resolve(undefined);
    await Promise.all([started, unmuted, film]);
    assert.deepEqual(devices.asked.map(Object.keys), [["audio", "video"]]);
    assert.deepEqual([local.isMuted, local.isVideoOn], [false, true]);
  });

  test("asks nobody twice who presses a switch twice, and opens the camera they wanted last", async () => {
    for (const wishes of [
      [true, true],
      [true, false, true],
      [true, false],
    ]) {
      devices.asked = [];
      const { local } = setUp();
      const { promise, resolve } = later();
      devices.answer = () => promise;
      const turned = wishes.map((on) => local.setCamera(on));
      resolve(undefined);
      await Promise.all(turned);
      assert.deepEqual([local.isVideoOn, devices.asked.length], [wishes.at(-1), 1]);
    }
  });

  test("asks again once an answer was no", async () => {
    const { local } = setUp();
    devices.answer = () => {
      throw new DOMException("", "NotAllowedError");
    };
    await assert.rejects(local.setMuted(false));
    devices.answer = null;
    await local.setMuted(false);
    assert.deepEqual([local.isMuted, devices.asked.length], [false, 2]);
  });

  test("asks once more for both where a chosen device is gone, and keeps the other", async () => {
    const { local } = setUp({ microphone: "headset", camera: "unplugged" });
    devices.answer = ({ video }) => {
      if (video.deviceId.exact) throw new DOMException("", "OverconstrainedError");
    };
    assert.deepEqual(await local.start(["microphone", "camera"]), new Map());
    assert.deepEqual(
      devices.asked.map(({ audio, video }) => [audio.deviceId, video.deviceId]),
      [
        [{ exact: "headset" }, { exact: "unplugged" }],
        [{ ideal: "headset" }, { ideal: "unplugged" }],
      ],
    );
    assert.deepEqual([local.isMuted, local.isVideoOn], [false, true]);
  });
});

test("a device that the system withholds is told of once that has lasted, and when it is back", async () => {
  const clock = new FakeClock();
  const { local } = setUp();
  const told = [];
  local.on("interrupted", (what) => told.push([what, local.isInterrupted(what)]));
  await local.start(["microphone", "camera"]);
  const track = local.track("microphone");
  track.withhold(true);
  assert.deepEqual(told, []);
  await clock.advance(3000);
  track.withhold(false);
  assert.deepEqual(told, [
    ["microphone", true],
    ["microphone", false],
  ]);
  for (const what of ["microphone", "camera"]) {
    const before = local.track(what);
    await local.restart(what);
    assert.deepEqual([before.readyState, local.track(what).readyState], ["ended", "live"]);
  }
});

test("a device that is gone is told of", async () => {
  const { local } = setUp();
  const lost = [];
  local.on("lost", (what) => lost.push(what));
  await local.start(["microphone", "camera"]);
  local.track("camera").end();
  local.track("microphone").end();
  await local.setMuted(false);
  await local.setCamera(true);
  await local.setCamera(false);
  assert.deepEqual(lost, ["camera", "microphone"]);
});

describe("the microphone", () => {
  test("is opened when we unmute, and stays open when we mute", async () => {
    const { local, log } = setUp();
    assert.equal(local.isMuted, true);
    await local.setMuted(false);
    const track = local.track("microphone");
    assert.deepEqual([local.isMuted, track.enabled], [false, true]);
    await local.setMuted(true);
    assert.deepEqual([local.isMuted, track.enabled, track.readyState], [true, false, "live"]);
    await local.setMuted(false);
    assert.deepEqual([local.track("microphone"), devices.asked.length], [track, 1]);
    assert.deepEqual(log, ["microphone on", "changed", "changed", "changed"]);
  });

  test("that opens after we muted again is muted", async () => {
    const { local } = setUp();
    const { promise, resolve } = later();
    devices.answer = () => promise;
    const unmuting = local.setMuted(false);
    await local.setMuted(true);
    resolve(undefined);
    await unmuting;
    assert.deepEqual([local.isMuted, local.track("microphone").enabled], [true, false]);
  });

  test("that is not allowed leaves us muted", async () => {
    const { local } = setUp();
    devices.answer = () => {
      throw new DOMException("no", "NotAllowedError");
    };
    await assert.rejects(local.setMuted(false), { name: "NotAllowedError" });
    assert.equal(local.isMuted, true);
  });

  test("is exchanged for another one, muted if it was", async () => {
    const { local } = setUp();
    await local.setMuted(false);
    await local.setMuted(true);
    const before = local.track("microphone");
    await local.chooseMicrophone("other");
    assert.deepEqual(devices.asked[1].audio.deviceId, { exact: "other" });
    assert.deepEqual([before.readyState, local.track("microphone").enabled], ["ended", false]);
  });

  test("that was chosen once and is gone is the system's", async () => {
    const { local } = setUp({ microphone: "unplugged" });
    devices.answer = ({ audio }) => {
      if (audio.deviceId) throw new DOMException("gone", "OverconstrainedError");
    };
    await local.setMuted(false);
    assert.equal(devices.asked.length, 2);
    assert.equal(local.isMuted, false);
  });

  test("that is unplugged mutes us, and that is told", async () => {
    const { local, log } = setUp();
    await local.setMuted(false);
    log.length = 0;
    local.track("microphone").end();
    assert.deepEqual([local.isMuted, local.track("microphone"), log], [true, null, ["microphone off", "changed"]]);
  });
});

describe("the camera", () => {
  test("is released when it is turned off", async () => {
    const { local, log } = setUp();
    await local.setCamera(true);
    await local.setCamera(true);
    const track = local.track("camera");
    await local.setCamera(false);
    assert.deepEqual([track.readyState, local.isVideoOn, devices.asked.length], ["ended", false, 1]);
    assert.deepEqual(log, ["camera on", "camera off"]);
  });

  test("is opened anew for another quality, if it is on", async () => {
    const { local } = setUp();
    await local.chooseCamera({ quality: "high" });
    assert.equal(devices.asked.length, 0);
    await local.setCamera(true);
    await local.chooseCamera({ quality: "low" });
    assert.deepEqual(
      devices.asked.map(({ video }) => video.height.ideal),
      [720, 180],
    );
  });

  test("that is turned off while it is opened anew stays off", async () => {
    const { local } = setUp();
    navigator.mediaDevices.enumerateDevices = async () => [];
    await local.setCamera(true);
    for (const change of [() => local.chooseCamera({ quality: "high" }), () => local.flipCamera()]) {
      const { promise, resolve } = later();
      const track = new FakeTrack("video");
      devices.answer = () => promise;
      const changing = change();
      await settle();
      await local.setCamera(false);
      resolve(new FakeStream([track]));
      await changing;
      assert.deepEqual([local.isVideoOn, track.readyState], [false, "ended"]);
      devices.answer = null;
      await local.setCamera(true);
    }
  });

  test("that fails to open is not the one that was chosen since", async () => {
    const { local } = setUp();
    await local.setCamera(true);
    const { promise, resolve } = later();
    devices.answer = async ({ video }) => {
      if (video.deviceId.exact !== "first") return;
      await promise;
      throw new DOMException("busy", "NotReadableError");
    };
    const first = local.chooseCamera({ deviceId: "first" });
    await local.chooseCamera({ deviceId: "second" });
    resolve();
    await assert.rejects(first, { name: "NotReadableError" });
    assert.deepEqual([local.isVideoOn, local.track("camera").readyState], [true, "live"]);
  });

  test("that cannot be opened anew is off", async () => {
    const { local, log } = setUp();
    await local.setCamera(true);
    devices.answer = () => {
      throw new DOMException("busy", "NotReadableError");
    };
    await assert.rejects(local.chooseCamera({ deviceId: "other" }), { name: "NotReadableError" });
    assert.deepEqual([local.isVideoOn, log], [false, ["camera on", "camera off"]]);
  });
});

describe("the screen", () => {
  test("is shared with its sound, and ends with it", async () => {
    const { local, log } = setUp();
    await local.shareScreen("detail");
    assert.equal(local.isSharing, true);
    local.track("screen").end();
    assert.equal(local.isSharing, false);
    const all = ["screen-audio on", "screen on", "screen-audio off", "screen off", "changed"];
    assert.deepEqual(log, all);
  });

  test("may have no sound", async () => {
    const { local } = setUp();
    devices.answer = () => new FakeStream([new FakeTrack("video")]);
    await local.shareScreen("detail");
    assert.deepEqual([...local.tracks().keys()], ["screen"]);
    local.stopScreen();
    assert.equal(local.isSharing, false);
  });

  test("is asked for once at a time", async () => {
    const { local } = setUp();
    const { promise, resolve } = later();
    devices.answer = () => promise;
    const picking = local.shareScreen("detail");
    await local.shareScreen("detail");
    resolve(undefined);
    await picking;
    assert.deepEqual([devices.asked.length, local.isSharing], [1, true]);
    local.stopScreen();
    await local.shareScreen("detail");
    assert.equal(devices.asked.length, 2);
  });

  test("that follows another one has no sound of that one", async () => {
    const { local } = setUp();
    await local.shareScreen("detail");
    devices.answer = () => new FakeStream([new FakeTrack("video")]);
    await local.shareScreen("detail");
    assert.deepEqual([...local.tracks().keys()], ["screen"]);
  });

  test("without a picture is none", async () => {
    const { local } = setUp();
    devices.answer = () => new FakeStream([]);
    await assert.rejects(local.shareScreen("detail"), { name: "NotFoundError" });
  });
});

test("stopped, everything is released, also what is still being opened", async () => {
  const { local } = setUp();
  await local.setCamera(true);
  const camera = local.track("camera");
  const voice = new FakeTrack("audio");
  const { promise, resolve } = later();
  devices.answer = () => promise;
  const unmuting = local.setMuted(false);
  local.stop();
  resolve(new FakeStream([voice]));
  await unmuting;
  await settle();
  assert.deepEqual([camera.readyState, voice.readyState, local.tracks().size], ["ended", "ended", 0]);
});

test("on an insecure page there are no devices, and that is said", async () => {
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  const { local } = setUp();
  const error = await local.setCamera(true).catch((e) => e);
  assert.equal(error.name, "SecurityError");
  assert.match(deviceTrouble("camera", error), /https/);
});

test("each trouble says what to do", () => {
  Object.assign(globalThis, { matchMedia: () => ({ matches: false }) });
  const names = ["NotAllowedError", "NotFoundError", "NotReadableError", "SecurityError", "Other"];
  const said = names.map((name) => deviceTrouble("microphone", new DOMException("", name)));
  assert.equal(new Set(said).size, names.length);
  for (const words of said) assert.match(words, /microphone.*\. (Allow|Connect|Close|Ask|Try)\b.*\.|secure pages/);
  assert.match(deviceTrouble("screen", new DOMException("", "NotAllowedError")), /system settings/);
});

test("what is blocked is allowed elsewhere in an installed app, and on iOS", () => {
  const IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1";
  const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.6 Safari/605.1.15";
  const said = (userAgent, { isInstalled = false, maxTouchPoints = 0 } = {}) => {
    Object.defineProperty(globalThis, "navigator", { value: { userAgent, maxTouchPoints }, configurable: true });
    Object.assign(globalThis, { matchMedia: (query) => ({ matches: isInstalled && query.includes("standalone") }) });
    return deviceTrouble("camera", new DOMException("", "NotAllowedError"));
  };
  assert.match(said(MAC), /next to the address/);
  assert.match(said(MAC, { isInstalled: true }), /this app’s menu/);
  for (const words of [said(IPHONE), said(IPHONE, { isInstalled: true }), said(MAC, { maxTouchPoints: 5 })]) {
    assert.match(words, /Settings app, under Safari/);
  }
});

describe("the other camera", () => {
  test("of a phone is the one that faces the other way", async () => {
    const { local } = setUp();
    devices.answer = ({ video }) => {
      const track = new FakeTrack("video");
      const facingMode = video.facingMode?.ideal ?? video.deviceId?.exact ?? "user";
      track.getSettings = () => ({ height: 360, facingMode, deviceId: facingMode });
      return new FakeStream([track]);
    };
    await local.setCamera(true);
    const first = local.track("camera");
    for (const facing of ["environment", "user", "environment"]) {
      await local.flipCamera();
      assert.equal(devices.asked.at(-1).video.facingMode.ideal, facing);
      assert.equal(local.isMirrored, facing === "user");
    }
    assert.equal(first.readyState, "ended");
    await local.setCamera(false);
    await local.setCamera(true);
    await local.chooseCamera({ quality: "low" });
    assert.deepEqual([local.chosenCamera, local.isMirrored], ["environment", false]);
  });

  test("is turned to once at a time", async () => {
    const { local } = setUp();
    await local.setCamera(true);
    devices.answer = ({ video }) => {
      if (devices.asked.length > 2) throw new DOMException("", "NotReadableError");
      assert.ok(video);
    };
    navigator.mediaDevices.enumerateDevices = async () => [];
    await Promise.all([local.flipCamera(), local.flipCamera()]);
    assert.deepEqual([local.isVideoOn, local.track("camera").readyState], [true, "live"]);
  });

  test("of a desk is the next one, and then the first again", async () => {
    const { local } = setUp();
    navigator.mediaDevices.enumerateDevices = async () =>
      ["a", "b"].map((deviceId) => ({ kind: "videoinput", deviceId }));
    devices.answer = ({ video }) => {
      const track = new FakeTrack("video");
      track.getSettings = () => ({ height: 360, deviceId: video.deviceId?.exact ?? "a" });
      return new FakeStream([track]);
    };
    await local.setCamera(true);
    await local.flipCamera();
    await local.flipCamera();
    assert.deepEqual(
      devices.asked.map(({ video }) => video.deviceId?.exact),
      [undefined, "b", "a"],
    );
  });

  test("that does not open leaves the camera off", async () => {
    const { local, log } = setUp();
    navigator.mediaDevices.enumerateDevices = async () => [];
    await local.setCamera(true);
    devices.answer = () => {
      throw new DOMException("", "NotReadableError");
    };
    await assert.rejects(local.flipCamera());
    assert.deepEqual([local.isVideoOn, log.at(-1)], [false, "camera off"]);
  });
});

describe("an effect", () => {
  /** An effect that the test lets run, or fail. */
  function effect() {
    const made = { closed: 0, track: new FakeTrack("video"), lose: () => {}, ...later() };
    const apply = async (device, onLost) => {
      Object.assign(made, { device, lose: onLost });
      await made.promise;
      return { track: made.track, close: () => made.closed++ };
    };
    return { made, apply };
  }

  test("is what is sent; the device is neither asked for again nor shown before", async () => {
    const { local, log } = setUp();
    const { made, apply } = effect();
    await local.setEffect("camera", apply);
    const opening = local.setCamera(true);
    await settle();
    assert.deepEqual([log, local.track("camera")], [[], null]);
    made.resolve();
    await opening;
    assert.deepEqual([local.track("camera"), local.device("camera")], [made.track, made.device]);
    await local.setEffect("camera", null);
    assert.deepEqual([local.track("camera"), made.closed, devices.asked.length], [made.device, 1, 1]);
    assert.equal(made.device.readyState, "live");
  });

  test("goes over to another camera, and ends with it", async () => {
    const { local } = setUp();
    const { made, apply } = effect();
    made.resolve();
    await local.setEffect("camera", apply);
    await local.setCamera(true);
    const before = local.device("camera");
    await local.chooseCamera({ deviceId: "other" });
    assert.deepEqual([before.readyState, made.closed, local.device("camera") === before], ["ended", 1, false]);
    await local.setCamera(false);
    assert.deepEqual([made.closed, local.isVideoOn], [2, false]);
  });

  test("that is still loading when the camera is turned off is for nobody", async () => {
    const { local } = setUp();
    const { made, apply } = effect();
    await local.setEffect("camera", apply);
    const opening = local.setCamera(true);
    await settle();
    await local.setCamera(false);
    made.resolve();
    await opening;
    assert.deepEqual([local.isVideoOn, made.closed, made.device.readyState], [false, 1, "ended"]);
  });

  test("that fails leaves the camera off, which would show what is hidden; the next try has it again", async () => {
    mock.method(console, "warn", () => {});
    const { local } = setUp();
    const lost = [];
    local.on("effectLost", (loss) => lost.push(loss));
    let isBroken = true;
    const { made, apply } = effect();
    made.resolve();
    await local.setEffect("camera", (device, onLost) => {
      if (isBroken) throw new Error("no model");
      return apply(device, onLost);
    });
    await local.setCamera(true);
    assert.deepEqual([local.isVideoOn, lost], [false, [{ source: "camera", loss: "broken" }]]);
    isBroken = false;
    await local.setCamera(true);
    assert.equal(local.track("camera"), made.track);
    made.lose("slow");
    assert.deepEqual([local.isVideoOn, made.device.readyState, lost[1].loss], [false, "ended", "slow"]);
    made.lose("broken");
    assert.equal(lost.length, 2);
  });

  test("that fails on a camera that is shown already changes nothing", async () => {
    mock.method(console, "warn", () => {});
    const { local } = setUp();
    await local.setCamera(true);
    const track = local.track("camera");
    await local.setEffect("camera", async () => {
      throw new Error("no model");
    });
    assert.deepEqual([local.track("camera"), track.readyState], [track, "live"]);
  });

  test("that fails where another one hides the room turns the camera off", async () => {
    mock.method(console, "warn", () => {});
    const { local } = setUp();
    const { made, apply } = effect();
    made.resolve();
    await local.setEffect("camera", apply);
    await local.setCamera(true);
    const broken = async () => {
      throw new Error("no model");
    };
    await local.setEffect("camera", broken);
    assert.deepEqual([local.isVideoOn, made.closed, made.device.readyState], [false, 1, "ended"]);
    await local.setCamera(true);
    assert.equal(local.isVideoOn, false, "nothing is shown while it fails");
  });

  test("that is chosen while another one loads is of the device that is being opened", async () => {
    const { local } = setUp();
    const [first, second] = [effect(), effect()];
    second.made.resolve();
    await local.setEffect("camera", first.apply);
    const opening = local.setCamera(true);
    await settle();
    await local.setEffect("camera", second.apply);
    first.made.resolve();
    await opening;
    assert.deepEqual([local.track("camera"), first.made.closed], [second.made.track, 1]);
    assert.deepEqual([second.made.device === first.made.device, second.made.device.readyState], [true, "live"]);
  });

  test("that still loads when everything is released keeps no device open and says nothing", async () => {
    mock.method(console, "warn", () => {});
    const { local } = setUp();
    const lost = [];
    local.on("effectLost", (loss) => lost.push(loss));
    let fail;
    let opened;
    await local.setEffect("camera", (device) => {
      opened = device;
      return new Promise((_, reject) => {
        fail = reject;
      });
    });
    const opening = local.setCamera(true);
    await settle();
    local.stop();
    assert.equal(opened.readyState, "ended");
    fail(new Error("no line"));
    await opening;
    assert.deepEqual(lost, []);
  });

  test("that fails on a microphone leaves it as the browser has it", async () => {
    mock.method(console, "warn", () => {});
    const { local } = setUp();
    const { made, apply } = effect();
    made.resolve();
    await local.setEffect("microphone", apply);
    await local.setMuted(false);
    assert.equal(local.track("microphone"), made.track);
    made.lose("broken");
    assert.deepEqual([local.track("microphone"), local.isMuted], [made.device, false]);
  });

  test("is muted with its device", async () => {
    const { local } = setUp();
    const { made, apply } = effect();
    made.resolve();
    await local.setEffect("microphone", apply);
    await local.setMuted(false);
    await local.setMuted(true);
    assert.deepEqual([made.track.enabled, made.device.enabled], [false, false]);
    await local.setMuted(false);
    assert.deepEqual([made.track.enabled, made.device.enabled], [true, true]);
  });
});

describe("a camera that is left to us", () => {
  const settings = (cores) => {
    navigator.hardwareConcurrency = cores;
  };

  test("is as large as the meeting can use, without being opened again", async () => {
    const { local, log } = setUp({ quality: "auto" });
    settings(8);
    await local.setCamera(true);
    assert.equal(devices.asked[0].video.height.ideal, 720);
    await local.fit({ people: 3, isMesh: true });
    assert.deepEqual([local.track("camera").height, devices.asked.length], [360, 1]);
    await local.fit({ people: 3, isMesh: true });
    assert.deepEqual(log, ["camera on", "camera on"]);
    await local.fit({ people: 2, isMesh: true });
    assert.equal(local.track("camera").height, 720);
  });

  test("is small on a weak machine", async () => {
    const { local } = setUp({ quality: "auto" });
    settings(2);
    await local.setCamera(true);
    assert.equal(devices.asked[0].video.height.ideal, 360);
  });

  test("that cannot change stays as it is", async () => {
    const { local } = setUp({ quality: "auto" });
    settings(8);
    await local.setCamera(true);
    local.device("camera").applyConstraints = async () => {
      throw new DOMException("", "OverconstrainedError");
    };
    await local.fit({ people: 30, isMesh: false });
    assert.equal(local.isVideoOn, true);
  });
});

test("what a screen shows is told to the encoder, and can change", async () => {
  const { local, log } = setUp();
  local.setScreenContent("motion");
  await local.shareScreen("detail");
  assert.equal(local.track("screen").contentHint, "detail");
  local.setScreenContent("motion");
  assert.deepEqual([local.track("screen").contentHint, log.at(-1)], ["motion", "screen on"]);
  assert.equal(devices.asked[0].audio.echoCancellation, false);
});
