//! Which addresses a camera may have.

use crate::Error;

/// Refuses addresses of other schemes, and credentials inside them: those belong into the credentials file.
pub fn check_url(url: &str, schemes: &[String]) -> Result<(), Error> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(Error::Address(
            "must be like rtsp://host/path, file:///path, v4l2:///dev/video0 or test://pattern".to_owned(),
        ));
    };
    if !schemes.iter().any(|allowed| allowed == scheme) {
        return Err(Error::Address(format!(
            "scheme `{scheme}` is not allowed; `ingest.schemes` has {}",
            schemes.join(", ")
        )));
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if scheme.starts_with("rtsp") && authority.contains('@') {
        return Err(Error::Address(
            "user and password belong into the credentials file, not into the address".to_owned(),
        ));
    }
    if rest.is_empty() || url.chars().any(|c| c.is_control() || c == ' ' && scheme != "file") {
        return Err(Error::Address("is empty or has a space or control character".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_allowed_schemes_without_secrets() {
        let schemes = crate::Config::default().schemes;
        for good in ["rtsp://host:554/a", "file:///a b.mp4", "v4l2:///dev/video0", "test://pattern"] {
            assert_eq!(check_url(good, &schemes), Ok(()), "{good}");
        }
        for bad in ["host", "http://host/a", "rtsp://", "rtsp://host/a\nb"] {
            assert!(check_url(bad, &schemes).is_err(), "{bad}");
        }
        let error = check_url("rtsp://user:secret@host/a", &schemes).unwrap_err();
        assert!(!error.to_string().contains("secret"));
    }
}
