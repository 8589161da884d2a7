//! What the front asks of the other stages, in this process.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use cortex_alerter::{Hands, front::Call};
use cortex_cloaker::Redactor;
use cortex_proto::v1;
use cortex_recognizer::{Enroller, Error, Gallery};
use cortex_runtime::infer::Library;
use tonic::Status;

use crate::{app::credentials, config::Config};

const PROBE: Duration = Duration::from_secs(15);

pub(super) fn new(config: &Config, gallery: Option<Gallery>) -> Hands {
    let (probing, redacting, enrolling) = (config.clone(), config.clone(), config.clone());
    let redactor = Lazy::new(move || {
        let library = Library::load(&redacting.infer).map_err(|error| error.to_string())?;
        Redactor::load(&library, &redacting.infer, redacting.cloaker.clone())
            .map_err(|error| error.to_string())
    });
    let enroller = Arc::new(Lazy::new(move || {
        let library = Library::load(&enrolling.infer).map_err(|error| error.to_string())?;
        Enroller::load(&library, &enrolling.infer).map_err(|error| error.to_string())
    }));
    let embedder = Arc::clone(&enroller);
    let (embeds, enrols, lists, forgets) = (gallery.clone(), gallery.clone(), gallery.clone(), gallery);
    Hands {
        probe: call(move |request| {
            let logins = credentials(&probing).map_err(|error| Status::internal(error.to_string()))?;
            cortex_ingest::probe(&request, v1::Origin::Api, &probing.ingest, &logins, PROBE)
                .map_err(|error| Status::unavailable(error.to_string()))
        }),
        redact: call(move |request: v1::RedactRequest| {
            redactor.with(|redactor| {
                let done = redactor.redact(&request.picture);
                let (picture, redacted) =
                    done.map_err(|error| Status::invalid_argument(error.to_string()))?;
                Ok(v1::RedactResponse { picture, redacted: redacted as u32 })
            })
        }),
        embed: call(move |request: v1::EmbedRequest| {
            on(embeds.as_ref())?;
            embedder.with(|enroller| enroller.describe(&request.picture).map_err(|error| refused(&error)))
        }),
        enrol: call(move |request: v1::EnrolRequest| {
            let gallery = on(enrols.as_ref())?;
            enroller.with(|enroller| enroller.enrol(&request, gallery).map_err(|error| refused(&error)))
        }),
        people: call(move |_: v1::ListIdentitiesRequest| {
            let people = on(lists.as_ref())?.people();
            let person = |person: &cortex_recognizer::Person| v1::Person {
                id: person.id.clone(),
                name: person.name.clone(),
                embeddings: person.embeddings.len() as u32,
                watch: person.watch,
                enrolled_us: person.enrolled_us,
            };
            let mut people: Vec<v1::Person> = people.iter().map(person).collect();
            people.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(v1::ListIdentitiesResponse { people })
        }),
        forget: call(move |request: v1::DeleteIdentityRequest| {
            on(forgets.as_ref())?.remove(&request.person).map_err(|error| refused(&error))?;
            Ok(v1::DeleteIdentityResponse {})
        }),
    }
}

/// The gallery as it is in the store: another front may have changed it.
fn on(gallery: Option<&Gallery>) -> Result<&Gallery, Status> {
    let gallery = gallery.ok_or_else(|| {
        Status::failed_precondition(
            "recognition is off: set `recognizer.enabled` in a profile that allows it",
        )
    })?;
    gallery.reload().map_err(|error| refused(&error))?;
    Ok(gallery)
}

fn refused(error: &Error) -> Status {
    match error {
        Error::Refused(_) | Error::Still(_) => Status::invalid_argument(error.to_string()),
        _ => Status::internal(error.to_string()),
    }
}

/// Work that may take long, on a thread that may wait.
fn call<Q: Send + 'static, R: Send + 'static>(
    work: impl Fn(Q) -> Result<R, Status> + Send + Sync + 'static,
) -> Call<Q, R> {
    let work = Arc::new(work);
    Arc::new(move |request| {
        let work = Arc::clone(&work);
        let done = async move {
            let done = tokio::task::spawn_blocking(move || work(request)).await;
            done.map_err(|_| Status::internal("the request panicked; the message is in the log"))?
        };
        Box::pin(done) as Pin<Box<dyn Future<Output = Result<R, Status>> + Send>>
    })
}

/// Models that are loaded at the first request, and used by one request at a time.
struct Lazy<T> {
    make: Box<dyn Fn() -> Result<T, String> + Send + Sync>,
    made: Mutex<Option<T>>,
}

impl<T> Lazy<T> {
    fn new(make: impl Fn() -> Result<T, String> + Send + Sync + 'static) -> Self {
        Self { make: Box::new(make), made: Mutex::new(None) }
    }

    fn with<R>(&self, work: impl FnOnce(&mut T) -> Result<R, Status>) -> Result<R, Status> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.is_none() {
            *made = Some((self.make)().map_err(Status::internal)?);
        }
        match made.as_mut() {
            Some(value) => work(value),
            None => Err(Status::internal("models are not loaded")),
        }
    }
}
