//! The Python extension module `tertulia.sfu._sfu`: the class that Python drives, the events it reads, the mapping of errors.
//!
//! The media threads never take the GIL; what may block here (starting, stopping) releases it.

mod error;
mod event;

use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use sfu_driver::sfu::{Command, Limits, PeerId, TrackName, WantedVideo};
use sfu_driver::{Config, Driver, Recordings};

use crate::error::{command_error, parse_ip, parse_source};

/// One SFU node: a media thread with a UDP port and a passive TCP listener on the same port number.
#[pyclass(frozen, module = "tertulia.sfu._sfu")]
struct Sfu {
    driver: Mutex<Driver>,
    fileno: i32,
    port: u16,
    addresses: Vec<(String, u16)>,
}

impl Sfu {
    fn driver(&self) -> MutexGuard<'_, Driver> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn command(&self, command: Command) -> PyResult<()> {
        self.driver().command(command).map_err(command_error)
    }
}

#[pymethods]
impl Sfu {
    #[new]
    #[pyo3(signature = (
        bind_ip, port, advertised_ips = Vec::new(), *, loopback = false, recordings_dir = None, node = "",
        track_kilobits = None, peer_kilobits = None, room_kilobits = None
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python calls most of them by name")]
    fn new(
        py: Python<'_>,
        bind_ip: &str,
        port: u16,
        advertised_ips: Vec<String>,
        loopback: bool,
        recordings_dir: Option<PathBuf>,
        node: &str,
        track_kilobits: Option<u32>,
        peer_kilobits: Option<u32>,
        room_kilobits: Option<u32>,
    ) -> PyResult<Self> {
        let limits = Limits::default();
        let advertised = advertised_ips
            .iter()
            .map(|ip| parse_ip(ip))
            .collect::<PyResult<Vec<IpAddr>>>()?;
        let config = Config {
            bind: parse_ip(bind_ip)?,
            port,
            advertised,
            loopback,
            recordings: recordings_dir.map(|directory| Recordings {
                directory,
                node: node.to_owned(),
            }),
            limits: Limits {
                track_kilobits: track_kilobits.unwrap_or(limits.track_kilobits),
                peer_kilobits: peer_kilobits.unwrap_or(limits.peer_kilobits),
                room_kilobits: room_kilobits.unwrap_or(limits.room_kilobits),
                ..limits
            },
        };
        let driver = py.detach(|| Driver::start(&config))?;
        let addresses = driver
            .addresses()
            .iter()
            .map(|address| (address.ip().to_string(), address.port()))
            .collect();
        Ok(Sfu {
            fileno: driver.as_fd().as_raw_fd(),
            port: driver.port(),
            addresses,
            driver: Mutex::new(driver),
        })
    }

    #[pyo3(signature = (
        room, transport, user_id, seat, sdp, *, name = "", recording = None, slots = false, tracks = HashMap::new()
    ))]
    #[expect(clippy::too_many_arguments, reason = "Python calls most of them by name")]
    fn offer(
        &self,
        room: &str,
        transport: &str,
        user_id: &str,
        seat: &str,
        sdp: String,
        name: &str,
        recording: Option<String>,
        slots: bool,
        tracks: HashMap<String, String>,
    ) -> PyResult<()> {
        let named = |(mid, source): (String, String)| {
            Ok(TrackName {
                mid,
                source: parse_source(&source)?,
            })
        };
        let tracks = tracks.into_iter().map(named).collect::<PyResult<_>>()?;
        self.command(Command::Offer {
            peer: PeerId {
                room: room.into(),
                transport: transport.into(),
                user: user_id.into(),
                seat: seat.into(),
            },
            sdp,
            slots,
            tracks,
            name: name.to_owned(),
            recording: recording.map(Into::into),
        })
    }

    fn answer(&self, transport: &str, sdp: String) -> PyResult<()> {
        self.command(Command::Answer {
            transport: transport.into(),
            sdp,
        })
    }

    fn candidate(&self, transport: &str, candidate: String) -> PyResult<()> {
        self.command(Command::Candidate {
            transport: transport.into(),
            candidate,
        })
    }

    fn view(&self, transport: &str, videos: Vec<(String, String, Option<u32>)>) -> PyResult<()> {
        let wanted = |(user, source, max_height): (String, String, _)| {
            Ok(WantedVideo {
                user: user.into(),
                source: parse_source(&source)?,
                max_height,
            })
        };
        let videos = videos.into_iter().map(wanted).collect::<PyResult<_>>()?;
        self.command(Command::View {
            transport: transport.into(),
            videos,
        })
    }

    #[pyo3(signature = (transport, is_muted = None, is_video_on = None))]
    fn state(&self, transport: &str, is_muted: Option<bool>, is_video_on: Option<bool>) -> PyResult<()> {
        self.command(Command::State {
            transport: transport.into(),
            is_muted,
            is_video_on,
        })
    }

    fn block(&self, transport: &str, sources: Vec<String>) -> PyResult<()> {
        let sources = sources
            .iter()
            .map(|source| parse_source(source))
            .collect::<PyResult<_>>()?;
        self.command(Command::Block {
            transport: transport.into(),
            sources,
        })
    }

    #[pyo3(signature = (transport, recording, name = ""))]
    fn record(&self, transport: &str, recording: Option<String>, name: &str) -> PyResult<()> {
        self.command(Command::Record {
            transport: transport.into(),
            recording: recording.map(Into::into),
            name: name.to_owned(),
        })
    }

    fn stop_recording(&self, room: &str, recording: &str) -> PyResult<()> {
        self.command(Command::StopRecording {
            room: room.into(),
            recording: recording.into(),
        })
    }

    fn limit(&self, room: &str, kilobits: u32) -> PyResult<()> {
        self.command(Command::Limit {
            room: room.into(),
            kilobits,
        })
    }

    fn weigh(&self) -> PyResult<()> {
        self.command(Command::Weigh)
    }

    fn close(&self, transport: String) -> PyResult<()> {
        self.command(Command::Close {
            transport: transport.into(),
        })
    }

    fn end(&self, room: &str) -> PyResult<()> {
        self.command(Command::End { room: room.into() })
    }

    fn fileno(&self) -> i32 {
        self.fileno
    }

    fn drain<'py>(&self, py: Python<'py>, max: usize) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let events = self.driver().drain(max);
        events.into_iter().map(|event| event::to_python(py, event)).collect()
    }

    fn wake(&self) {
        self.driver().wake();
    }

    fn turns(&self) -> Vec<u64> {
        self.driver().turns().map(Vec::from).unwrap_or_default()
    }

    fn stats(&self) -> HashMap<&'static str, u64> {
        event::stats_to_python(self.driver().stats())
    }

    fn recording_stats(&self) -> HashMap<&'static str, u64> {
        let stats = self.driver().recording_stats();
        stats.map(event::recording_stats_to_python).unwrap_or_default()
    }

    #[getter]
    fn events_lost(&self) -> u64 {
        self.driver().events_lost()
    }

    #[getter]
    fn port(&self) -> u16 {
        self.port
    }

    #[getter]
    fn addresses(&self) -> Vec<(String, u16)> {
        self.addresses.clone()
    }

    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        // Waits without the lock: a thread that drains events meanwhile holds the GIL.
        let stopping = self.driver().begin_stop();
        Ok(py.detach(|| stopping.wait())?)
    }
}

/// The media engine of an SFU node. Typed in `_sfu.pyi`.
#[pymodule]
mod _sfu {
    #[pymodule_export]
    use super::Sfu;
    #[pymodule_export]
    use super::error::{Overloaded, Stopped};
    #[pymodule_export]
    use super::event::{
        ActiveSpeakers, Answer, Failed, Forwarded, Inflow, LayersWanted, Limited, LimitedVideo, Lost, NoCommonCodec,
        Offer, RecordingTrouble, Refused, Restarted, Slot, Slots, TransportState, VideosLimited, VideosPaused,
        WantedLayers,
    };
}
