//! What is written down of requests that a stage fulfils and the front passes on: said once, written by both.

use cortex_proto::v1;
use tonic::{Request, Status};

use super::Access;
use crate::config::without_secrets;

/// A request that is written down before it is fulfilled. Nothing of it is biometric, a name or a secret.
pub trait Noted {
    /// The word for what is done.
    const ACTION: &'static str;

    /// On what.
    fn object(&self) -> String;

    /// What else is to be known of it.
    fn detail(&self) -> String {
        String::new()
    }
}

impl Access {
    /// Writes down that the caller makes this request: what cannot be audited is refused.
    ///
    /// # Errors
    /// Nobody calls, or it was not written.
    pub fn noted<T: Noted>(&self, request: &Request<T>) -> impl Future<Output = Result<(), Status>> + use<T> {
        let message = request.get_ref();
        self.audited(request, T::ACTION, &message.object(), &message.detail())
    }
}

macro_rules! noted {
    ($($request:ident $action:literal |$of:pat_param| $object:expr $(, |$this:ident| $detail:expr)?;)*) => {
        $(
            impl Noted for v1::$request {
                const ACTION: &'static str = $action;

                fn object(&self) -> String {
                    let $of = self;
                    $object.to_owned()
                }

                $(
                    fn detail(&self) -> String {
                        let $this = self;
                        $detail
                    }
                )?
            }
        )*
    };
}

noted! {
    ProbeRequest "probe" |of| without_secrets(&of.url);
    RedactRequest "redact" |_| "picture", |of| format!("{} bytes", of.picture.len());
    ClipFileRequest "clip" |of| of.frame.as_ref().map_or_else(String::new, |frame| {
        format!("{}/{}/{}", frame.camera, frame.epoch, frame.seq)
    });
    EmbedRequest "embed" |_| "picture", |of| format!("{} bytes", of.picture.len());
    // The person has no id yet, and a name is never written.
    EnrolRequest "enrol" |_| "person", |of| format!("{} pictures, lists {}", of.pictures.len(), of.lists.join(" "));
    ImportRequest "import" |_| "people", |of| format!("{} bytes, lists {}", of.json.len(), of.lists.join(" "));
    ListIdentitiesRequest "list" |_| "people";
    DeleteIdentityRequest "forget" |of| of.person;
    MergeRequest "merge" |of| of.person, |of| format!("with {}", of.same);
    SplitRequest "split" |of| of.person;
    CheckRequest "check" |_| "gallery";
    RenewRequest "renew" |_| "gallery";
    SightingsRequest "sightings" |of| of.person;
    StrangersRequest "list" |_| "strangers";
    IgnoreRequest "ignore" |of| of.stranger;
    AssignRequest "assign" |of| of.stranger, |of| format!("to {}", if of.person.is_empty() { "a new person" } else { &of.person });
    ListWatchlistsRequest "list" |_| "watchlists";
    UpsertWatchlistRequest "upsert watchlist" |of| of.watchlist.as_ref().map_or("", |list| &list.id),
        |of| of.watchlist.as_ref().map_or_else(String::new, |list| {
            format!("{} members, expires {}, false alarms {}", list.members.len(), list.expires_us, list.false_alarms)
        });
    DeleteWatchlistRequest "delete watchlist" |of| of.id;
    ListMatchesRequest "list" |_| "matches";
    DecideRequest "decide" |of| of.r#match,
        |of| if of.confirmed { "confirmed".to_owned() } else { "rejected".to_owned() };
    RevealRequest "reveal" |of| of.r#match;
}
