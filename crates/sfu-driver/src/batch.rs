//! Many runs by one system call: sendmmsg(2), with the segments of UDP GSO (udp(7)) and the local address of each.

#![allow(unsafe_code)] // No library offers it with what each message needs of its own.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use socket2::SockAddr;

use crate::addresses::{for_socket, ip_for_socket};
use crate::egress::{BATCH, Run};

/// Room for both control messages of a run, aligned as their headers are.
#[repr(C, align(8))]
#[derive(Clone, Copy)]
struct Controls([u8; 72]);

impl Controls {
    /// Writes a control message behind `used` bytes. Gives how many are used then.
    fn push<T>(&mut self, used: usize, level: libc::c_int, kind: libc::c_int, value: T) -> usize {
        let length = size_of::<T>() as libc::c_uint;
        // SAFETY: these only calculate.
        let (space, length) = unsafe { (libc::CMSG_SPACE(length) as usize, libc::CMSG_LEN(length)) };
        assert!(used + space <= self.0.len());
        // SAFETY: `used` is a sum of spaces, so the header is aligned; header and value are within the bounds asserted above.
        unsafe {
            let header = self.0.as_mut_ptr().add(used).cast::<libc::cmsghdr>();
            (*header).cmsg_len = length as _;
            (*header).cmsg_level = level;
            (*header).cmsg_type = kind;
            libc::CMSG_DATA(header).cast::<T>().write_unaligned(value);
        }
        used + space
    }

    /// Writes what belongs to a run. Gives how many bytes are used.
    fn of(&mut self, run: &Run, is_v6: bool) -> usize {
        let mut used = 0;
        if run.count > 1 {
            used = self.push(used, libc::SOL_UDP, libc::UDP_SEGMENT, run.segment as u16);
        }
        match run.source.map(|ip| ip_for_socket(ip, is_v6)) {
            Some(IpAddr::V4(ip)) => {
                let from = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr {
                        s_addr: u32::from_ne_bytes(ip.octets()),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                self.push(used, libc::IPPROTO_IP, libc::IP_PKTINFO, from)
            }
            Some(IpAddr::V6(ip)) => {
                let from = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: ip.octets() },
                    ipi6_ifindex: 0,
                };
                self.push(used, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, from)
            }
            None => used,
        }
    }
}

/// Sends the first [`BATCH`] of some runs, whose datagrams are in `bytes`. Gives how many the kernel took: it stops before the
/// first one that it refuses.
///
/// # Errors
/// It refuses the first.
pub(crate) fn send(socket: BorrowedFd<'_>, runs: &[Run], bytes: &[u8], is_v6: bool) -> io::Result<usize> {
    let runs = &runs[..runs.len().min(BATCH)];
    let names: [Option<SockAddr>; BATCH] =
        std::array::from_fn(|n| Some(SockAddr::from(for_socket(runs.get(n)?.destination, is_v6))));
    let mut controls = [Controls([0; 72]); BATCH];
    // SAFETY: zeros are values of these structures.
    let (mut parts, mut messages): ([libc::iovec; BATCH], [libc::mmsghdr; BATCH]) = unsafe { std::mem::zeroed() };
    for (n, (run, name)) in runs.iter().zip(names.iter().flatten()).enumerate() {
        let datagrams = &bytes[run.place.clone()];
        parts[n].iov_base = datagrams.as_ptr().cast_mut().cast();
        parts[n].iov_len = datagrams.len();
        let header = &mut messages[n].msg_hdr;
        header.msg_name = name.as_ptr().cast_mut().cast();
        header.msg_namelen = name.len();
        header.msg_iov = &raw mut parts[n];
        header.msg_iovlen = 1;
        let used = controls[n].of(run, is_v6);
        if used > 0 {
            header.msg_control = controls[n].0.as_mut_ptr().cast();
            header.msg_controllen = used as _;
        }
    }
    // SAFETY: the first `runs.len()` messages point to names, parts and controls above and to `bytes`, which all outlive the call;
    // the kernel writes to none but the messages.
    let sent = unsafe {
        libc::sendmmsg(
            socket.as_raw_fd(),
            messages.as_mut_ptr(),
            runs.len() as _,
            libc::MSG_DONTWAIT as _,
        )
    };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}
