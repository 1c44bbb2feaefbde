//! The one mapping of errors to Python's exceptions.

use std::net::IpAddr;

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use sfu_driver::CommandError;
use sfu_driver::sfu::Source;

create_exception!(
    tertulia.sfu._sfu,
    Overloaded,
    PyException,
    "A worker is so far behind that it cannot even refuse a command by event; nothing was changed."
);
create_exception!(tertulia.sfu._sfu, Stopped, PyException, "The SFU is stopped.");

/// A command that was not taken.
pub(crate) fn command_error(error: CommandError) -> PyErr {
    match error {
        CommandError::Overloaded => Overloaded::new_err(error.to_string()),
        CommandError::Stopped => Stopped::new_err(error.to_string()),
    }
}

/// An IP address, or `ValueError`.
pub(crate) fn parse_ip(text: &str) -> PyResult<IpAddr> {
    text.parse()
        .map_err(|_| PyValueError::new_err(format!("{text:?} is not an IP address")))
}

/// A source, or `ValueError`.
pub(crate) fn parse_source(name: &str) -> PyResult<Source> {
    Source::parse(name).ok_or_else(|| PyValueError::new_err(format!("{name:?} is not the name of a source")))
}
