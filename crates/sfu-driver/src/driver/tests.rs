use super::*;
use crate::handle::{MAX_COMMANDS, MAX_REFUSED};
#[cfg(target_os = "linux")]
use crate::scheduling::{SLICE, attributes};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use sfu::{Body, CloseReason, PeerId, Recipient, RefusalCode, RoomId, TransportState};
use std::sync::mpsc;
use std::thread;
use str0m::RtcConfig;
use str0m::media::{Direction, MediaKind};

/// A machine that compiles beside takes its time; what takes longer than this does not come.
const PATIENCE: Duration = Duration::from_secs(60);

fn on_port(port: u16) -> io::Result<Driver> {
    Driver::start(&Config {
        bind: IpAddr::from([127, 0, 0, 1]),
        port,
        advertised: Vec::new(),
        loopback: false,
        recordings: None,
        limits: sfu::Limits::default(),
    })
}

fn started() -> Driver {
    on_port(0).unwrap()
}

fn worker(driver: &Driver) -> &Handle {
    &driver.threads.as_ref().unwrap().worker
}

/// How often the worker has turned, and its reader.
fn turns(driver: &Driver) -> [u64; 2] {
    driver.turns().unwrap()
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
    worker(driver).call(move || {
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
fn stopping_frees_the_port() {
    let mut driver = started();
    let address = SocketAddr::from(([127, 0, 0, 1], driver.port()));
    assert_eq!(driver.addresses(), [address]);
    driver.stop().unwrap();
    driver.stop().unwrap();
    assert_eq!(driver.command(close("t")), Err(CommandError::Stopped));
    assert_eq!(driver.turns(), None);
    sockets::bind(address).unwrap();
}

#[test]
fn a_taken_port_is_an_error() {
    let first = started();
    assert!(on_port(first.port()).is_err());
}

#[test]
fn after_a_panic_a_worker_goes_on_and_its_peers_are_told_closed() {
    let driver = started();
    driver.command(offer()).unwrap();
    let answered = next_events(&driver);
    assert!(matches!(&answered[..], [Event::Core(event)] if matches!(event.body, Body::Answer { .. })));
    worker(&driver).call(|| panic!("ordered by a test"));
    let closed = told(Body::TransportState(TransportState::Closed(CloseReason::Fault)));
    let restarted = Event::Restarted("ordered by a test".to_owned());
    assert_eq!(next_events(&driver), [closed, restarted]);
    let (done, is_done) = mpsc::channel();
    worker(&driver).call(move || done.send(()).unwrap());
    is_done.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_shard_that_panics_again_and_again_fails_its_worker() {
    let mut driver = started();
    for _ in 0..11 {
        worker(&driver).call(|| panic!("ordered by a test"));
    }
    let mut events = Vec::new();
    while !matches!(events.last(), Some(Event::Failed(_))) {
        events.extend(next_events(&driver));
    }
    assert_eq!(events.len(), 12);
    while driver.command(close("t")) != Err(CommandError::Stopped) {
        thread::yield_now();
    }
    assert!(driver.stop().is_err());
}

#[test]
fn what_does_not_fit_into_the_queue_is_refused_by_event() {
    let driver = started();
    let go = hold(&driver);
    for _ in 0..MAX_COMMANDS {
        driver.command(candidate()).unwrap();
    }
    driver.command(offer()).unwrap();
    assert_eq!(driver.command(Command::Weigh), Err(CommandError::Overloaded));
    for _ in 0..MAX_REFUSED - 1 {
        driver.command(candidate()).unwrap();
    }
    assert_eq!(driver.command(offer()), Err(CommandError::Overloaded));
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
    let driver = started();
    let go = hold(&driver);
    driver.command(offer()).unwrap(); // else there were nothing to close
    for _ in 1..MAX_COMMANDS + MAX_REFUSED {
        driver.command(candidate()).unwrap();
    }
    assert_eq!(driver.command(candidate()), Err(CommandError::Overloaded));
    driver.command(Command::End { room: room() }).unwrap();
    driver.command(close("t")).unwrap();
    drop(go);
    let closed = told(Body::TransportState(TransportState::Closed(CloseReason::Command)));
    let mut events = Vec::new();
    while !events.contains(&closed) {
        events.extend(next_events(&driver));
    }
}

#[test]
fn a_thread_that_stands_still_does_not_turn_when_it_is_woken() {
    let driver = started();
    let go = hold(&driver);
    let before = turns(&driver);
    driver.wake();
    wait_until(|| turns(&driver)[1] != before[1]);
    assert_eq!(turns(&driver)[0], before[0]);
    drop(go);
    driver.wake();
    wait_until(|| turns(&driver)[0] != before[0]);
}

#[test]
fn commands_that_take_long_have_turns_of_their_own() {
    const COMMANDS: u64 = 8;
    let driver = started();
    let go = hold(&driver);
    let before = turns(&driver)[0];
    for _ in 0..COMMANDS {
        // As a long offer: media has to have its turn before the next one.
        worker(&driver).call(|| thread::sleep(Duration::from_millis(2)));
    }
    let (done, is_done) = mpsc::channel();
    worker(&driver).call(move || done.send(()).unwrap());
    drop(go);
    is_done.recv_timeout(PATIENCE).unwrap();
    let turned = turns(&driver)[0] - before;
    assert!(turned >= COMMANDS, "{turned} turns");
}

/// How many of some events are answers.
fn answers(events: &[Event]) -> usize {
    let is_answer = |event: &&Event| matches!(event, Event::Core(event) if matches!(event.body, Body::Answer { .. }));
    events.iter().filter(is_answer).count()
}

/// Has so many offers read while their worker stands still: it finds them all at once.
fn read_at_once(driver: &Driver, offers: usize) -> mpsc::Sender<()> {
    let (read, wait) = mpsc::channel::<()>();
    worker(driver).call_reader(move || assert!(wait.recv().is_err()));
    for n in 0..offers {
        let mut offer = offer();
        if let Command::Offer { peer, .. } = &mut offer {
            let name = format!("t{n}");
            (peer.transport, peer.user) = ((*name).into(), (*name).into());
        }
        driver.command(offer).unwrap();
    }
    // Longer than the slice of commands: what comes after it finds all offers handed out.
    worker(driver).call(|| thread::sleep(Duration::from_millis(2)));
    let go = hold(driver);
    let before = turns(driver)[1];
    drop(read);
    wait_until(|| turns(driver)[1] >= before + offers as u64);
    go
}

#[test]
fn what_was_read_keeps_neither_commands_nor_the_stop_waiting() {
    const OFFERS: usize = 60;
    let mut driver = started();
    let go = read_at_once(&driver, OFFERS);
    let before = driver.drain(usize::MAX);
    assert_eq!(answers(&before), 0);
    let (hold_again, wait) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    worker(&driver).call(move || {
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
    let driver = started();
    let (tell, told) = mpsc::channel();
    let ours = attributes().unwrap();
    worker(&driver).call(move || tell.send(attributes().unwrap()).unwrap());
    let its = told.recv_timeout(PATIENCE).unwrap();
    // Zero: Linux before 6.12.
    assert_eq!(
        its.sched_runtime,
        SLICE.as_nanos() as u64 * u64::from(ours.sched_runtime > 0)
    );
}

#[test]
fn stopping_neither_holds_the_driver_nor_waits_for_commands() {
    let mut driver = started();
    let go = hold(&driver);
    let (late, is_late) = mpsc::channel();
    worker(&driver).call(move || late.send(()).unwrap());
    let stopping = driver.begin_stop();
    assert_eq!(driver.drain(1), []);
    assert_eq!(driver.command(close("t")), Err(CommandError::Stopped));
    drop(go);
    stopping.wait().unwrap();
    assert!(is_late.recv().is_err(), "a command was done after the stop");
}

#[test]
fn stopping_does_not_wait_for_ever_for_a_blocked_worker() {
    let mut driver = started();
    let go = hold(&driver);
    assert_eq!(driver.stop().unwrap_err().kind(), io::ErrorKind::TimedOut);
    drop(go);
}
