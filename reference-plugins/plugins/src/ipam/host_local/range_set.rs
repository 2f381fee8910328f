//! Sets of ranges: an attachment gets one address from each set.
//!
//! What may be given out, and in which order; who has an address already is [`super::store`]'s.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use cni_protocol::{Element, JsonError, NetworkConfig, Object};

use super::range::{Range, next};

/// All sets of a configuration, none of which overlap; never empty.
#[derive(Debug, Clone)]
pub(super) struct RangeSets(Vec<RangeSet>);

/// Ranges of one family that don't overlap, with at least one address to give out.
#[derive(Debug, Clone)]
pub(super) struct RangeSet {
    path: String,
    ranges: Vec<Range>,
    /// Addresses within the bounds that are never given out, and why.
    withheld: BTreeMap<IpAddr, &'static str>,
}

impl RangeSets {
    /// Reads `runtimeConfig.ipRanges`, the old `ipam.subnet`, and `ipam.ranges`, in this order: the position is
    /// the number in the name of `last_reserved_ip.N`.
    ///
    /// # Errors
    /// When there is no range, one is wrong, ranges overlap, a set mixes families or has nothing to give out.
    pub(super) fn read(config: &NetworkConfig, ipam: &Object<'_>) -> Result<Self, JsonError> {
        let mut sets = Vec::new();
        if let Some(runtime) = config.runtime_config()? {
            read_sets(&runtime.array("ipRanges")?, &mut sets)?;
        }
        if ipam.non_empty_string("subnet")?.is_some() {
            let path = ipam.path_of("subnet");
            sets.push(RangeSet::new(path, vec![Range::from_object(ipam)?]));
        }
        read_sets(&ipam.array("ranges")?, &mut sets)?;
        if sets.is_empty() {
            return Err(ipam.missing(
                "ranges",
                "a list of range sets, as in [[{\"subnet\": \"10.1.2.0/24\"}]]",
            ));
        }
        check_overlaps(&sets)?;
        withhold(&mut sets)?;
        Ok(Self(sets))
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, RangeSet> {
        self.0.iter()
    }

    /// Whether one of the sets has this address within its bounds.
    pub(super) fn contain(&self, address: IpAddr) -> bool {
        self.iter().any(|set| set.range_of(address).is_some())
    }
}

impl RangeSet {
    const fn new(path: String, ranges: Vec<Range>) -> Self {
        Self {
            path,
            ranges,
            withheld: BTreeMap::new(),
        }
    }

    /// Where the set stands in the configuration, for example `ipam.ranges[0]`.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn is_ipv4(&self) -> bool {
        self.ranges.iter().all(Range::is_ipv4)
    }

    /// The range that has this address within its bounds.
    pub(super) fn range_of(&self, address: IpAddr) -> Option<&Range> {
        self.ranges.iter().find(|range| range.contains(address))
    }

    /// Why an address within the bounds is never given out, for example `gateway`.
    pub(super) fn withheld(&self, address: IpAddr) -> Option<&'static str> {
        self.withheld.get(&address).copied()
    }

    /// How many addresses can be given out.
    pub(super) fn capacity(&self) -> u128 {
        let within: u128 = self
            .ranges
            .iter()
            .fold(0, |sum: u128, range| sum.saturating_add(range.len()));
        within.saturating_sub(self.withheld.len() as u128)
    }

    /// What can be given out, each address once, beginning behind `last` so that an address rests as long as possible.
    pub(super) fn addresses_after(&self, last: Option<IpAddr>) -> impl Iterator<Item = IpAddr> {
        let position = last.and_then(|last| {
            let index = self.ranges.iter().position(|range| range.contains(last))?;
            Some((index, last))
        });
        let index = position.map_or(0, |(index, _)| index);
        let (before, rest) = self.ranges.split_at(index);
        let (current, behind) = match (position, rest.split_first()) {
            (Some((_, last)), Some((range, behind))) => (Some((range, last)), behind),
            _ => (None, rest),
        };
        let following =
            current.and_then(|(range, last)| Some(range.addresses(Some(next(last)?), None)));
        let up_to = current.map(|(range, last)| range.addresses(None, Some(last)));
        let whole = behind.iter().chain(before);
        following
            .into_iter()
            .flatten()
            .chain(whole.flat_map(|range| range.addresses(None, None)))
            .chain(up_to.into_iter().flatten())
            .filter(|address| !self.withheld.contains_key(address))
    }
}

impl fmt::Display for RangeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges: Vec<String> = self.ranges.iter().map(ToString::to_string).collect();
        formatter.write_str(&ranges.join(","))
    }
}

fn read_sets(entries: &[Element<'_>], sets: &mut Vec<RangeSet>) -> Result<(), JsonError> {
    for entry in entries {
        let ranges: Vec<Range> = entry
            .array()?
            .iter()
            .map(|range| Range::from_object(&range.object()?))
            .collect::<Result<_, _>>()?;
        let Some(first) = ranges.first() else {
            return Err(entry.invalid("is empty; a set has one range or more"));
        };
        if let Some(other) = ranges
            .iter()
            .find(|range| range.is_ipv4() != first.is_ipv4())
        {
            let reason = format!(
                "mixes IPv4 and IPv6 ({first} and {other}); a set gives one address: make two sets"
            );
            return Err(entry.invalid(reason));
        }
        sets.push(RangeSet::new(entry.path().to_owned(), ranges));
    }
    Ok(())
}

fn check_overlaps(sets: &[RangeSet]) -> Result<(), JsonError> {
    let ranges: Vec<&Range> = sets.iter().flat_map(|set| &set.ranges).collect();
    for (index, range) in ranges.iter().enumerate() {
        if let Some(other) = ranges[..index].iter().find(|other| other.overlaps(range)) {
            return Err(JsonError::Invalid {
                path: range.path().to_owned(),
                value: range.to_string(),
                reason: format!("overlaps with {} ({other})", other.path()),
            });
        }
    }
    Ok(())
}

/// A gateway is withheld in every set: two ranges of one subnet may each hold the other's.
fn withhold(sets: &mut [RangeSet]) -> Result<(), JsonError> {
    let ranges = || sets.iter().flat_map(|set| &set.ranges);
    let mut all: BTreeMap<IpAddr, &'static str> =
        ranges().flat_map(Range::reserved_by_protocol).collect();
    all.extend(ranges().filter_map(|range| Some((range.gateway()?, "gateway"))));
    for set in sets {
        let within = all
            .iter()
            .filter(|&(&address, _)| set.range_of(address).is_some());
        set.withheld = within.map(|(&address, &why)| (address, why)).collect();
        if set.capacity() == 0 {
            let why: Vec<String> = set
                .withheld
                .iter()
                .map(|(address, why)| format!("{address} is the {why}"))
                .collect();
            return Err(JsonError::Invalid {
                path: set.path.clone(),
                value: set.to_string(),
                reason: format!(
                    "is too small, there is no address to give out: {}",
                    why.join(", ")
                ),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
