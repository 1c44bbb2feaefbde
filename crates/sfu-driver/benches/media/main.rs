//! Media clients on str0m, for benches: in a driver of this process, or on a server elsewhere.
//!
//! With `recording DIRECTORY` it measures what recording costs, with `still DIRECTORY` what a disk does to the media
//! that somebody else lets stand still; `bench/recording` runs both. Of the driver only the CPU time of the threads that
//! are meant is counted (`/proc/self/task/*/schedstat`).
//!
//! With `hostile` it measures what attacks add to the delays of others' packets, for `bench/hostile`, with `joining`
//! what guests who do their worst add to the time in which others are answered; with `remote PEOPLE PUBLISHERS` it is
//! people in a call on a server elsewhere, for that and `bench/faults`. With `sessions N DTLS` it measures what so many
//! idle sessions cost whose clients have this version of DTLS, `1.2` or `1.3`, for `bench/idle`.

mod client;
mod hostile;
mod joining;
mod meeting;
mod recording;
mod remote;
mod sessions;
mod thread_time;

use str0m::config::DtlsVersion;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match &arguments[..] {
        [word, directory] if word == "recording" => recording::costs(directory.as_ref()),
        [word, directory] if word == "still" => recording::delays(directory.as_ref()),
        [word] if word == "hostile" => hostile::attacks(),
        [word] if word == "joining" => joining::joins(),
        [word, people, publishers] if word == "remote" => {
            let number = |text: &String| text.parse().expect("a number");
            remote::call(number(people), number(publishers));
        }
        [word, count, version] if word == "sessions" => {
            let version = match &**version {
                "1.2" => DtlsVersion::Dtls12,
                "1.3" => DtlsVersion::Dtls13,
                _ => panic!("unknown: {version}"),
            };
            sessions::idle(count.parse().expect("a number"), version);
        }
        [word] if word == "serve" => sessions::serve(),
        _ => panic!("unknown: {arguments:?}"),
    }
}
