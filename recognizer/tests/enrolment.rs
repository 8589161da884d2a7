//! People into the gallery: every picture is judged and answered in plain words.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use cortex_models::Picture;
use cortex_proto::v1;
use cortex_recognizer::Error;
use cortex_runtime::still;

#[test]
fn a_person_is_enrolled_from_stills_and_poor_ones_are_refused_in_words() {
    let (mut enroller, room) = (support::enroller(), support::room());
    let gallery = &room.gallery;
    gallery.put_list(support::list("wanted"), "officer").unwrap();
    let request = |name: &str, pictures: Vec<Vec<u8>>| v1::EnrolRequest {
        name: name.into(),
        pictures,
        lists: vec!["wanted".into()],
    };
    let good = support::astronaut();
    let grey = still::encode(&Picture::rgb(320, 240, vec![128; 320 * 240 * 3]).unwrap(), 90);
    let far = support::shrunk(&good, 0.4);
    let blurred = support::shrunk(&support::shrunk(&good, 0.15), 1.0 / 0.15);
    let broken = b"no picture".to_vec();

    let refused = enroller.enrol(&request("Nobody", vec![grey.clone(), broken.clone()]), gallery, false);
    let Err(Error::Refused(why)) = refused else { panic!("a grey wall is nobody") };
    assert!(why.contains("no face is seen"), "{why}");
    assert!(gallery.people().is_empty());

    let pictures = vec![grey, far, broken, blurred, good.clone()];
    let answer = enroller.enrol(&request(" Eileen ", pictures), gallery, false).unwrap();
    let accepted: Vec<bool> = answer.reports.iter().map(|report| report.accepted).collect();
    assert_eq!(accepted, [false, false, false, false, true], "{:?}", answer.reports);
    assert!(answer.reports[1].text.contains("60 are needed"), "{}", answer.reports[1].text);
    assert!(answer.reports[3].text.contains("blurred"), "{}", answer.reports[3].text);
    let known = gallery.people();
    let [known] = known.as_slice() else { panic!("one person") };
    assert_eq!((known.id.as_str(), known.name.as_str()), (answer.person.as_str(), "Eileen"));
    assert_eq!((known.templates, known.stills, known.lists.as_slice()), (1, 0, &["wanted".to_owned()][..]));
    let person = gallery.read(&answer.person).unwrap().unwrap();
    let vector = &person.templates[0].vector;
    assert!((vector.iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-3);

    let again = enroller.enrol(&request("Eileen", vec![good.clone()]), gallery, false);
    assert!(matches!(again, Err(Error::Refused(why)) if why.contains("enrolled already")));
    let twin = enroller.enrol(&request("Somebody else", vec![good]), gallery, false).unwrap();
    assert!(twin.reports[0].text.contains("looks like Eileen"), "{}", twin.reports[0].text);
}

#[test]
fn templates_of_another_model_are_made_anew_from_the_stills_that_were_kept() {
    let (mut enroller, room) = (support::enroller(), support::room());
    let gallery = &room.gallery;
    let request = |name: &str| v1::EnrolRequest {
        name: name.into(),
        pictures: vec![support::astronaut()],
        ..Default::default()
    };
    let kept = enroller.enrol(&request("Eileen"), gallery, true).unwrap().person;
    let bare = enroller.enrol(&request("Her double"), gallery, false).unwrap().person;
    assert_eq!((gallery.stills(&kept).unwrap().len(), gallery.stills(&bare).unwrap().len()), (1, 0));
    let before = gallery.read(&kept).unwrap().unwrap().templates[0].vector.clone();
    for person in [&kept, &bare] {
        gallery
            .change(person, |person| {
                person.templates[0].space = "an-older-model".into();
                Ok(())
            })
            .unwrap();
    }
    let renewed = enroller.renew(gallery).unwrap();
    assert_eq!((renewed.renewed, renewed.without_stills), (1, vec![bare]));
    let person = gallery.read(&kept).unwrap().unwrap();
    assert_eq!((person.templates.len(), person.templates[0].space.as_str()), (1, support::SPACE));
    let alike: f32 = person.templates[0].vector.iter().zip(&before).map(|(a, b)| a * b).sum();
    assert!(alike > 0.98, "the face of the still is hers: {alike}");
    assert_eq!(enroller.renew(gallery).unwrap().renewed, 0, "once");
}
