"""The media of several members of a meeting, on GStreamer's webrtcbin. Its certificates have keys of RSA.

Run by Debian's own Python, which has GStreamer's bindings. The caller does the signaling: it writes events to stdin and
reads calls from stdout, one JSON object a line, each with the number of the member.
"""

from __future__ import annotations

import json
import sys
import threading
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

PIPELINE = """
webrtcbin name=call bundle-policy=max-bundle
audiotestsrc is-live=true ! opusenc ! rtpopuspay pt=111
  ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111 ! call.
videotestsrc is-live=true ! video/x-raw,width=160,height=90,framerate=15/1 ! vp8enc deadline=1 keyframe-max-dist=15
  ! rtpvp8pay pt=96 ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! call.
"""

TYPES = {
    "ReceiveAnswer": GstWebRTC.WebRTCSDPType.ANSWER,
    "ReceiveOffer": GstWebRTC.WebRTCSDPType.OFFER,
}

_stdout = threading.Lock()


def say(**message: Any) -> None:
    with _stdout:
        print(json.dumps(message), flush=True)


class Member:
    """One peer connection. All of it runs on GLib's main loop, but for the counting of packets."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pipeline = Gst.parse_launch(PIPELINE)
        self.call = self.pipeline.get_by_name("call")
        self.call.connect("pad-added", self.receive)
        self.call.connect("notify::ice-gathering-state", lambda *_: GLib.idle_add(self.speak))
        self.waiting: str | None = None
        """The call that is made when all candidates are known."""
        self.pipeline.set_state(Gst.State.PLAYING)

    def take(self, name: str, sdp: str) -> None:
        if name == "Start":
            # The capabilities of what is sent have to be known.
            GLib.timeout_add(500, lambda: self.describe("create-offer", "offer", "SendOffer"))
            return
        _, message = GstSdp.SDPMessage.new_from_text(sdp)
        description = GstWebRTC.WebRTCSessionDescription.new(TYPES[name], message)
        promise = Gst.Promise.new_with_change_func(lambda _: GLib.idle_add(self.taken, name))
        self.call.emit("set-remote-description", description, promise)

    def taken(self, name: str) -> bool:
        if name == "ReceiveOffer":
            self.describe("create-answer", "answer", "SendAnswer")
        return False

    def describe(self, signal: str, field: str, call: str) -> bool:
        """Make a local description, set it, and send it when all candidates are known."""

        def made(promise: Gst.Promise) -> None:
            description = promise.get_reply().get_value(field)
            self.call.emit("set-local-description", description, Gst.Promise.new_with_change_func(set_))

        def set_(_: Gst.Promise) -> None:
            self.waiting = call
            GLib.idle_add(self.speak)

        self.call.emit(signal, None, Gst.Promise.new_with_change_func(made))
        return False

    def speak(self) -> bool:
        is_gathered = self.call.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE
        if is_gathered and self.waiting is not None:
            sdp = self.call.get_property("local-description").sdp.as_text()
            say(member=self.number, name=self.waiting, sdp=sdp)
            self.waiting = None
        return False

    def receive(self, _: Gst.Element, pad: Gst.Pad) -> None:
        """Report each tenth packet of a track."""
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("async", False)
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))
        count = 0

        def probe(pad: Gst.Pad, _: Gst.PadProbeInfo) -> Gst.PadProbeReturn:
            nonlocal count
            count += 1
            if count % 10 == 0:
                mid = pad.get_property("transceiver").get_property("mid")
                kind, stream = self.announced(mid)
                say(member=self.number, name="got", kind=kind, stream=stream)
            return Gst.PadProbeReturn.OK

        pad.add_probe(Gst.PadProbeType.BUFFER, probe)

    def announced(self, mid: str) -> tuple[str, str]:
        """The kind of an m-line, and the msid stream of what comes there."""
        sdp = self.call.get_property("remote-description").sdp.as_text()
        for section in sdp.split("m=")[1:]:
            lines = section.splitlines()
            if f"a=mid:{mid}" in lines:
                msids = [line.removeprefix("a=msid:") for line in lines if line.startswith("a=msid:")]
                return section.partition(" ")[0], msids[0].partition(" ")[0] if msids else ""
        return "", ""


def main() -> None:
    Gst.init(None)
    members: dict[int, Member] = {}

    def take(line: str) -> bool:
        event = json.loads(line)
        number = event["member"]
        if number not in members:
            members[number] = Member(number)
        members[number].take(event["name"], event["sdp"])
        return False

    def read() -> None:
        for line in sys.stdin:
            GLib.idle_add(take, line)

    threading.Thread(target=read, daemon=True).start()
    GLib.MainLoop().run()


main()
