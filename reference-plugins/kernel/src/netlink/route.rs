//! The rtnetlink socket that plugins hold: one per namespace.

use std::fmt;

use netlink_packet_core::{NetlinkDeserializable, NetlinkHeader};
use netlink_packet_route::RouteNetlinkMessage;

use super::error::Error;
use super::request::Request;
use super::socket::{Answer, Protocol, Socket};
use crate::netns::Netns;

/// An rtnetlink socket (rtnetlink(7)). It works on the namespace in which it was opened, wherever the thread goes.
pub struct Netlink {
    pub(super) socket: Socket,
}

/// How many requests go into one datagram, so that neither it nor its acknowledgements overflow a buffer.
const BATCH: usize = 128;

impl Netlink {
    /// Opens a socket in the namespace of the calling thread.
    pub fn open() -> Result<Self, Error> {
        Ok(Self {
            socket: Socket::open(Protocol::Route)?,
        })
    }

    /// Opens a socket in `netns`. The thread is back where it was when this returns.
    pub fn open_in(netns: &Netns) -> Result<Self, Error> {
        Ok(Self {
            socket: Socket::open_in(Protocol::Route, netns)?,
        })
    }

    /// Sends one request and waits for the kernel's acknowledgement.
    pub fn run(&self, request: Request) -> Result<(), Error> {
        self.run_with_answers(request).map(drop)
    }

    /// Sends all requests together and returns the first failure.
    ///
    /// The kernel goes on after a refused request: what follows it has been done nevertheless, where it could be.
    pub fn run_all(&self, requests: Vec<Request>) -> Result<(), Error> {
        self.run_each(&requests).into_iter().collect()
    }

    /// Sends all requests together and returns what became of each, in their order.
    pub fn run_each(&self, requests: &[Request]) -> Vec<Result<(), Error>> {
        let chunks = requests.chunks(BATCH);
        chunks
            .flat_map(|chunk| self.socket.exchange(chunk))
            .map(|result| result.map(drop))
            .collect()
    }

    /// Sends one request and returns the messages that came before its acknowledgement.
    pub(crate) fn run_with_answers(
        &self,
        request: Request,
    ) -> Result<Vec<RouteNetlinkMessage>, Error> {
        let operation = request.operation().to_owned();
        let mut results = self.socket.exchange(std::slice::from_ref(&request));
        let lost = || {
            Err(Error::AnswerLost {
                operation: operation.clone(),
            })
        };
        let answers = results.pop().unwrap_or_else(lost)?;
        answers
            .iter()
            .map(|answer| decode(answer, &operation))
            .collect()
    }

    /// Reads a whole table.
    pub(crate) fn dump(&self, request: &Request) -> Result<Vec<RouteNetlinkMessage>, Error> {
        let answers = self.socket.dump(request)?;
        answers
            .iter()
            .map(|answer| decode(answer, request.operation()))
            .collect()
    }
}

impl fmt::Debug for Netlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Netlink").finish_non_exhaustive()
    }
}

fn decode(answer: &Answer, operation: &str) -> Result<RouteNetlinkMessage, Error> {
    let mut header = NetlinkHeader::default();
    header.message_type = answer.kind;
    RouteNetlinkMessage::deserialize(&header, &answer.body).map_err(|error| Error::Malformed {
        operation: operation.to_owned(),
        detail: error.to_string(),
    })
}
