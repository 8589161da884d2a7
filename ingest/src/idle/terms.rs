//! What a camera's watch may do.

use cortex_proto::v1;
use cortex_runtime::config::IdleDecode;

/// Whether it may rest, and what becomes of it when too much is to be decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// It rests when nothing moves.
    pub(super) rests: bool,
    /// Whose frames are decoded first, and give way last; `None` for footage that is played as fast as it can be.
    pub(super) live: Option<v1::Priority>,
}

impl Terms {
    /// For one of a camera's streams; `None` where there is nothing to watch. `fast` is footage that is played as fast as
    /// it can be, which is timed by its decoded pictures and never late. Every frame of MJPEG over HTTP is a key frame.
    pub(crate) fn of(idle: IdleDecode, camera: &v1::Camera, role: v1::Role, fast: bool) -> Option<Self> {
        let base = if fast || camera.sub_url.is_empty() { v1::Role::Main } else { v1::Role::Sub };
        let url = if role == v1::Role::Sub { &camera.sub_url } else { &camera.url };
        let network = ["rtsp:", "rtsps:"].iter().any(|scheme| url.starts_with(scheme));
        let rests = match idle {
            IdleDecode::Off => false,
            IdleDecode::Network => network,
            IdleDecode::All => network || fast,
        };
        let rests = rests && role == base; // another stream is only open while something is followed
        let live = (!fast).then_some(camera.priority());
        (rests || (network && !fast)).then_some(Self { rests, live })
    }
}
