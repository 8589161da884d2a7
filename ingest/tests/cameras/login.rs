//! A camera that refuses the login is left alone for a while, and asked at once when the login was corrected.

use std::sync::{Arc, Mutex};

use cortex_camera::{Camera, CameraOptions, Login, LoginScheme};

use crate::watch::{Watch, clip, store};

#[test]
fn a_wrong_password_is_told_and_a_corrected_one_is_tried_without_a_restart() {
    for scheme in [LoginScheme::Digest, LoginScheme::Basic] {
        let login = Login { user: "guard".into(), password: "right".into(), scheme };
        let camera =
            Camera::start(CameraOptions { login: Some(login), ..CameraOptions::new(clip()) }).unwrap();
        let password = Arc::new(Mutex::new("wrong"));
        let known = Arc::clone(&password);
        let credentials = move |_: &str| Some(("guard".to_owned(), (*known.lock().unwrap()).to_owned()));
        let mut watch =
            Watch::begin_as(Watch::config(), Arc::new(credentials), store(), &[("yard", &camera.url())]);
        let offline = watch.anomaly("yard");
        assert!(offline.why.contains("refused the user or password"), "{}", offline.why);
        assert!(!offline.why.contains("wrong") && !offline.why.contains("guard"), "{}", offline.why);
        // The wait after a refusal is a minute at least, and nobody waits so long for a picture here.
        *password.lock().unwrap() = "right";
        watch.picture("yard", |_| true);
        assert_eq!(watch.anomaly("yard").kind, "recovered");
        watch.end();
    }
}
