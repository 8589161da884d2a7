//! Roles, and which method each may call. Data: a method that is not in the table answers nobody.

use serde::{Deserialize, Serialize};

/// What somebody does here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks at cloaked pictures, alerts and the log.
    Viewer,
    /// Answers alerts.
    Operator,
    /// Looks back.
    Investigator,
    /// Adds people to the gallery.
    Enroller,
    /// Allows what needs a second person.
    Approver,
    /// Sees to everybody's rights.
    PrivacyOfficer,
    /// Runs the system: cameras, rules, accounts.
    Administrator,
}

/// Every role.
pub const ROLES: [Role; 7] = [
    Role::Viewer,
    Role::Operator,
    Role::Investigator,
    Role::Enroller,
    Role::Approver,
    Role::PrivacyOfficer,
    Role::Administrator,
];

impl Role {
    /// The word for it in requests and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Investigator => "investigator",
            Self::Enroller => "enroller",
            Self::Approver => "approver",
            Self::PrivacyOfficer => "privacy_officer",
            Self::Administrator => "administrator",
        }
    }
}

use Role::{Administrator, Approver, Enroller, Investigator, Operator, PrivacyOfficer, Viewer};

/// Who watches.
const WATCHERS: &[Role] = &[Viewer, Operator, Investigator, Administrator];
/// Who answers.
const ANSWERERS: &[Role] = &[Operator, Investigator, Administrator];
/// Who sets up.
const ADMINISTRATORS: &[Role] = &[Administrator];
/// Who says whether a match is one, and sees clear faces for it. Nobody else, whoever sets up included: they may issue an
/// approver's token, and the audit says so.
const APPROVERS: &[Role] = &[Approver];
/// Who may know who is in the gallery.
const PEOPLE: &[Role] = &[Investigator, Enroller, Approver, PrivacyOfficer, Administrator];

/// Every method of every service, as `Service/Method` of `cortex.v1`, and who may call it.
pub const METHODS: &[(&str, &[Role])] = &[
    ("AlertService/Subscribe", WATCHERS),
    ("AlertService/List", WATCHERS),
    ("AlertService/Acknowledge", ANSWERERS),
    ("AlertService/Comment", ANSWERERS),
    ("AlertService/Precision", WATCHERS),
    ("CameraService/List", WATCHERS),
    ("CameraService/WatchStatus", WATCHERS),
    ("CameraService/Upsert", ADMINISTRATORS),
    ("CameraService/Delete", ADMINISTRATORS),
    ("CameraService/Probe", ADMINISTRATORS),
    ("IdentityService/Enrol", &[Enroller, Administrator]),
    ("IdentityService/List", PEOPLE),
    ("IdentityService/Import", &[Enroller, Administrator]),
    ("IdentityService/Delete", &[Enroller, PrivacyOfficer, Administrator]),
    ("IdentityService/Name", SEE_NAMES),
    ("IdentityService/Merge", &[Enroller, Administrator]),
    ("IdentityService/Split", &[Enroller, Administrator]),
    ("IdentityService/Check", PEOPLE),
    ("IdentityService/Renew", &[Enroller, Administrator]),
    ("IdentityService/Sightings", &[Investigator, PrivacyOfficer, Administrator]),
    ("IdentityService/Strangers", &[Investigator, PrivacyOfficer, Administrator]),
    ("IdentityService/Ignore", &[Investigator, Administrator]),
    ("IdentityService/Assign", &[Enroller, Administrator]),
    ("WatchlistService/List", PEOPLE),
    ("WatchlistService/Upsert", &[PrivacyOfficer, Administrator]),
    ("WatchlistService/Delete", &[PrivacyOfficer, Administrator]),
    ("MatchService/List", &[Investigator, Approver, PrivacyOfficer, Administrator]),
    ("MatchService/Decide", APPROVERS),
    ("MatchService/Reveal", APPROVERS),
    ("LogService/Tail", WATCHERS),
    ("LogService/List", WATCHERS),
    ("LiveService/Watch", WATCHERS),
    ("LiveService/Still", WATCHERS),
    ("LiveService/Clip", WATCHERS),
    ("LiveService/ClipFile", WATCHERS),
    ("RuleService/List", WATCHERS),
    ("RuleService/Upsert", ADMINISTRATORS),
    ("RuleService/Delete", ADMINISTRATORS),
    ("CloakService/Redact", &ROLES),
    ("DebugService/Tap", ADMINISTRATORS),
    ("EmbedService/Embed", &[Enroller, Administrator]),
    ("ProbeService/Probe", ADMINISTRATORS),
    ("AccessService/Issue", ADMINISTRATORS),
    ("AccessService/Revoke", ADMINISTRATORS),
];

/// What a path needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// One of these roles.
    Roles(&'static [Role]),
    /// Any credential.
    Credential,
    /// It is not in the table: nobody.
    Nobody,
}

/// Prefix of our methods' paths.
const PACKAGE: &str = "cortex.v1.";

/// What a request's path needs.
pub(super) fn needs(path: &str) -> Needs {
    match path.strip_prefix('/').and_then(|path| path.strip_prefix(PACKAGE)) {
        Some(method) => {
            let found = METHODS.iter().find(|(name, _)| *name == method);
            found.map_or(Needs::Nobody, |(_, roles)| Needs::Roles(roles))
        }
        // However it is spelt (`//cortex.v1.`, `%2F`), a path that speaks of our methods is one of the table or none.
        None if path.contains("cortex.v1") => Needs::Nobody,
        None => Needs::Credential,
    }
}

/// The roles that may see names of people in the log and in alerts.
pub const SEE_NAMES: &[Role] = &[Operator, Investigator, Enroller, Administrator];

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn the_table_has_every_method_and_nothing_else() {
        let set = prost_types::FileDescriptorSet::decode(cortex_proto::DESCRIPTORS).unwrap();
        let services =
            set.file.iter().filter(|file| file.package() == "cortex.v1").flat_map(|file| &file.service);
        let mut described: Vec<String> = services
            .flat_map(|service| {
                service.method.iter().map(|method| format!("{}/{}", service.name(), method.name()))
            })
            .collect();
        let mut listed: Vec<String> = METHODS.iter().map(|(name, _)| (*name).to_owned()).collect();
        described.sort();
        listed.sort();
        assert_eq!(described, listed);
    }

    #[test]
    fn every_method_has_somebody_and_changes_are_not_for_viewers() {
        for (method, roles) in METHODS {
            let approvers = *roles == APPROVERS;
            assert!(approvers || roles.contains(&Role::Administrator), "{method} answers nobody who sets up");
            let changes = [
                "Upsert",
                "Delete",
                "Enrol",
                "Acknowledge",
                "Comment",
                "Tap",
                "Embed",
                "Probe",
                "Issue",
                "Revoke",
                "Import",
                "Merge",
                "Split",
                "Renew",
                "Decide",
                "Reveal",
                "Sightings",
                "Strangers",
                "Ignore",
                "Assign",
                "Check",
            ];
            if changes.iter().any(|change| method.ends_with(&format!("/{change}"))) {
                assert!(!roles.contains(&Role::Viewer), "{method} is open to viewers");
            }
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_for_nobody() {
        assert_eq!(needs("/cortex.v1.DebugService/Tap"), Needs::Roles(ADMINISTRATORS));
        for path in [
            "/cortex.v1.DebugService/Tap2",
            "/cortex.v1.DebugService/Tap/",
            "//cortex.v1.DebugService/Tap",
            "/x/cortex.v1.DebugService%2FTap",
        ] {
            assert_eq!(needs(path), Needs::Nobody, "{path}");
        }
        assert_eq!(needs("/grpc.health.v1.Health/Check"), Needs::Credential);
        assert_eq!(needs("/"), Needs::Credential);
    }
}
