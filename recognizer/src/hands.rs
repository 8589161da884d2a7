//! What the recognizer does on request: embeds stills, knows who is enrolled, who is looked for, and what people decided
//! of matches.

use std::sync::Arc;

use cortex_infer::Library;
use cortex_process::{Call, Config, Lazy, Recognition, here};
use cortex_proto::v1;
use cortex_runtime::{access::subject, config::profile::Capability};
use tonic::{Request, Status};

use crate::{
    Enroller, Error, Gallery, Known, Person, Template, check,
    import::{self, FACEAPI_128, Imported},
    matches::Matches,
    sightings,
    strangers::Strangers,
};

/// Over the gallery, without one while recognition is off. Models are loaded at the first request.
pub fn recognition(config: &Config, gallery: Option<Gallery>) -> Recognition {
    let (infer, keep_stills) = (config.infer.clone(), config.recognizer.keep_stills);
    let enroller = Arc::new(Lazy::new(move || {
        let library = Library::load(&infer).map_err(|error| error.to_string())?;
        Enroller::load(&library, &infer).map_err(|error| error.to_string())
    }));
    let on = On { gallery, reveal_us: reveal_us(config), locked: locked(config) };
    let (embedder, enrols, renews) = (Arc::clone(&enroller), Arc::clone(&enroller), enroller);
    Recognition {
        embed: on.call(move |_, request: v1::EmbedRequest, _| {
            embedder.with(|enroller| enroller.describe(&request.picture).map_err(|error| refused(&error)))
        }),
        enrol: on.call(move |gallery, request: v1::EnrolRequest, _| {
            enrols.with(|enroller| {
                enroller.enrol(&request, gallery, keep_stills).map_err(|error| refused(&error))
            })
        }),
        import: on.asks(|gallery, request: v1::ImportRequest, _| {
            let people = import::descriptors(&request.json)?.into_iter();
            let people = people.map(|person| imported(person, gallery.now())).collect();
            Ok(v1::ImportResponse { people: gallery.add_all(people, &request.lists)? })
        }),
        people: on.asks(|gallery, _: v1::ListIdentitiesRequest, _| {
            let mut people: Vec<v1::Person> = gallery.people().into_iter().map(person).collect();
            people.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(v1::ListIdentitiesResponse { people })
        }),
        forget: on.asks(|gallery, request: v1::DeleteIdentityRequest, _| {
            gallery.erase(&request.person).map(|()| v1::DeleteIdentityResponse {})
        }),
        name: on.asks(|gallery, request: v1::NameRequest, _| {
            Ok(v1::NameResponse { name: gallery.name(&request.person).unwrap_or_default() })
        }),
        merge: on.asks(|gallery, request: v1::MergeRequest, _| {
            gallery.merge(&request.person, &request.same).map(|()| v1::MergeResponse {})
        }),
        split: on.asks(|gallery, request: v1::SplitRequest, _| {
            gallery.split(&request.person).map(|()| v1::SplitResponse {})
        }),
        check: on.asks(|gallery, request: v1::CheckRequest, _| check::check(gallery, &request)),
        renew: on.call(move |gallery, _: v1::RenewRequest, _| {
            renews.with(|enroller| enroller.renew(gallery).map_err(|error| refused(&error)))
        }),
        sightings: on.asks(|gallery, request: v1::SightingsRequest, _| {
            let sightings = sightings::of(gallery.store(), &request)?;
            Ok(v1::SightingsResponse { sightings })
        }),
        strangers: on.asks(|gallery, _: v1::StrangersRequest, _| {
            Ok(v1::StrangersResponse { strangers: strangers(gallery)?.list(gallery.now()) })
        }),
        ignore: on.asks(|gallery, request: v1::IgnoreRequest, _| {
            strangers(gallery)?.ignore(&request.stranger, gallery.now()).map(|()| v1::IgnoreResponse {})
        }),
        assign: on.asks(|gallery, request: v1::AssignRequest, _| {
            let person = assigned(gallery, &request)?;
            Ok(v1::AssignResponse { person })
        }),
        lists: on.asks(|gallery, _: v1::ListWatchlistsRequest, _| {
            Ok(v1::ListWatchlistsResponse { watchlists: gallery.lists() })
        }),
        put_list: on.asks(|gallery, request: v1::UpsertWatchlistRequest, by| {
            let list = gallery.put_list(request.watchlist.unwrap_or_default(), by)?;
            Ok(v1::UpsertWatchlistResponse { watchlist: Some(list) })
        }),
        remove_list: on.asks(|gallery, request: v1::DeleteWatchlistRequest, _| {
            gallery.remove_list(&request.id).map(|()| v1::DeleteWatchlistResponse {})
        }),
        matches: on.of_matches(|matches, request: v1::ListMatchesRequest, _| {
            Ok(v1::ListMatchesResponse { matches: matches.list(&request)? })
        }),
        decide: on.of_matches(|matches, request: v1::DecideRequest, by| matches.decide(by, &request)),
        reveal: on.of_matches(|matches, request: v1::RevealRequest, _| matches.reveal(&request.r#match)),
    }
}

fn reveal_us(config: &Config) -> i64 {
    (f64::from(config.recognizer.reveal_hours) * 3_600e6) as i64
}

fn locked(config: &Config) -> Option<String> {
    config.profile.refusal(Capability::ClearPictures, "MatchService.Reveal")
}

/// Recognition, when it is on.
#[derive(Clone)]
struct On {
    gallery: Option<Gallery>,
    reveal_us: i64,
    locked: Option<String>,
}

impl On {
    /// The gallery as it is in the store: another process may have changed it.
    fn gallery(&self) -> Result<&Gallery, Status> {
        let gallery = self.gallery.as_ref().ok_or_else(|| {
            Status::failed_precondition(
                "recognition is off: set `recognizer.enabled` in a profile that allows it",
            )
        })?;
        gallery.refresh().map_err(|error| refused(&error))?;
        Ok(gallery)
    }

    /// Work on the gallery for a subject.
    fn call<Q: Send + 'static, R: Send + 'static>(
        &self,
        work: impl Fn(&Gallery, Q, &str) -> Result<R, Status> + Send + Sync + 'static,
    ) -> Call<Q, R> {
        let on = self.clone();
        here(move |request: Request<Q>| {
            let by = subject(&request)?.name;
            work(on.gallery()?, request.into_inner(), &by)
        })
    }

    fn asks<Q: Send + 'static, R: Send + 'static>(
        &self,
        work: impl Fn(&Gallery, Q, &str) -> Result<R, Error> + Send + Sync + 'static,
    ) -> Call<Q, R> {
        self.call(move |gallery, request, by| work(gallery, request, by).map_err(|error| refused(&error)))
    }

    fn of_matches<Q: Send + 'static, R: Send + 'static>(
        &self,
        work: impl Fn(&Matches, Q, &str) -> Result<R, Error> + Send + Sync + 'static,
    ) -> Call<Q, R> {
        let (reveal_us, locked) = (self.reveal_us, self.locked.clone());
        self.asks(move |gallery, request, by| {
            work(&Matches::new(gallery.clone(), reveal_us, locked.clone()), request, by)
        })
    }
}

fn refused(error: &Error) -> Status {
    match error {
        Error::Refused(_) | Error::Still(_) | Error::Import(_) => Status::invalid_argument(error.to_string()),
        _ => Status::internal(error.to_string()),
    }
}

fn strangers(gallery: &Gallery) -> Result<&Strangers, Error> {
    gallery.strangers().ok_or_else(|| {
        Error::Refused("strangers are not told apart: set `recognizer.strangers_minutes`".to_owned())
    })
}

/// A stranger becomes a template of somebody, or somebody.
fn assigned(gallery: &Gallery, request: &v1::AssignRequest) -> Result<String, Error> {
    let name = request.name.trim();
    if request.person.is_empty() == name.is_empty() {
        return Err(Error::Refused("person, name: one of them, and not both".to_owned()));
    }
    if !request.person.is_empty() && gallery.name(&request.person).is_none() {
        return Err(Error::Refused(format!("nobody has the id `{}`", request.person)));
    }
    let face = strangers(gallery)?.take(&request.stranger, gallery.now())?;
    let template = Template {
        space: face.space.clone(),
        model: String::new(),
        quality: 0.0,
        turn: 0.0,
        vector: face.vector.clone(),
    };
    if name.is_empty() {
        gallery.change(&request.person, |person| {
            person.templates.push(template.clone());
            Ok(())
        })?;
        return Ok(request.person.clone());
    }
    let person = Person {
        name: name.to_owned(),
        templates: vec![template],
        enrolled_us: gallery.now(),
        ..Person::default()
    };
    gallery.add(person, &[], &request.lists)
}

fn imported(person: Imported, now_us: i64) -> Person {
    let template = |vector| Template {
        space: FACEAPI_128.to_owned(),
        model: String::new(),
        quality: 0.0,
        turn: 0.0,
        vector,
    };
    let templates = person.descriptors.into_iter().map(template).collect();
    Person { name: person.label, templates, enrolled_us: now_us, ..Person::default() }
}

fn person(known: Known) -> v1::Person {
    v1::Person {
        id: known.id,
        name: known.name,
        embeddings: known.templates,
        enrolled_us: known.enrolled_us,
        lists: known.lists,
        merged_into: known.merged_into,
        negatives: known.negatives,
        stills: known.stills,
    }
}
