//! People into the gallery: every picture is judged and answered in plain words.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

mod support;

use cortex_models::Picture;
use cortex_proto::v1;
use cortex_recognizer::Error;
use cortex_runtime::still;

#[test]
fn a_person_is_enrolled_from_stills_and_poor_ones_are_refused_in_words() {
    let (mut enroller, gallery) = (support::enroller(), support::gallery());
    let request = |name: &str, pictures: Vec<Vec<u8>>| v1::EnrolRequest {
        name: name.into(),
        pictures,
        watch: v1::Severity::High as i32,
    };
    let good = support::astronaut();
    let grey = still::encode(&Picture::rgb(320, 240, vec![128; 320 * 240 * 3]).unwrap(), 90);
    let far = support::shrunk(&good, 0.4);
    let blurred = support::shrunk(&support::shrunk(&good, 0.15), 1.0 / 0.15);
    let broken = b"no picture".to_vec();

    let refused = enroller.enrol(&request("Nobody", vec![grey.clone(), broken.clone()]), &gallery);
    let Err(Error::Refused(why)) = refused else { panic!("a grey wall is nobody") };
    assert!(why.contains("no face is seen"), "{why}");
    assert!(gallery.people().is_empty());

    let answer = enroller
        .enrol(&request(" Eileen ", vec![grey, far, broken, blurred, good.clone()]), &gallery)
        .unwrap();
    let accepted: Vec<bool> = answer.reports.iter().map(|report| report.accepted).collect();
    assert_eq!(accepted, [false, false, false, false, true], "{:?}", answer.reports);
    assert!(answer.reports[1].text.contains("60 are needed"), "{}", answer.reports[1].text);
    assert!(answer.reports[3].text.contains("blurred"), "{}", answer.reports[3].text);
    let people = gallery.people();
    let [person] = people.as_slice() else { panic!("one person") };
    assert_eq!((person.id.as_str(), person.name.as_str()), (answer.person.as_str(), "Eileen"));
    assert_eq!((person.embeddings.len(), person.watch), (1, v1::Severity::High as i32));
    assert!((person.embeddings[0].iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-3);

    let again = enroller.enrol(&request("Eileen", vec![good.clone()]), &gallery);
    assert!(matches!(again, Err(Error::Refused(why)) if why.contains("enrolled already")));
    let twin = enroller.enrol(&request("Somebody else", vec![good]), &gallery).unwrap();
    assert!(twin.reports[0].text.contains("looks like Eileen"), "{}", twin.reports[0].text);
}
