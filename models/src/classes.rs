//! The classes of COCO, and which of them compete for one box and one track.

/// The 80 class names, in the order of the models' outputs.
pub const COCO: [&str; 80] = [
    "person",
    "bicycle",
    "car",
    "motorcycle",
    "airplane",
    "bus",
    "train",
    "truck",
    "boat",
    "traffic light",
    "fire hydrant",
    "stop sign",
    "parking meter",
    "bench",
    "bird",
    "cat",
    "dog",
    "horse",
    "sheep",
    "cow",
    "elephant",
    "bear",
    "zebra",
    "giraffe",
    "backpack",
    "umbrella",
    "handbag",
    "tie",
    "suitcase",
    "frisbee",
    "skis",
    "snowboard",
    "sports ball",
    "kite",
    "baseball bat",
    "baseball glove",
    "skateboard",
    "surfboard",
    "tennis racket",
    "bottle",
    "wine glass",
    "cup",
    "fork",
    "knife",
    "spoon",
    "bowl",
    "banana",
    "apple",
    "sandwich",
    "orange",
    "broccoli",
    "carrot",
    "hot dog",
    "pizza",
    "donut",
    "cake",
    "chair",
    "couch",
    "potted plant",
    "bed",
    "dining table",
    "toilet",
    "tv",
    "laptop",
    "mouse",
    "remote",
    "keyboard",
    "cell phone",
    "microwave",
    "oven",
    "toaster",
    "sink",
    "refrigerator",
    "book",
    "clock",
    "vase",
    "scissors",
    "teddy bear",
    "hair drier",
    "toothbrush",
];

/// Classes that a detector mixes up compete as one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Group {
    /// People.
    Person,
    /// Car, motorcycle, bus, truck: seen from above, a car comes out as a bus.
    Vehicle,
    /// Every other class by itself.
    Other(u16),
}

/// The name of a class; `unknown` above 79.
pub fn class_name(class: u16) -> &'static str {
    COCO.get(usize::from(class)).copied().unwrap_or("unknown")
}

/// The group of a class.
pub fn group_of(class: u16) -> Group {
    match class {
        0 => Group::Person,
        2 | 3 | 5 | 7 => Group::Vehicle,
        other => Group::Other(other),
    }
}
