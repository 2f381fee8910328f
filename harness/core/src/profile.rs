//! What a plugin under test is and needs. Built in for the plugins we know, ten lines of TOML for any other.
//!
//! ```toml
//! plugin = "mybridge"                  # file name it goes with; default: the profile's name
//! kind = "interface"                   # interface, chained, ipam or loopback
//! features = ["addresses", "routes", "delegates", "host-interface", "checks-state"]
//! delegates = ["host-local"]           # plugins that have to stand in CNI_PATH; ours where there are none beside it
//! state = ["/var/lib/mybridge"]        # where it writes, beyond /run, /tmp, /var/lib/cni and /etc/cni
//! kernel = ["link veth"]               # what it needs of the kernel
//!
//! [config]                             # the network configuration, without cniVersion and name
//! type = "mybridge"
//! ipam = { type = "host-local", subnet = "10.1.0.0/16" }
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::check::Feature;

/// What a plugin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Creates an interface in the container.
    Interface,
    /// Changes what an earlier plugin of the list made.
    Chained,
    /// Allocates addresses on behalf of another plugin.
    Ipam,
    /// Brings up the loopback device.
    Loopback,
}

/// A plugin's declaration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Profile {
    /// Name of the profile; for a file its stem.
    #[serde(default)]
    pub name: String,
    /// File name of the plugin it goes with; the profile's name when absent.
    #[serde(default)]
    pub plugin: String,
    /// What the plugin is.
    pub kind: Kind,
    /// What it does, beyond what its kind gives.
    #[serde(default)]
    pub features: BTreeSet<Feature>,
    /// Plugins that it delegates to, by name.
    #[serde(default)]
    pub delegates: Vec<String>,
    /// Directories it writes to, beyond the usual ones.
    #[serde(default)]
    pub state: Vec<PathBuf>,
    /// What it needs of the kernel: names of probes, such as `link veth`.
    #[serde(default)]
    pub kernel: Vec<String>,
    /// The network configuration, without cniVersion and name.
    pub config: Map<String, Value>,
}

/// A profile or configuration that can't be used.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// The file can't be read.
    #[error("read {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no profile.
    #[error("profile {origin} is not usable")]
    Parse {
        /// Which profile.
        origin: String,
        /// Line, column and key.
        source: toml::de::Error,
    },
    /// There is no built-in profile of that name and no such file.
    #[error(
        "there is no profile {name}; built in are {known}; write one as docs/profiles.md shows, or give --config FILE"
    )]
    Unknown {
        /// What was asked for.
        name: String,
        /// The built-in ones.
        known: String,
    },
    /// The network configuration is no JSON object.
    #[error("network configuration {origin}: {reason}")]
    Config {
        /// Which file.
        origin: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
}

/// Profiles that are built in, by name.
const BUILT_IN: [(&str, &str); 8] = [
    ("bridge", include_str!("../profiles/bridge.toml")),
    ("host-local", include_str!("../profiles/host-local.toml")),
    ("loopback", include_str!("../profiles/loopback.toml")),
    ("static", include_str!("../profiles/static.toml")),
    ("toy-chained", include_str!("../profiles/toy-chained.toml")),
    (
        "toy-interface",
        include_str!("../profiles/toy-interface.toml"),
    ),
    ("toy-ipam", include_str!("../profiles/toy-ipam.toml")),
    (
        "toy-loopback",
        include_str!("../profiles/toy-loopback.toml"),
    ),
];

impl Profile {
    /// Returns the names of the built-in profiles, the harness's own toys left out.
    pub fn built_in_names() -> impl Iterator<Item = &'static str> {
        BUILT_IN
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !name.starts_with("toy-"))
    }

    /// Returns a built-in profile by name, or the one in the file of that path.
    ///
    /// # Errors
    /// Fails when there is neither, or when it is no profile.
    pub fn load(name_or_path: &str) -> Result<Self, ProfileError> {
        if let Some((name, text)) = BUILT_IN.iter().find(|(name, _)| *name == name_or_path) {
            return Self::parse(name, text);
        }
        let path = Path::new(name_or_path);
        if !path.exists() {
            return Err(ProfileError::Unknown {
                name: name_or_path.to_owned(),
                known: Self::built_in_names().collect::<Vec<_>>().join(", "),
            });
        }
        let text = fs::read_to_string(path).map_err(|source| ProfileError::Read {
            path: path.to_owned(),
            source,
        })?;
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned())
            .unwrap_or_default();
        let mut profile = Self::parse(&path.display().to_string(), &text)?;
        profile.name = stem;
        if profile.plugin == path.display().to_string() {
            profile.plugin.clone_from(&profile.name);
        }
        Ok(profile)
    }

    /// Returns a profile for a plugin that has none, from a network configuration alone: an interface plugin when
    /// the configuration delegates or names no earlier result, with the features that the configuration shows.
    ///
    /// # Errors
    /// Fails when the file can't be read, is empty, no JSON object, or lacks `type`.
    pub fn from_config(path: &Path, kind: Kind) -> Result<Self, ProfileError> {
        let config = read_config(path)?;
        let ipam = config
            .get("ipam")
            .and_then(|ipam| ipam.get("type"))
            .and_then(Value::as_str);
        let mut features = BTreeSet::new();
        if let Some(_delegate) = ipam {
            features.extend([Feature::Delegates, Feature::Addresses]);
        }
        Ok(Self {
            name: path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default(),
            plugin: config
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            kind,
            features,
            delegates: ipam.map(str::to_owned).into_iter().collect(),
            state: Vec::new(),
            kernel: Vec::new(),
            config,
        })
    }

    /// Replaces the profile's network configuration by the one in a file.
    ///
    /// # Errors
    /// As [`Profile::from_config`].
    pub fn with_config(mut self, path: &Path) -> Result<Self, ProfileError> {
        self.config = read_config(path)?;
        Ok(self)
    }

    /// Tells whether the plugin has a feature, by its kind or by declaration.
    #[must_use]
    pub fn has(&self, feature: Feature) -> bool {
        let given: &[Feature] = match self.kind {
            Kind::Interface => &[
                Feature::CreatesInterface,
                Feature::EntersContainer,
                Feature::HostState,
            ],
            Kind::Chained => &[
                Feature::Chained,
                Feature::EntersContainer,
                Feature::HostState,
            ],
            Kind::Ipam => &[Feature::Ipam, Feature::Addresses, Feature::HostState],
            Kind::Loopback => &[Feature::Loopback, Feature::EntersContainer],
        };
        let by_configuration = feature == Feature::Capabilities
            && self
                .config
                .get("capabilities")
                .and_then(Value::as_object)
                .is_some_and(|capabilities| !capabilities.is_empty());
        match feature {
            Feature::WorksAlone => !self.features.contains(&Feature::Delegates),
            Feature::Configurable => self.own_keys().next().is_some(),
            _ => given.contains(&feature) || self.features.contains(&feature) || by_configuration,
        }
    }

    /// Returns the keys of the configuration that the plugin itself defines: those of `ipam` for an IPAM plugin,
    /// the others' without what the specification defines for all.
    pub(crate) fn own_keys(&self) -> impl Iterator<Item = (&str, &Value)> {
        let common = ["type", "args", "capabilities", "dns", "runtimeConfig"];
        let section = match self.kind {
            Kind::Ipam => self.config.get("ipam").and_then(Value::as_object),
            Kind::Interface | Kind::Chained | Kind::Loopback => Some(&self.config),
        };
        section
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), value))
            .filter(move |(key, _)| !common.contains(key) && !key.contains('/'))
    }

    /// Returns the profile of a probe, which calls no plugin.
    pub(crate) fn nothing() -> Self {
        Self {
            name: String::new(),
            plugin: String::new(),
            kind: Kind::Loopback,
            features: BTreeSet::new(),
            delegates: Vec::new(),
            state: Vec::new(),
            kernel: Vec::new(),
            config: Map::new(),
        }
    }

    fn parse(origin: &str, text: &str) -> Result<Self, ProfileError> {
        let mut profile: Self = toml::from_str(text).map_err(|source| ProfileError::Parse {
            origin: origin.to_owned(),
            source,
        })?;
        if profile.name.is_empty() {
            origin.clone_into(&mut profile.name);
        }
        if profile.plugin.is_empty() {
            profile.plugin.clone_from(&profile.name);
        }
        Ok(profile)
    }
}

/// Reads a single network configuration; the harness sets cniVersion and name itself.
fn read_config(path: &Path) -> Result<Map<String, Value>, ProfileError> {
    let wrong = |reason: String| ProfileError::Config {
        origin: path.display().to_string(),
        reason,
    };
    let bytes = fs::read(path).map_err(|source| ProfileError::Read {
        path: path.to_owned(),
        source,
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        wrong(format!(
            "byte {} is not UTF-8",
            error.utf8_error().valid_up_to()
        ))
    })?;
    if text.trim().is_empty() {
        return Err(wrong("the file is empty".to_owned()));
    }
    let value: Value =
        serde_json::from_str(&text).map_err(|error| wrong(format!("it is no JSON: {error}")))?;
    let Value::Object(mut config) = value else {
        return Err(wrong("it is JSON but no object".to_owned()));
    };
    if config.contains_key("plugins") {
        return Err(wrong(
            "it is a list; give one plugin's own configuration, an entry of `plugins`".to_owned(),
        ));
    }
    for key in ["name", "type"] {
        if config
            .get(key)
            .and_then(Value::as_str)
            .is_none_or(str::is_empty)
        {
            return Err(wrong(format!("it lacks the key `{key}`, a string")));
        }
    }
    for key in ["cniVersion", "name", "prevResult", "runtimeConfig"] {
        config.remove(key);
    }
    Ok(config)
}
