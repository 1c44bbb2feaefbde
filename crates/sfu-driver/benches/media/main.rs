//! The cost of forwarding a packet on the SFU's thread, beside that of the kernel alone for the same packets.
//!
//! Prints one JSON object for each case; `bench/media` reads them. The clients run in this process on another thread; only
//! the CPU time of the media thread is counted (`/proc/self/task/*/schedstat`), so theirs does not matter.
//!
//! With `recording DIRECTORY` it measures what recording costs instead, with `still DIRECTORY` what a disk does to the media
//! that somebody else lets stand still; `bench/recording` runs both.
//!
//! With `hostile` it measures what attacks add to the delays of others' packets, for `bench/hostile`; with `remote
//! PEOPLE PUBLISHERS` it is people in a call on a server elsewhere, for that and `bench/faults`. With `sessions N` it measures
//! what so many sessions cost that are idle, for `bench/idle`.

mod client;
mod floor;
mod hostile;
mod meeting;
mod recording;
mod remote;
mod sessions;
mod thread_time;

use std::time::Duration;

use meeting::Meeting;

/// How long each case is measured.
const MEASURE: Duration = Duration::from_secs(4);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match &arguments[..] {
        [word, directory] if word == "recording" => recording::costs(directory.as_ref()),
        [word, directory] if word == "still" => recording::delays(directory.as_ref()),
        [word] if word == "hostile" => hostile::attacks(),
        [word, people, publishers] if word == "remote" => {
            let number = |text: &String| text.parse().expect("a number");
            remote::call(number(people), number(publishers));
        }
        [word, count] if word == "sessions" => sessions::idle(count.parse().expect("a number")),
        [word] if word == "serve" => sessions::serve(),
        [] => forwarding(),
        _ => panic!("unknown: {arguments:?}"),
    }
}

fn forwarding() {
    let cases = [
        // Ten people in a call; each sends audio and 1 Mbit/s of video (30 frames a second of 4 packets) and watches all.
        Meeting {
            name: "call of 10",
            publishers: 10,
            watchers: 0,
            frames: 30,
            frame_packets: 4,
            feeds_back: true,
        },
        // One screen for fifty: 3 Mbit/s.
        Meeting {
            name: "talk to 50",
            publishers: 1,
            watchers: 50,
            frames: 30,
            frame_packets: 10,
            feeds_back: true,
        },
        // As much as one thread can take.
        Meeting {
            name: "flat out",
            publishers: 4,
            watchers: 30,
            frames: 250,
            frame_packets: 8,
            feeds_back: false,
        },
    ];
    for case in &cases {
        let measured = case.run(MEASURE);
        let segments = measured.packets_out as f64 / measured.udp_sends.max(1) as f64;
        let size = (measured.bytes_out / measured.packets_out.max(1)) as usize;
        let receivers = case.publishers + case.watchers;
        let floor_single = floor::microseconds(size, receivers, 1);
        let floor_same = floor::microseconds(size, receivers, segments.round().max(1.0) as usize);
        println!(
            "{{\"case\": \"{}\", \"seconds\": {:.2}, \"forwarded\": {}, \"packets_out\": {}, \"packets_in\": {}, \
             \"cpu_seconds\": {:.4}, \"dropped\": {}, \"size\": {size}, \"packets_per_send\": {segments:.2}, \
             \"floor_sendto_us\": {floor_single:.3}, \"floor_gso_us\": {floor_same:.3}}}",
            case.name,
            measured.wall.as_secs_f64(),
            measured.forwarded,
            measured.packets_out,
            measured.packets_in,
            measured.cpu.as_secs_f64(),
            measured.dropped,
        );
    }
}
