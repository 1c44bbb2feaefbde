//! Four people in a call on a server elsewhere: their media here, their signaling in the process that started this one.
//!
//! Lines out: `{"offer": "…"}` of each client, in order; `{"connected": true}` when all are; and for each line `window` that
//! comes in, `{"delays": […]}`: how long each video packet took since the last one, in microseconds. Lines in: `window`, and
//! the answers, in order, with `|` for each line break.

use std::io::{BufRead, stdin};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use sfu_driver::sfu::Command;

use crate::client::Client;
use crate::meeting::SETUP;

/// Runs until the standard input ends.
pub(crate) fn call() {
    let lines = lines();
    let now = Instant::now();
    let mut clients: Vec<Client> = (0..4)
        .map(|n| Client::new("bench", format!("sfu_{n}"), 30, 4, true, now))
        .collect();
    for client in &mut clients {
        let Command::Offer { sdp, .. } = client.offer(true, 3, 3) else {
            panic!("not an offer");
        };
        println!("{{\"offer\": \"{}\"}}", sdp.replace("\r\n", "\\r\\n"));
    }
    for client in &mut clients {
        let answer = lines.recv().expect("an answer");
        client.answered(&answer.replace('|', "\r\n"));
    }
    while !clients.iter().all(|client| client.connected) {
        assert!(now.elapsed() < SETUP, "the clients did not connect");
        turn(&mut clients);
    }
    println!("{{\"connected\": true}}");
    let now = Instant::now();
    clients.iter_mut().for_each(|client| client.start(now));
    loop {
        match lines.try_recv() {
            Ok(_) => print(&mut clients),
            Err(std::sync::mpsc::TryRecvError::Empty) => turn(&mut clients),
            Err(std::sync::mpsc::TryRecvError::Disconnected) => return,
        }
    }
}

fn lines() -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn turn(clients: &mut [Client]) {
    if !clients.iter_mut().fold(false, |busy, client| client.turn(Instant::now()) | busy) {
        thread::sleep(Duration::from_micros(200));
    }
}

fn print(clients: &mut [Client]) {
    let delays = clients.iter_mut().flat_map(|client| client.delays.drain(..));
    let micros: Vec<String> = delays.map(|delay| delay.as_micros().to_string()).collect();
    println!("{{\"delays\": [{}]}}", micros.join(","));
}
