//! What needs another stage: in one process the stages themselves, in a fleet their own services.

use cortex_process::{Call, Config, MOST_BYTES, Peer, Recognition};
use cortex_proto::v1::{
    self, cloak_service_client::CloakServiceClient, probe_service_client::ProbeServiceClient,
};

/// The other stages, as far as requests need them.
#[derive(Clone)]
pub struct Hands {
    /// Ingest: look at an address.
    pub probe: Call<v1::ProbeRequest, v1::ProbeResponse>,
    /// Cloaker: redact a still.
    pub redact: Call<v1::RedactRequest, v1::RedactResponse>,
    /// Recognizer: who is enrolled, looked for and matched.
    pub recognition: Recognition,
}

impl Hands {
    /// The stages' own processes, where section `[stages]` says they are.
    ///
    /// # Errors
    /// An address is none, or who signed their certificates cannot be read.
    pub fn remote(config: &Config) -> anyhow::Result<Self> {
        let ingest = Peer::new(config, "ingest", &config.stages.ingest)?;
        let recognizer = Peer::new(config, "recognizer", &config.stages.recognizer)?;
        let cloaker = Peer::new(config, "cloaker", &config.stages.cloaker)?;
        Ok(Self {
            probe: ingest
                .call(|channel, request| async { ProbeServiceClient::new(channel).probe(request).await }),
            redact: cloaker.call(|channel, request| async {
                let client = CloakServiceClient::new(channel).max_decoding_message_size(MOST_BYTES);
                { client }.redact(request).await
            }),
            recognition: Recognition::remote(&recognizer),
        })
    }
}
