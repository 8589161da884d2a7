//! Where a camera has its smaller stream, by how the makers of cameras name the two.

/// How the main stream is named, and the smaller one: makers' manuals, of Hikvision, Dahua, Reolink, Tapo, and many others.
const NAMES: [(&str, &str); 7] = [
    ("/Channels/101", "/Channels/102"),
    ("subtype=0", "subtype=1"),
    ("_main", "_sub"),
    ("/main", "/sub"),
    ("/stream1", "/stream2"),
    ("/profile1", "/profile2"),
    ("/ch0", "/ch1"),
];

/// Addresses of the same camera where its smaller stream may be.
pub(crate) fn siblings(url: &str) -> Vec<String> {
    let Some(("rtsp" | "rtsps", rest)) = url.split_once("://") else { return Vec::new() };
    // A name within the host is none.
    let Some(path) = rest.find('/').map(|at| url.len() - rest.len() + at) else { return Vec::new() };
    let named = NAMES.iter().filter(|(main, _)| url[path..].contains(main));
    named.map(|(main, sub)| format!("{}{}", &url[..path], url[path..].replacen(main, sub, 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_alone_is_renamed() {
        assert_eq!(
            siblings("rtsp://h_main/cam?channel=1&subtype=0"),
            ["rtsp://h_main/cam?channel=1&subtype=1"]
        );
        assert_eq!(siblings("rtsps://h:8554/yard_main"), ["rtsps://h:8554/yard_sub"]);
        for none in ["rtsp://main_main", "rtsp://h/yard", "http://h/main", "file:///main"] {
            assert!(siblings(none).is_empty(), "{none}");
        }
    }
}
