//! The nfnetlink socket: commits transactions, lists rules, asks what is there.

use std::fmt;

use netlink_packet_netfilter::nftables::{ChainMessage, NfTablesMessage, RuleMessage};
use nix::errno::Errno;

use super::listing::ListedRule;
use super::object::{ChainRef, Family};
use super::transaction::{Transaction, chain_attributes, request, rule_attributes};
use crate::netlink::{Error, Flags, Protocol, Request, Socket};
use crate::netns::Netns;

/// A socket for nftables. It works on the namespace in which it was opened.
///
/// Closing it after something was deleted waits for an RCU grace period: do everything of an operation through one.
pub struct Nft {
    socket: Socket,
}

const SUBSYSTEM: u8 = 10;
const NEW_RULE: u16 = 0x0a06;

impl Nft {
    /// Opens a socket in the namespace of the calling thread.
    pub fn open() -> Result<Self, Error> {
        Ok(Self {
            socket: Socket::open(Protocol::Netfilter)?,
        })
    }

    /// Opens a socket in `netns`.
    pub fn open_in(netns: &Netns) -> Result<Self, Error> {
        Ok(Self {
            socket: Socket::open_in(Protocol::Netfilter, netns)?,
        })
    }

    /// Opens a socket if the kernel has nftables at all: none means that there can be no rules.
    pub fn open_if_supported() -> Result<Option<Self>, Error> {
        let nft = match Self::open() {
            Ok(nft) => nft,
            Err(Error::Open {
                errno: Errno::EPROTONOSUPPORT,
            }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let message = NfTablesMessage::Other {
            message_type: 16,
            attributes: Vec::new(),
        };
        let get_generation = request(
            "ask for the nftables generation".to_owned(),
            Family::Inet,
            Flags::NONE,
            message,
        );
        match nft.ask(&get_generation) {
            Ok(()) => Ok(Some(nft)),
            // What nfnetlink says for a subsystem that is not there.
            Err(error) if error.errno() == Some(Errno::EINVAL) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Commits the transaction whole or not at all, and returns the handles of the rules that it added, in their order.
    ///
    /// The error is that of the first refused change: [`Error::is_absent`] for a missing table, chain or rule.
    pub fn commit(&self, transaction: &Transaction) -> Result<Vec<u64>, Error> {
        let requests = &transaction.requests;
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let first = self.socket.take_sequences(requests.len() + 2);
        let mut sequences = first..;
        let mut datagram = Vec::new();
        for request in std::iter::once(&batch_boundary(libc::NFNL_MSG_BATCH_BEGIN))
            .chain(requests)
            .chain(std::iter::once(&batch_boundary(libc::NFNL_MSG_BATCH_END)))
        {
            request.append_to(&mut datagram, sequences.next().unwrap_or_default(), 0);
        }
        // Done when the send call returns, so what the kernel has to say is there.
        let outcome = self.socket.send_and_drain(&datagram);
        let (answers, refusals) = outcome.map_err(|errno| {
            let operation = requests[0].operation().to_owned();
            match errno {
                Errno::ENOBUFS => Error::AnswerLost { operation },
                errno => Error::Transport { operation, errno },
            }
        })?;
        if let Some(refusal) = refusals.into_iter().min_by_key(|refusal| refusal.sequence) {
            // The boundary messages have no request: EPERM comes for the first.
            let index =
                usize::try_from(refusal.sequence.saturating_sub(first + 1)).unwrap_or_default();
            let operation = requests[index.min(requests.len() - 1)]
                .operation()
                .to_owned();
            return Err(Error::Refused {
                operation,
                errno: refusal.errno,
                explanation: refusal.explanation,
            });
        }
        let rules = answers.iter().filter(|answer| answer.kind == NEW_RULE);
        Ok(rules
            .filter_map(|answer| ListedRule::parse(&answer.body))
            .map(|rule| rule.handle)
            .collect())
    }

    /// The rules of a chain in their order; no rules when the chain does not exist.
    pub fn rules(&self, chain: ChainRef<'_>) -> Result<Vec<ListedRule>, Error> {
        let message = NfTablesMessage::GetRule(RuleMessage {
            attributes: rule_attributes(chain),
        });
        let request = request(
            format!("list the rules of nftables chain {chain}"),
            chain.family,
            Flags::DUMP,
            message,
        );
        let answers = match self.socket.dump(&request) {
            Err(error) if error.is_absent() => return Ok(Vec::new()),
            other => other?,
        };
        let rules = answers.iter().filter(|answer| answer.kind == NEW_RULE);
        Ok(rules
            .filter_map(|answer| ListedRule::parse(&answer.body))
            .collect())
    }

    /// Whether a chain exists, at the price of one message.
    pub fn has_chain(&self, chain: ChainRef<'_>) -> Result<bool, Error> {
        let message = NfTablesMessage::GetChain(ChainMessage {
            attributes: chain_attributes(chain),
        });
        let request = request(
            format!("look for nftables chain {chain}"),
            chain.family,
            Flags::NONE,
            message,
        );
        match self.ask(&request) {
            Ok(()) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn ask(&self, request: &Request) -> Result<(), Error> {
        let results = self.socket.exchange(std::slice::from_ref(request));
        results.into_iter().try_for_each(|result| result.map(drop))
    }
}

impl fmt::Debug for Nft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nft").finish_non_exhaustive()
    }
}

/// `struct nfgenmsg` with the subsystem as its resource id.
fn batch_boundary(kind: i32) -> Request {
    let body = vec![0, 0, 0, SUBSYSTEM];
    Request::raw(
        "commit an nftables transaction",
        u16::try_from(kind).unwrap_or_default(),
        Flags::NONE,
        body,
    )
}
