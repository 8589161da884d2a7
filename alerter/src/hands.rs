//! What needs another stage: in one process the stages themselves, in a fleet their own services.

use cortex_process::{Call, Config, MOST_BYTES, Peer};
use cortex_proto::v1::{
    self, cloak_service_client::CloakServiceClient, embed_service_client::EmbedServiceClient,
    identity_service_client::IdentityServiceClient, probe_service_client::ProbeServiceClient,
};

/// The other stages, as far as requests need them.
#[derive(Clone)]
pub struct Hands {
    /// Ingest: look at an address.
    pub probe: Call<v1::ProbeRequest, v1::ProbeResponse>,
    /// Cloaker: redact a still.
    pub redact: Call<v1::RedactRequest, v1::RedactResponse>,
    /// Recognizer: embed the faces of a still.
    pub embed: Call<v1::EmbedRequest, v1::EmbedResponse>,
    /// Recognizer: enrol a person.
    pub enrol: Call<v1::EnrolRequest, v1::EnrolResponse>,
    /// Recognizer: everybody enrolled.
    pub people: Call<v1::ListIdentitiesRequest, v1::ListIdentitiesResponse>,
    /// Recognizer: forget a person.
    pub forget: Call<v1::DeleteIdentityRequest, v1::DeleteIdentityResponse>,
    /// Recognizer: what a person is called.
    pub name: Call<v1::NameRequest, v1::NameResponse>,
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
            embed: recognizer
                .call(|channel, request| async { EmbedServiceClient::new(channel).embed(request).await }),
            enrol: recognizer
                .call(|channel, request| async { IdentityServiceClient::new(channel).enrol(request).await }),
            people: recognizer
                .call(|channel, request| async { IdentityServiceClient::new(channel).list(request).await }),
            forget: recognizer
                .call(|channel, request| async { IdentityServiceClient::new(channel).delete(request).await }),
            name: recognizer
                .call(|channel, request| async { IdentityServiceClient::new(channel).name(request).await }),
        })
    }
}
