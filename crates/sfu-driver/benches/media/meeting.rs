//! Clients of a driver in this process: what it answers to each, and their turns.

use std::time::{Duration, Instant};

use sfu_driver::sfu::{self, Body, Recipient};
use sfu_driver::{Config, Driver, Event, Recordings};

use crate::client::Client;

/// How long clients may take until everything flows.
pub(crate) const SETUP: Duration = Duration::from_secs(60);

/// A driver on loopback, on a free port.
pub(crate) fn driver(recordings: Option<Recordings>) -> Driver {
    Driver::start(&Config {
        bind: [127, 0, 0, 1].into(),
        port: 0,
        advertised: Vec::new(),
        loopback: false,
        recordings,
        limits: sfu::Limits::default(),
    })
    .expect("a free port")
}

pub(crate) fn run_for(driver: &Driver, clients: &mut [Client], duration: Duration) {
    let end = Instant::now() + duration;
    while Instant::now() < end {
        turn(driver, clients);
    }
}

pub(crate) fn turn(driver: &Driver, clients: &mut [Client]) {
    for event in driver.drain(1_024) {
        match event {
            Event::Core(sfu::Event {
                to: Recipient::Peer(peer),
                body: Body::Answer { sdp },
            }) => {
                let client = clients.iter_mut().find(|client| peer.transport == *client.name);
                client.expect("an answer to one of us").answered(&sdp);
            }
            Event::Core(sfu::Event {
                body: Body::Refused { message, .. },
                ..
            }) => panic!("{message}"),
            Event::RecordingTrouble { detail, .. } => panic!("{detail}"),
            _ => {}
        }
    }
    let mut busy = false;
    for client in clients.iter_mut() {
        busy |= client.turn(Instant::now());
    }
    if !busy {
        std::thread::sleep(Duration::from_micros(200));
    }
}
