use super::*;
use crate::handle::{MAX_COMMANDS, MAX_REFUSED};
#[cfg(target_os = "linux")]
use crate::scheduling::{SLICE, attributes};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sfu::{Body, CloseReason, PeerId, Recipient, RefusalCode, TransportState};
use std::sync::mpsc;
use std::thread;
use str0m::RtcConfig;
use str0m::media::{Direction, MediaKind};

/// A machine that compiles beside takes its time; what takes longer than this does not come.
const PATIENCE: Duration = Duration::from_secs(60);

fn started(workers: usize) -> Driver {
    let bind = IpAddr::from([127, 0, 0, 1]);
    Driver::start(&Config {
        bind,
        ports: vec![0; workers],
        advertised: Vec::new(),
        loopback: false,
        recordings: None,
        limits: sfu::Limits::default(),
    })
    .unwrap()
}

fn room() -> RoomId {
    "r".into()
}

fn peer() -> PeerId {
    PeerId {
        room: room(),
        transport: "t".into(),
        user: "u".into(),
        seat: "s".into(),
    }
}

fn offer() -> Command {
    let mut rtc = RtcConfig::new().build(Instant::now());
    let mut api = rtc.sdp_api();
    api.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
    Command::Offer {
        peer: peer(),
        sdp: api.apply().unwrap().0.to_sdp_string(),
        slots: true,
        tracks: Vec::new(),
        name: String::new(),
        recording: None,
    }
}

fn told(body: Body) -> Event {
    Event::Core(sfu::Event {
        to: Recipient::Peer(peer()),
        body,
    })
}

/// Lets the worker stand still until the sender is dropped.
fn hold(driver: &Driver) -> mpsc::Sender<()> {
    let (go, wait) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    driver.workers[0].call(move || {
        begin.send(()).unwrap();
        assert!(wait.recv().is_err());
    });
    begun.recv_timeout(PATIENCE).unwrap();
    go
}

/// Waits for what another thread brings about.
fn wait_until(is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "it does not happen");
        thread::yield_now();
    }
}

fn next_events(driver: &Driver) -> Vec<Event> {
    let deadline = Timespec::try_from(PATIENCE).unwrap();
    assert_eq!(poll(&mut [PollFd::new(driver, PollFlags::IN)], Some(&deadline)), Ok(1));
    driver.drain(usize::MAX)
}

fn close(transport: &str) -> Command {
    Command::Close {
        transport: transport.into(),
    }
}

fn candidate() -> Command {
    Command::Candidate {
        transport: "t".into(),
        candidate: String::new(),
    }
}

#[test]
fn a_worker_has_a_port_of_its_own_and_stopping_frees_it() {
    let mut driver = started(2);
    let ports = driver.ports();
    assert_ne!(ports[0], ports[1]);
    let addresses: Vec<_> = ports
        .iter()
        .map(|&port| SocketAddr::from(([127, 0, 0, 1], port)))
        .collect();
    assert_eq!(driver.addresses(), addresses);
    driver.stop().unwrap();
    driver.stop().unwrap();
    assert_eq!(driver.command(&room(), close("t")), Err(CommandError::Stopped));
    sockets::bind(addresses[0]).unwrap();
}

#[test]
fn no_port_and_a_taken_port_are_errors() {
    let config = |ports| Config {
        bind: IpAddr::from([127, 0, 0, 1]),
        ports,
        advertised: Vec::new(),
        loopback: false,
        recordings: None,
        limits: sfu::Limits::default(),
    };
    assert!(Driver::start(&config(Vec::new())).is_err());
    let first = started(1);
    assert!(Driver::start(&config(first.ports())).is_err());
}

#[test]
fn after_a_panic_a_worker_goes_on_and_its_peers_are_told_closed() {
    let driver = started(1);
    driver.command(&room(), offer()).unwrap();
    let answered = next_events(&driver);
    assert!(matches!(&answered[..], [Event::Core(event)] if matches!(event.body, Body::Answer { .. })));
    driver.workers[0].call(|| panic!("ordered by a test"));
    let closed = told(Body::TransportState(TransportState::Closed(CloseReason::Fault)));
    let restarted = Event::Restarted {
        port: driver.ports()[0],
        reason: "ordered by a test".to_owned(),
    };
    assert_eq!(next_events(&driver), [closed, restarted]);
    assert_eq!(driver.rooms.worker(&room()), None);
    let (done, is_done) = mpsc::channel();
    driver.workers[0].call(move || done.send(()).unwrap());
    is_done.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_room_is_forgotten_with_its_last_peer() {
    let driver = started(1);
    driver.command(&room(), offer()).unwrap();
    next_events(&driver);
    assert_eq!(driver.rooms.worker(&room()), Some(0));
    driver.command(&room(), close("t")).unwrap();
    let closed = told(Body::TransportState(TransportState::Closed(CloseReason::Command)));
    assert_eq!(next_events(&driver), [closed]);
    assert_eq!(driver.rooms.worker(&room()), None);
}

#[test]
fn an_offer_that_is_refused_leaves_no_room() {
    let driver = started(1);
    let mut offer = offer();
    if let Command::Offer { sdp, .. } = &mut offer {
        sdp.clear();
    }
    driver.command(&room(), offer).unwrap();
    let refused = next_events(&driver);
    assert!(matches!(&refused[..], [Event::Core(event)] if matches!(event.body, Body::Refused { .. })));
    assert_eq!(driver.rooms.worker(&room()), None);
}

#[test]
fn a_shard_that_panics_again_and_again_fails_its_worker() {
    let mut driver = started(1);
    for _ in 0..11 {
        driver.workers[0].call(|| panic!("ordered by a test"));
    }
    let mut events = Vec::new();
    while !matches!(events.last(), Some(Event::Failed { .. })) {
        events.extend(next_events(&driver));
    }
    assert_eq!(events.len(), 12);
    while driver.command(&room(), close("t")) != Err(CommandError::Stopped) {
        thread::yield_now();
    }
    assert!(driver.stop().is_err());
}

#[test]
fn what_does_not_fit_into_the_queue_is_refused_by_event() {
    let driver = started(1);
    let go = hold(&driver);
    for _ in 0..MAX_COMMANDS {
        driver.command(&room(), candidate()).unwrap();
    }
    driver.command(&room(), offer()).unwrap();
    assert_eq!(driver.rooms.worker(&room()), None);
    for _ in 0..MAX_REFUSED - 1 {
        driver.command(&room(), candidate()).unwrap();
    }
    assert_eq!(driver.command(&room(), offer()), Err(CommandError::Overloaded));
    drop(go);
    let events = next_events(&driver);
    let is_overload = |event: &sfu::Event| {
        let Body::Refused { code, .. } = &event.body else {
            return false;
        };
        *code == RefusalCode::Overloaded && event.to == Recipient::Peer(peer())
    };
    assert!(
        matches!(&events[..], [Event::Core(event)] if is_overload(event)),
        "{events:?}"
    );
}

#[test]
fn an_end_is_not_refused_by_a_full_queue_and_keeps_its_place() {
    let driver = started(1);
    let go = hold(&driver);
    driver.command(&room(), offer()).unwrap(); // else there were nothing to close
    for _ in 1..MAX_COMMANDS + MAX_REFUSED {
        driver.command(&room(), candidate()).unwrap();
    }
    assert_eq!(driver.command(&room(), candidate()), Err(CommandError::Overloaded));
    driver.command(&room(), Command::End { room: room() }).unwrap();
    driver.command(&room(), close("t")).unwrap();
    drop(go);
    let closed = told(Body::TransportState(TransportState::Closed(CloseReason::Command)));
    let mut events = Vec::new();
    while !events.contains(&closed) {
        events.extend(next_events(&driver));
    }
    assert_eq!(driver.rooms.worker(&room()), None);
}

#[test]
fn a_thread_that_stands_still_does_not_turn_when_it_is_woken() {
    let driver = started(2);
    let go = hold(&driver);
    let before = driver.turns();
    driver.wake();
    for woken in [1, 2] {
        wait_until(|| driver.turns()[woken] != before[woken]);
    }
    assert_eq!(driver.turns()[0], before[0]);
    drop(go);
    driver.wake();
    wait_until(|| driver.turns()[0] != before[0]);
}

#[test]
fn commands_that_take_long_have_turns_of_their_own() {
    const COMMANDS: u64 = 8;
    let driver = started(1);
    let go = hold(&driver);
    let turns = || driver.workers[0].counters().turns.get();
    let before = turns();
    for _ in 0..COMMANDS {
        // As a long offer: media has to have its turn before the next one.
        driver.workers[0].call(|| thread::sleep(Duration::from_millis(2)));
    }
    let (done, is_done) = mpsc::channel();
    driver.workers[0].call(move || done.send(()).unwrap());
    drop(go);
    is_done.recv_timeout(PATIENCE).unwrap();
    assert!(turns() - before >= COMMANDS, "{} turns", turns() - before);
}

/// How many of some events are answers.
fn answers(events: &[Event]) -> usize {
    let is_answer = |event: &&Event| matches!(event, Event::Core(event) if matches!(event.body, Body::Answer { .. }));
    events.iter().filter(is_answer).count()
}

/// Has so many offers read while their worker stands still: it finds them all at once.
fn read_at_once(driver: &Driver, offers: usize) -> mpsc::Sender<()> {
    let (read, wait) = mpsc::channel::<()>();
    driver
        .reader
        .as_ref()
        .unwrap()
        .call(move || assert!(wait.recv().is_err()));
    for n in 0..offers {
        let mut offer = offer();
        if let Command::Offer { peer, .. } = &mut offer {
            let name = format!("t{n}");
            (peer.transport, peer.user) = ((*name).into(), (*name).into());
        }
        driver.command(&room(), offer).unwrap();
    }
    // Longer than the slice of commands: what comes after it finds all offers handed out.
    driver.workers[0].call(|| thread::sleep(Duration::from_millis(2)));
    let go = hold(driver);
    let before = driver.turns()[1];
    drop(read);
    wait_until(|| driver.turns()[1] >= before + offers as u64);
    go
}

#[test]
fn what_was_read_keeps_neither_commands_nor_the_stop_waiting() {
    const OFFERS: usize = 60;
    let mut driver = started(1);
    let go = read_at_once(&driver, OFFERS);
    let before = driver.drain(usize::MAX);
    assert_eq!(answers(&before), 0);
    let (hold_again, wait) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    driver.workers[0].call(move || {
        begin.send(()).unwrap();
        assert!(wait.recv().is_err());
    });
    drop(go);
    begun.recv_timeout(PATIENCE).unwrap();
    let first = answers(&driver.drain(usize::MAX));
    assert!(first <= OFFERS / 4, "{first} answers before the command");
    let stopping = driver.begin_stop();
    drop(hold_again);
    stopping.wait().unwrap();
    let last = answers(&driver.drain(usize::MAX));
    assert!(last <= OFFERS / 4, "{last} answers before the stop");
}

#[cfg(target_os = "linux")]
#[test]
fn a_media_thread_wants_a_core_for_a_moment_at_a_time() {
    let driver = started(1);
    let (tell, told) = mpsc::channel();
    let ours = attributes().unwrap();
    driver.workers[0].call(move || tell.send(attributes().unwrap()).unwrap());
    let its = told.recv_timeout(PATIENCE).unwrap();
    // Zero: Linux before 6.12.
    assert_eq!(
        its.sched_runtime,
        SLICE.as_nanos() as u64 * u64::from(ours.sched_runtime > 0)
    );
}

#[test]
fn stopping_neither_holds_the_driver_nor_waits_for_commands() {
    let mut driver = started(1);
    let go = hold(&driver);
    let (late, is_late) = mpsc::channel();
    driver.workers[0].call(move || late.send(()).unwrap());
    let stopping = driver.begin_stop();
    assert_eq!(driver.drain(1), []);
    assert_eq!(driver.command(&room(), close("t")), Err(CommandError::Stopped));
    drop(go);
    stopping.wait().unwrap();
    assert!(is_late.recv().is_err(), "a command was done after the stop");
}

#[test]
fn stopping_does_not_wait_for_ever_for_a_blocked_worker() {
    let mut driver = started(1);
    let go = hold(&driver);
    assert_eq!(driver.stop().unwrap_err().kind(), io::ErrorKind::TimedOut);
    drop(go);
}
