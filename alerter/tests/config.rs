//! The stage's own binary reads the whole file: what is wrong for other stages is refused here too, in the same words.
#![allow(clippy::unwrap_used)] // a broken promise ends the test

use std::{fs, process::Command};

#[test]
fn a_mistake_in_another_stages_section_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cortex.toml");
    let rule = "[[rules]]\nid = 'many'\nkind = 'crowd'\ncount = 4\nsecnods = 3\n";
    for (text, said) in [
        ("[detector]\nhidden_z = 3.0\n", "cortex.toml:2:1: unknown key `hidden_z`"),
        ("[cloaker]\nhold_s = 1.0\n", "cortex.toml:2:10: `cloaker.hold_s` must be 3 to 30 seconds"),
        (rule, "secnods"),
    ] {
        fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cortex-alerter"));
        let output = command.arg("--config").arg(&file).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{errors}");
        assert!(errors.contains(said), "{said}\nis not in\n{errors}");
    }
}
