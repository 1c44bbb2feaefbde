//! Threads, sockets and the clock around the SFU core.
