//! `models.toml`: which files there are, where they are from, and how they are read.

use std::{
    collections::BTreeMap,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    card::{Card, CardError},
    picture::Picture,
    prepare::Fit,
    tensor::Tensor,
};

/// The manifest that ships with Cortex.
const SHIPPED: &str = include_str!("../models.toml");
/// The threshold cards that ship with Cortex, by the name that the manifest has for them.
const CARDS: [(&str, &str); 1] =
    [("cards/dlib-resnet-128.toml", include_str!("../cards/dlib-resnet-128.toml"))];

/// Every model by name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Every model by name.
    pub models: BTreeMap<String, Model>,
    /// Folder of the file; none for the one that ships.
    #[serde(skip)]
    folder: Option<PathBuf>,
}

/// One model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// What it is for.
    pub task: Task,
    /// Arithmetic of its weights.
    pub precision: Precision,
    /// File name in the models folder.
    pub file: String,
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Licence of the weights.
    pub licence: String,
    /// Where the weights are from.
    pub source: String,
    /// How its outputs are read.
    pub decoder: Decoder,
    /// Name of the picture input.
    pub input: String,
    /// Width and height in pixels when they are fixed; 0, 0 for any multiple of 32.
    #[serde(default)]
    pub size: (usize, usize),
    /// Boxes of one group that overlap more than this are one thing, 0..1; [`Model::iou`] has the default.
    #[serde(default)]
    pub iou: Option<f32>,
    /// Embeddings of one space may be compared; no others.
    #[serde(default)]
    pub embedding_space: String,
    /// Threshold card of the embedding space, a file beside the manifest; empty for none.
    #[serde(default)]
    pub card: String,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Objects in a picture.
    Objects,
    /// Faces in a picture.
    Faces,
    /// An aligned face to a vector.
    Embedding,
    /// A person's crop to keypoints.
    Pose,
    /// An aligned face to a gradient.
    Cloak,
}

/// Arithmetic of a model's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// Floating point.
    Fp,
    /// Eight-bit integers, for CPUs.
    Int8,
}

/// How a model's outputs are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decoder {
    /// [`crate::decode::boxes_scores`]
    BoxesScores,
    /// [`crate::decode::yolox`]
    Yolox,
    /// [`crate::decode::yolov8`]
    Yolov8,
    /// [`crate::decode::detr_logits`]
    DetrLogits,
    /// [`crate::decode::detr_postprocessed`]
    DetrPostprocessed,
    /// [`crate::decode::centerface`]
    Centerface,
    /// [`crate::decode::scrfd`]
    Scrfd,
    /// [`crate::decode::yunet`]
    Yunet,
    /// A vector from a chip aligned to [`crate::DLIB_150`].
    Dlib150,
    /// A vector from a chip aligned to [`crate::ARCFACE_112`].
    Arcface112,
    /// [`crate::decode::movenet`]
    Movenet,
    /// [`crate::decode::rtmpose`]
    Rtmpose,
    /// Loss, structural difference and gradient of a cloak.
    Gradient,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Not a manifest.
    #[error("read the manifest of models: {0}")]
    Parse(#[from] toml::de::Error),
    /// The decoder reads something else than the task asks for.
    #[error("model `{name}` is for {task:?}, and its decoder {decoder:?} reads {reads:?}")]
    Decoder {
        /// The model.
        name: String,
        /// What it is for.
        task: Task,
        /// Its decoder.
        decoder: Decoder,
        /// What that reads.
        reads: Task,
    },
    /// A share that is none.
    #[error("model `{0}`: `iou` must be above 0 and at most 1")]
    Iou(String),
    /// No such model.
    #[error("no model `{0}` in the manifest; there are: {1}")]
    Unknown(String, String),
}

impl Manifest {
    /// The manifest that ships with Cortex.
    pub fn shipped() -> Self {
        Self::parse(SHIPPED).expect("the shipped manifest is tested")
    }

    /// A manifest from text.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let manifest: Self = toml::from_str(text)?;
        for (name, model) in &manifest.models {
            let (task, decoder, reads) = (model.task, model.decoder, model.decoder.reads());
            if reads != task {
                return Err(ManifestError::Decoder { name: name.clone(), task, decoder, reads });
            }
            if model.iou.is_some_and(|iou| !(iou > 0.0 && iou <= 1.0)) {
                return Err(ManifestError::Iou(name.clone()));
            }
        }
        Ok(manifest)
    }

    /// A manifest from a file.
    pub fn load(path: &Path) -> Result<Self, ManifestError> {
        let read = fs::read_to_string(path);
        let read = read.map_err(|source| ManifestError::Read { path: path.display().to_string(), source })?;
        Ok(Self { folder: path.parent().map(Path::to_owned), ..Self::parse(&read)? })
    }

    /// The threshold card of an embedding space; `None` when no model of the space names one. A card that ships is
    /// found without its file, so that a copy of the manifest can stand alone.
    ///
    /// # Errors
    /// The card that is named is not there, is none, or is another space's.
    pub fn card(&self, space: &str) -> Result<Option<Card>, CardError> {
        let named = |model: &&Model| model.embedding_space == space && !model.card.is_empty();
        let Some(name) = self.models.values().find(named).map(|model| model.card.as_str()) else {
            return Ok(None);
        };
        let shipped = CARDS.iter().find(|(card, _)| *card == name).map(|(_, text)| (*text).to_owned());
        let path = self.folder.as_deref().unwrap_or_else(|| Path::new("")).join(name);
        let text = match (self.folder.as_ref().map(|_| fs::read_to_string(&path)), shipped) {
            (Some(Ok(text)), _) | (None, Some(text)) => text,
            (Some(Err(error)), Some(text)) if error.kind() == ErrorKind::NotFound => text,
            (Some(Err(source)), _) => {
                return Err(CardError::Read { path: path.display().to_string(), source });
            }
            (None, None) => {
                return Err(CardError::Refused(space.to_owned(), format!("{name} does not ship")));
            }
        };
        let card = Card::parse(&text)?;
        if card.embedding_space != space {
            return Err(CardError::Refused(
                space.to_owned(),
                format!("{name} is of `{}`", card.embedding_space),
            ));
        }
        Ok(Some(card))
    }

    /// The model of this name.
    pub fn model(&self, name: &str) -> Result<&Model, ManifestError> {
        let known = || self.models.keys().cloned().collect::<Vec<_>>().join(", ");
        self.models.get(name).ok_or_else(|| ManifestError::Unknown(name.to_owned(), known()))
    }
}

impl Model {
    /// Boxes of one group that overlap more than this are one thing: NanoDet's own value for objects, CenterFace's for
    /// faces, where the manifest says nothing.
    pub fn iou(&self) -> f32 {
        self.iou.unwrap_or(if self.task == Task::Faces { 0.3 } else { 0.6 })
    }

    /// How pictures are fitted into its input.
    pub fn fit(&self) -> Fit {
        let stretched = matches!(self.decoder, Decoder::DetrLogits | Decoder::DetrPostprocessed);
        if stretched || self.task == Task::Faces { Fit::Stretch } else { Fit::Letterbox }
    }

    /// Width and height of its input in pixels: its own where they are fixed, else those of a picture that is scaled
    /// to a longer side.
    pub fn input_size(&self, picture: &Picture, long_side: usize) -> (usize, usize) {
        if self.size != (0, 0) {
            return self.size;
        }
        // In double precision and this order, as the reference: in single, 1,200 pixels at 640 would be 672.
        let scale = long_side as f64 / picture.width().max(picture.height()) as f64;
        let side = |length: usize| ((length as f64 * scale / 32.0).ceil().max(1.0) as usize) * 32;
        (side(picture.width()), side(picture.height()))
    }

    /// What it is given besides the tensor of a picture of this size: networks with their post-processor inside want
    /// width and height, to answer in the picture's pixels.
    pub fn size_input(&self, width: usize, height: usize) -> Option<(&'static str, Tensor)> {
        let size = || Tensor { shape: vec![1, 2], data: vec![width as f32, height as f32] };
        (self.decoder == Decoder::DetrPostprocessed).then(|| ("orig_target_sizes", size()))
    }
}

impl Decoder {
    /// What it makes of a model's outputs.
    pub fn reads(self) -> Task {
        match self {
            Self::BoxesScores | Self::Yolox | Self::Yolov8 | Self::DetrLogits | Self::DetrPostprocessed => {
                Task::Objects
            }
            Self::Centerface | Self::Scrfd | Self::Yunet => Task::Faces,
            Self::Dlib150 | Self::Arcface112 => Task::Embedding,
            Self::Movenet | Self::Rtmpose => Task::Pose,
            Self::Gradient => Task::Cloak,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This crate's folder at the moment: a target folder may be shared by clones.
    fn here() -> PathBuf {
        PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap())
    }

    #[test]
    fn every_shipped_model_is_whole() {
        let manifest = Manifest::shipped();
        assert_eq!(manifest.models.len(), 7);
        for (name, model) in &manifest.models {
            assert_eq!(model.sha256.len(), 64, "{name}");
            let path = here().join("files").join(&model.file);
            assert!(path.is_file(), "{name}: {}", path.display());
        }
        let int8 = manifest.model("face_dlib_resnet_128_int8").unwrap();
        assert_eq!(int8.embedding_space, manifest.model("face_dlib_resnet_128").unwrap().embedding_space);
        assert!(manifest.model("nothing").is_err());
    }

    const OWN: &str = "[models.own]\ntask = 'faces'\nprecision = 'fp'\nfile = 'own.onnx'\nsha256 = ''
        licence = ''\nsource = ''\ninput = 'images'\n";

    #[test]
    fn a_decoder_of_another_task_is_refused() {
        let error = Manifest::parse(&format!("{OWN}decoder = 'yolox'")).unwrap_err().to_string();
        assert!(error.contains("`own`") && error.contains("Yolox") && error.contains("Faces"), "{error}");
        let own = |text: &str| Manifest::parse(&format!("{OWN}{text}")).map(|m| m.models["own"].iou());
        assert_eq!(own("decoder = 'scrfd'").unwrap(), 0.3);
        assert_eq!(own("decoder = 'scrfd'\niou = 0.4").unwrap(), 0.4);
        assert!(own("decoder = 'scrfd'\niou = 40").is_err());
    }

    #[test]
    fn a_picture_is_scaled_to_the_side_that_is_asked_for() {
        let manifest = Manifest::shipped();
        let faces = manifest.model("face_centerface").unwrap();
        let size = |width: usize, height: usize, side: usize| {
            faces.input_size(&Picture::rgb(width, height, vec![0; width * height * 3]).unwrap(), side)
        };
        assert_eq!(size(1200, 1200, 640), (640, 640));
        assert_eq!(size(250, 250, 320), (320, 320));
        assert_eq!(size(768, 576, 640), (640, 480));
        assert_eq!(size(400, 10, 320), (320, 32), "never nothing");
    }

    #[test]
    fn a_manifest_of_ones_own_finds_its_cards_and_those_that_ship() {
        let folder = here();
        let beside = Manifest::load(&folder.join("models.toml")).unwrap();
        assert_eq!(
            beside.card("dlib-resnet-128").unwrap(),
            Manifest::shipped().card("dlib-resnet-128").unwrap()
        );
        let elsewhere = Manifest { folder: Some(folder.join("nowhere")), ..Manifest::shipped() };
        assert!(elsewhere.card("dlib-resnet-128").unwrap().is_some());
        let own = |card: &str| {
            let text = format!("{OWN}decoder = 'scrfd'\nembedding_space = 'own'\ncard = '{card}'");
            Manifest::parse(&text).unwrap().card("own").map_err(|error| error.to_string())
        };
        assert!(own("cards/own.toml").unwrap_err().contains("cards/own.toml"));
        assert!(own("cards/dlib-resnet-128.toml").unwrap_err().contains("is of `dlib-resnet-128`"));
        assert_eq!(own("").unwrap(), None);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(Manifest::parse("[models.x]\ncolour = 'bgr'").is_err());
    }
}
