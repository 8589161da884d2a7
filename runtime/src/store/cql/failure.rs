//! What went wrong, in words for an operator. The driver's own are for its developers, and long.

use std::error::Error as StdError;

use scylla::errors::{
    ConnectionError, ConnectionPoolError, ConnectionSetupRequestError, ConnectionSetupRequestErrorKind,
    DbError, ExecutionError, PrepareError, RequestAttemptError, RequestError,
};

use crate::store::Error;

/// Gives a driver's result the words of an engine.
pub(super) trait Failed<T> {
    fn failed(self, attempt: &'static str) -> Result<T, Error>;
}

impl<T, E: StdError + 'static> Failed<T> for Result<T, E> {
    fn failed(self, attempt: &'static str) -> Result<T, Error> {
        self.map_err(|error| Error::engine(attempt, reason(&error)))
    }
}

/// Why it failed, as far down as a cause is known.
pub(super) fn reason(error: &(dyn StdError + 'static)) -> String {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(known) = known(error) {
            return known;
        }
        cause = error.source();
    }
    lower(&error.to_string())
}

/// Whether a statement made what is there already: somebody else was quicker.
pub(super) fn exists_already(error: &ExecutionError) -> bool {
    matches!(
        error,
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(DbError::AlreadyExists { .. }, _))
    )
}

fn known(error: &(dyn StdError + 'static)) -> Option<String> {
    match error.downcast_ref() {
        Some(ExecutionError::LastAttemptError(attempt)) => return attempted(attempt),
        Some(ExecutionError::RequestTimeout(time)) => return Some(format!("no answer within {time:?}")),
        _ => {}
    }
    match error.downcast_ref() {
        Some(RequestError::LastAttemptError(attempt)) => return attempted(attempt),
        Some(RequestError::RequestTimeout(time)) => return Some(format!("no answer within {time:?}")),
        _ => {}
    }
    if let Some(PrepareError::AllAttemptsFailed { first_attempt }) = error.downcast_ref() {
        return attempted(first_attempt);
    }
    if let Some(attempt) = error.downcast_ref() {
        return attempted(attempt);
    }
    if let Some(ConnectionPoolError::Broken { last_connection_error }) = error.downcast_ref() {
        return Some(connected(last_connection_error));
    }
    error.downcast_ref().map(connected)
}

fn attempted(error: &RequestAttemptError) -> Option<String> {
    match error {
        RequestAttemptError::DbError(kind, said) => Some(refused(kind, said)),
        RequestAttemptError::BrokenConnectionError(_) => Some("the connection broke".to_owned()),
        _ => None,
    }
}

/// What a server answered.
fn refused(kind: &DbError, said: &str) -> String {
    match kind {
        DbError::Unavailable { required, alive, .. } => {
            format!("{required} copies are wanted and {alive} of their servers are up")
        }
        DbError::WriteTimeout { received, required, .. } => {
            format!("{received} of {required} servers wrote it in time")
        }
        DbError::ReadTimeout { received, required, .. } => {
            format!("{received} of {required} servers answered in time")
        }
        DbError::WriteFailure { received, required, .. } => {
            format!("{received} of {required} servers could write it")
        }
        DbError::ReadFailure { received, required, .. } => {
            format!("{received} of {required} servers could read it")
        }
        DbError::Overloaded => "the servers are overloaded".to_owned(),
        DbError::Unauthorized => format!("the user of `store.url` may not do this: {}", lower(said)),
        DbError::AuthenticationError => login(),
        _ => lower(said),
    }
}

fn connected(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectTimeout => "no server answers".to_owned(),
        ConnectionError::IoError(error) => lower(&error.to_string()),
        ConnectionError::ConnectionSetupRequestError(ConnectionSetupRequestError { error, .. }) => match error {
            ConnectionSetupRequestErrorKind::DbError(kind, said) => refused(kind, said),
            ConnectionSetupRequestErrorKind::MissingAuthentication => {
                "the servers ask for a login: the user belongs into `store.url`, the password into `store.password`"
                    .to_owned()
            }
            ConnectionSetupRequestErrorKind::BrokenConnection(_) => {
                "the server ended the connection: does it want TLS (`store.ca`)?".to_owned()
            }
            other => lower(&other.to_string()),
        },
        ConnectionError::BrokenConnection(_) => "the connection broke".to_owned(),
        other => lower(&other.to_string()),
    }
}

fn login() -> String {
    "the servers refuse the login: look at the user in `store.url` and at `store.password`".to_owned()
}

/// One line, lower-case and without a full stop, as our own errors are.
fn lower(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches('.');
    let mut letters = line.chars();
    match (letters.next(), letters.clone().next()) {
        // Abbreviations stay.
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => line.to_owned(),
    }
}
