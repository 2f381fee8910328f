//! The transport under rtnetlink and nfnetlink: framing, sequence numbers, acknowledgements, extended ACK.
//!
//! Traps that it takes care of: EINTR; ENOBUFS (answers lost); dumps that the kernel marks as inconsistent; truncated
//! reads; notifications between the answers; several answers in one datagram.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use netlink_packet_core::{self as c, NlasIterator};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};

use super::error::Error;
use super::request::{HEADER_LENGTH, Request};
use crate::netns::Netns;

/// The netlink protocols that plugins speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// NETLINK_ROUTE.
    Route,
    /// NETLINK_NETFILTER.
    Netfilter,
}

/// One message from the kernel that is not an acknowledgement: its type and its body.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) kind: u16,
    pub(crate) body: Vec<u8>,
}

/// The kernel's refusal of one request of several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) sequence: u32,
    pub(crate) errno: Errno,
    pub(crate) explanation: Option<String>,
}

/// A bound netlink socket. It stays in the namespace in which it was opened.
pub(crate) struct Socket {
    inner: netlink_sys::Socket,
    sequence: Cell<u32>,
    /// Whether a notification was passed over while an answer was awaited.
    notified: Cell<bool>,
    buffer: RefCell<Vec<u8>>,
}

/// Larger than any datagram of the kernel (32 KiB, or one page for events), so nothing is cut off.
const RECEIVE_LENGTH: usize = 64 * 1024;
/// Room for the acknowledgements of a large batch; the default overflows at about 280.
const KERNEL_BUFFER: usize = 1024 * 1024;
/// rtnetlink answers within the send call; only a kernel that lost its mind lets us wait longer.
const PATIENCE: i64 = 30;
const DUMP_ATTEMPTS: u32 = 10;

impl Socket {
    pub(crate) fn open(protocol: Protocol) -> Result<Self, Error> {
        let open = |error: std::io::Error| Error::Open {
            errno: Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)),
        };
        let number = match protocol {
            Protocol::Route => libc::NETLINK_ROUTE,
            Protocol::Netfilter => libc::NETLINK_NETFILTER,
        };
        let mut inner =
            netlink_sys::Socket::new(isize::try_from(number).unwrap_or_default()).map_err(open)?;
        inner.bind_auto().map_err(open)?;
        inner.set_ext_ack(true).map_err(open)?;
        inner.set_cap_ack(true).map_err(open)?;
        // Without it a filter in a dump request is ignored. Linux before 4.20 does not know it; then callers filter anyway.
        if protocol == Protocol::Route {
            let _strict = inner.set_netlink_get_strict_chk(true);
        }
        set_buffers(&inner);
        setsockopt(&inner, sockopt::ReceiveTimeout, &TimeVal::seconds(PATIENCE))
            .map_err(|errno| Error::Open { errno })?;
        Ok(Self {
            inner,
            sequence: Cell::new(1),
            notified: Cell::new(false),
            buffer: RefCell::new(vec![0; RECEIVE_LENGTH]),
        })
    }

    pub(crate) fn open_in(protocol: Protocol, netns: &Netns) -> Result<Self, Error> {
        netns
            .run_in(|| Self::open(protocol))
            .map_err(|source| Error::Namespace {
                path: netns.path().to_owned(),
                source,
            })?
    }

    /// Sends all requests in one datagram and collects an acknowledgement and the answers for each, in their order.
    pub(crate) fn exchange(&self, requests: &[Request]) -> Vec<Result<Vec<Answer>, Error>> {
        let first = self.take_sequences(requests.len());
        let mut datagram = Vec::new();
        for (request, sequence) in requests.iter().zip(first..) {
            request.append_to(&mut datagram, sequence, c::NLM_F_ACK);
        }
        let mut results: Vec<Option<Result<Vec<Answer>, Error>>> = vec![None; requests.len()];
        let mut answers: Vec<Vec<Answer>> = vec![Vec::new(); requests.len()];
        let mut failure = self.send(&datagram).err();
        while failure.is_none() && results.iter().any(Option::is_none) {
            let received = self.receive(MsgFlags::empty(), |message| {
                let Some(index) = index_of(message.sequence, first, requests.len()) else {
                    self.notified.set(true);
                    return;
                };
                match message.outcome() {
                    Outcome::Answer => answers[index].push(message.answer()),
                    Outcome::Done(None) => {
                        results[index] = Some(Ok(std::mem::take(&mut answers[index])));
                    }
                    Outcome::Done(Some((errno, explanation))) => {
                        let operation = requests[index].operation().to_owned();
                        results[index] = Some(Err(Error::Refused {
                            operation,
                            errno,
                            explanation,
                        }));
                    }
                }
            });
            failure = received.err();
        }
        let missing = |request: &Request| {
            let operation = request.operation().to_owned();
            match failure {
                Some(Errno::ENOBUFS) | None => Error::AnswerLost { operation },
                Some(errno) => Error::Transport { operation, errno },
            }
        };
        let finished = results.into_iter().zip(requests);
        finished
            .map(|(result, request)| result.unwrap_or_else(|| Err(missing(request))))
            .collect()
    }

    /// Reads a whole table. The kernel marks a dump during which the table changed: such a dump is read again.
    pub(crate) fn dump(&self, request: &Request) -> Result<Vec<Answer>, Error> {
        let operation = || request.operation().to_owned();
        debug_assert!(
            request.is_dump(),
            "invariant: the builder of a dump sets NLM_F_DUMP"
        );
        for _ in 0..DUMP_ATTEMPTS {
            if let Some(answers) = self.dump_once(request)? {
                return Ok(answers);
            }
        }
        Err(Error::Unstable {
            operation: operation(),
            attempts: DUMP_ATTEMPTS,
        })
    }

    /// Sends prepared messages without asking for acknowledgements, and returns what the kernel said about them until now.
    ///
    /// For nfnetlink, which handles the whole batch within the send call. `Err(ENOBUFS)` means: unknown.
    pub(crate) fn send_and_drain(
        &self,
        datagram: &[u8],
    ) -> Result<(Vec<Answer>, Vec<Refusal>), Errno> {
        self.send(datagram)?;
        let mut answers = Vec::new();
        let mut refusals = Vec::new();
        loop {
            let received =
                self.receive(MsgFlags::MSG_DONTWAIT, |message| match message.outcome() {
                    Outcome::Answer => answers.push(message.answer()),
                    Outcome::Done(None) => {}
                    Outcome::Done(Some((errno, explanation))) => {
                        refusals.push(Refusal {
                            sequence: message.sequence,
                            errno,
                            explanation,
                        });
                    }
                });
            match received {
                Ok(()) => {}
                Err(Errno::EAGAIN) => return Ok((answers, refusals)),
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Reserves sequence numbers that follow each other, and returns the first.
    pub(crate) fn take_sequences(&self, count: usize) -> u32 {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let first = self.sequence.get();
        // 0 is the sequence number of notifications.
        let (first, next) = match first.checked_add(count) {
            Some(next) => (first, next),
            None => (1, 1 + count),
        };
        self.sequence.set(next);
        first
    }

    pub(crate) fn join(&self, group: u32) -> Result<(), Errno> {
        self.inner
            .add_membership(group)
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))
    }

    pub(crate) fn leave(&self, group: u32) {
        // It cannot fail for a group that was joined, and a left-over membership only wakes this socket up.
        let _left = self.inner.drop_membership(group);
    }

    /// Whether a notification came in since the last call, without waiting.
    pub(crate) fn take_notified(&self) -> bool {
        self.notified.replace(false)
    }

    /// Waits for one datagram of notifications, at most for `limit`. Says whether one came.
    pub(crate) fn wait_for_notification(&self, limit: Duration) -> Result<bool, Errno> {
        let mut descriptors = [PollFd::new(self.inner.as_fd(), PollFlags::POLLIN)];
        let milliseconds = u16::try_from(limit.as_millis().max(1)).unwrap_or(u16::MAX);
        match poll(&mut descriptors, PollTimeout::from(milliseconds)) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(true),
            Err(errno) => return Err(errno),
        }
        match self.receive(MsgFlags::MSG_DONTWAIT, |_| {}) {
            // ENOBUFS: events were lost, so something happened.
            Ok(()) | Err(Errno::ENOBUFS) => Ok(true),
            Err(Errno::EAGAIN) => Ok(false),
            Err(errno) => Err(errno),
        }
    }

    fn dump_once(&self, request: &Request) -> Result<Option<Vec<Answer>>, Error> {
        let operation = || request.operation().to_owned();
        let sequence = self.take_sequences(1);
        let mut datagram = Vec::new();
        request.append_to(&mut datagram, sequence, 0);
        self.send(&datagram).map_err(|errno| Error::Transport {
            operation: operation(),
            errno,
        })?;
        let mut answers = Vec::new();
        let mut consistent = true;
        let mut end = None;
        while end.is_none() {
            let received = self.receive(MsgFlags::empty(), |message| {
                if message.sequence != sequence {
                    self.notified.set(true);
                    return;
                }
                consistent &= message.flags & c::NLM_F_DUMP_INTR == 0;
                match message.outcome() {
                    Outcome::Answer => answers.push(message.answer()),
                    Outcome::Done(refusal) => end = Some(refusal),
                }
            });
            match received {
                Ok(()) => {}
                Err(Errno::ENOBUFS) => consistent = false,
                Err(errno) => {
                    return Err(Error::Transport {
                        operation: operation(),
                        errno,
                    });
                }
            }
        }
        match end.flatten() {
            Some((Errno::EINTR | Errno::EAGAIN, _)) => Ok(None),
            Some((errno, explanation)) => Err(Error::Refused {
                operation: operation(),
                errno,
                explanation,
            }),
            None => Ok(consistent.then_some(answers)),
        }
    }

    fn send(&self, datagram: &[u8]) -> Result<(), Errno> {
        loop {
            match nix::sys::socket::send(self.inner.as_raw_fd(), datagram, MsgFlags::empty()) {
                Ok(_) => return Ok(()),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno),
            }
        }
    }

    /// Reads one datagram and hands each of its messages to `each`.
    fn receive(&self, flags: MsgFlags, mut each: impl FnMut(Message<'_>)) -> Result<(), Errno> {
        let mut buffer = self.buffer.borrow_mut();
        let length = loop {
            match recv(
                self.inner.as_raw_fd(),
                &mut buffer,
                flags | MsgFlags::MSG_TRUNC,
            ) {
                Err(Errno::EINTR) => {}
                other => break other?,
            }
        };
        // With MSG_TRUNC the real length is told. The rest is gone: as bad as a lost answer.
        let mut rest = buffer.get(..length).ok_or(Errno::ENOBUFS)?;
        while let Some((message, following)) = Message::split(rest) {
            each(message);
            rest = following;
        }
        Ok(())
    }
}

/// One message of a received datagram.
struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    body: &'a [u8],
}

enum Outcome {
    /// Data; more follows.
    Answer,
    /// The end of the answers: without or with a refusal.
    Done(Option<(Errno, Option<String>)>),
}

impl<'a> Message<'a> {
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let length = usize::try_from(read_u32(bytes, 0)?).ok()?;
        let body = bytes.get(HEADER_LENGTH..length)?;
        let message = Self {
            kind: read_u16(bytes, 4)?,
            flags: read_u16(bytes, 6)?,
            sequence: read_u32(bytes, 8)?,
            body,
        };
        let following = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((message, following))
    }

    fn answer(&self) -> Answer {
        Answer {
            kind: self.kind,
            body: self.body.to_vec(),
        }
    }

    fn outcome(&self) -> Outcome {
        let is_error = i32::from(self.kind) == libc::NLMSG_ERROR;
        if !is_error && i32::from(self.kind) != libc::NLMSG_DONE {
            return Outcome::Answer;
        }
        // A zero-length NLMSG_DONE is legal, and means no error.
        let code = read_u32(self.body, 0).map_or(0, u32::cast_signed);
        if code == 0 {
            return Outcome::Done(None);
        }
        let attributes = if self.flags & c::NLM_F_ACK_TLVS == 0 {
            None
        } else {
            self.acknowledgement_attributes(is_error)
        };
        let explanation = attributes.and_then(explanation_in);
        Outcome::Done(Some((Errno::from_raw(code.wrapping_neg()), explanation)))
    }

    /// The attributes after `struct nlmsgerr`, which holds the whole request unless the kernel capped it.
    fn acknowledgement_attributes(&self, is_error: bool) -> Option<&'a [u8]> {
        const CODE: usize = 4;
        if !is_error {
            return self.body.get(CODE..);
        }
        let request = if self.flags & c::NLM_F_CAPPED == 0 {
            usize::try_from(read_u32(self.body, CODE)?)
                .ok()?
                .next_multiple_of(4)
        } else {
            HEADER_LENGTH
        };
        self.body.get(CODE + request..)
    }
}

/// `NLMSGERR_ATTR_MSG`, and the name of what is missing where only `NLMSGERR_ATTR_MISS_TYPE` is told.
fn explanation_in(attributes: &[u8]) -> Option<String> {
    const MESSAGE: u16 = 1;
    const MISSING_TYPE: u16 = 5;
    let mut missing = None;
    for attribute in NlasIterator::new(attributes).map_while(Result::ok) {
        match attribute.kind() {
            MESSAGE => {
                let text = attribute.value();
                let text = text.strip_suffix(&[0]).unwrap_or(text);
                return Some(String::from_utf8_lossy(text).into_owned());
            }
            MISSING_TYPE => missing = read_u32(attribute.value(), 0),
            _ => {}
        }
    }
    missing.map(|number| format!("attribute {number} is missing"))
}

fn index_of(sequence: u32, first: u32, count: usize) -> Option<usize> {
    let index = usize::try_from(sequence.checked_sub(first)?).ok()?;
    (index < count).then_some(index)
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn read_u16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// The FORCE variants pass the sysctl limits but need CAP_NET_ADMIN; without it a smaller buffer has to do.
fn set_buffers(socket: &netlink_sys::Socket) {
    if setsockopt(socket, sockopt::RcvBufForce, &KERNEL_BUFFER).is_err() {
        let _smaller = setsockopt(socket, sockopt::RcvBuf, &KERNEL_BUFFER);
    }
    if setsockopt(socket, sockopt::SndBufForce, &KERNEL_BUFFER).is_err() {
        let _smaller = setsockopt(socket, sockopt::SndBuf, &KERNEL_BUFFER);
    }
}
