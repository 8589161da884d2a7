//! Where Cortex is deployed decides what it may do: capabilities that a profile locks cannot be switched on by any
//! other key.

use serde::{Deserialize, Serialize};

/// Where Cortex is deployed: key `profile`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Places that the public may enter, in the European Union: nobody is recognised.
    #[default]
    EuPublic,
    /// Premises with known staff, in the European Union: those who were enrolled are recognised.
    EuPrivate,
    /// A laboratory with consent of everyone in the picture: everything.
    Research,
}

/// What a profile may lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capability {
    /// Faces are compared with a gallery.
    Recognition,
    /// Stored footage is searched for a person.
    RetrospectiveSearch,
    /// Approvers may see a picture that is not redacted.
    ClearPictures,
    /// Faces of people who are not enrolled are told apart over time.
    UnknownClusters,
}

/// Every profile.
pub const PROFILES: [Profile; 3] = [Profile::EuPublic, Profile::EuPrivate, Profile::Research];

/// Which profiles allow a capability; the others lock it.
pub const ALLOWED: [(Capability, &[Profile]); 4] = [
    (Capability::Recognition, &[Profile::EuPrivate, Profile::Research]),
    (Capability::RetrospectiveSearch, &[Profile::Research]),
    (Capability::ClearPictures, &[Profile::EuPrivate, Profile::Research]),
    (Capability::UnknownClusters, &[Profile::Research]),
];

impl Profile {
    /// The word for it in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EuPublic => "eu-public",
            Self::EuPrivate => "eu-private",
            Self::Research => "research",
        }
    }

    /// Whether a capability may be switched on.
    pub fn allows(self, capability: Capability) -> bool {
        capability.allowed_by().contains(&self)
    }

    /// What is wrong when `key` switches a capability on; nothing when this profile allows it.
    pub fn refusal(self, capability: Capability, key: &str) -> Option<String> {
        let allowed = capability.allowed_by().iter().map(|profile| format!("\"{}\"", profile.name()));
        (!self.allows(capability)).then(|| {
            format!(
                "`{key}` switches on {}, which profile \"{}\" locks; `profile` {} allows it",
                capability.noun(),
                self.name(),
                allowed.collect::<Vec<_>>().join(" or ")
            )
        })
    }
}

impl Capability {
    /// What people call it.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Recognition => "recognition of faces",
            Self::RetrospectiveSearch => "search of stored footage for a person",
            Self::ClearPictures => "clear pictures for approvers",
            Self::UnknownClusters => "telling unknown people apart",
        }
    }

    fn allowed_by(self) -> &'static [Profile] {
        ALLOWED.iter().find(|(capability, _)| *capability == self).map_or(&[], |(_, profiles)| profiles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_is_in_the_table_and_public_places_have_none() {
        use Capability::{ClearPictures, Recognition, RetrospectiveSearch, UnknownClusters};
        for capability in [Recognition, RetrospectiveSearch, ClearPictures, UnknownClusters] {
            assert!(!Profile::EuPublic.allows(capability));
            assert!(Profile::Research.allows(capability), "{capability:?} is missing in the table");
        }
        assert_eq!(Profile::default(), Profile::EuPublic);
    }

    #[test]
    fn a_refusal_says_which_profile_allows_it() {
        let refusal = Profile::EuPublic.refusal(Capability::Recognition, "recognizer.enabled").unwrap();
        assert!(refusal.starts_with("`recognizer.enabled`"));
        assert!(refusal.contains("\"eu-private\" or \"research\""), "{refusal}");
        assert_eq!(Profile::Research.refusal(Capability::Recognition, "recognizer.enabled"), None);
    }

    #[test]
    fn words_are_those_of_the_configuration() {
        for profile in PROFILES {
            assert_eq!(serde_json::to_value(profile).unwrap(), profile.name());
        }
    }
}
