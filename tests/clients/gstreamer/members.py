"""The media of several members of a meeting, on GStreamer's webrtcbin. Its certificates have keys of RSA.

Run by Debian's own Python, which has GStreamer's bindings. The caller does the signaling: it writes events to stdin and
reads calls from stdout, one JSON object a line, each with the number of the member.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
from typing import Any

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import Gst, GstSdp, GstWebRTC  # noqa: E402

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
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


class Member:
    """One peer connection, which takes one event after another on a thread of its own."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pipeline = Gst.parse_launch(PIPELINE)
        self.call = self.pipeline.get_by_name("call")
        self.call.connect("pad-added", self.receive)
        self.gathered = threading.Event()
        self.call.connect("notify::ice-gathering-state", self.gathering)
        self.events: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        threading.Thread(target=self.run, daemon=True).start()

    def gathering(self, *_: Any) -> None:
        if self.call.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            self.gathered.set()

    def run(self) -> None:
        self.pipeline.set_state(Gst.State.PLAYING)
        while True:
            name, sdp = self.events.get()
            if name == "Start":
                # What is sent has to be known.
                for pad in self.call.sinkpads:
                    while pad.get_current_caps() is None:
                        time.sleep(0.05)
                self.describe("create-offer", "offer", "SendOffer")
                continue
            _, message = GstSdp.SDPMessage.new_from_text(sdp)
            description = GstWebRTC.WebRTCSessionDescription.new(TYPES[name], message)
            self.ask("set-remote-description", description)
            if name == "ReceiveOffer":
                self.describe("create-answer", "answer", "SendAnswer")

    def ask(self, signal: str, argument: Any) -> Gst.Structure | None:
        """Have webrtcbin do something, and wait until it is done."""
        promise = Gst.Promise.new()
        self.call.emit(signal, argument, promise)
        promise.wait()
        return promise.get_reply()

    def describe(self, signal: str, field: str, call: str) -> None:
        """Make a local description, set it, and send it when all candidates are known."""
        reply = self.ask(signal, None)
        assert reply is not None
        refusal = self.ask("set-local-description", reply.get_value(field))
        if refusal is not None and refusal.has_field("error"):
            say(member=self.number, name="failed", sdp=str(refusal.get_value("error")))
            return
        self.gathered.wait()
        say(member=self.number, name=call, sdp=self.call.get_property("local-description").sdp.as_text())

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
    for line in sys.stdin:
        event = json.loads(line)
        number = event["member"]
        if number not in members:
            members[number] = Member(number)
        members[number].events.put((event["name"], event["sdp"]))


main()
