//! The embedded network: a small CNN on the 8x8 handwritten digits, its 450 test images and labels.
//!
//! Source, licence and training: `host/digits/README.md`.

use crate::network::plan_file::PlanFile;
use crate::network::{LayerPrecision, Network, PrecisionPlan, Rounding, Tensor, TensorData};
use crate::npy::{self, Elements};
use crate::onnx;
use std::path::Path;

/// The model file: ONNX QDQ, int8 weights.
pub const MODEL: &[u8] = include_bytes!("../digits/digits.onnx");
const BIASES: &str = include_str!("../digits/biases.toml");
const MIXED: &str = include_str!("../digits/mixed.toml");
const IMAGE_FILE: &[u8] = include_bytes!("../digits/images.npy");
const LABEL_FILE: &[u8] = include_bytes!("../digits/labels.npy");

const CALIBRATION_IMAGE_FILE: &[u8] = include_bytes!("../digits/disturbed.npy");
const CALIBRATION_LABEL_FILE: &[u8] = include_bytes!("../digits/disturbed_labels.npy");

/// Images of the calibration set.
pub const CALIBRATION_IMAGES: usize = 1024;
/// Images there are.
pub const IMAGES: usize = 450;

/// Why the embedded files cannot be read; a damaged build.
#[derive(Debug, thiserror::Error)]
#[error("the embedded {what} is damaged: {problem}. Build Crumb again from a clean checkout")]
pub struct DigitsError {
    what: &'static str,
    problem: String,
}

/// The network, the images as its input, and the right answers.
pub struct Digits {
    /// With the biases of each weight width.
    pub network: Network,
    /// `[IMAGES, 1, 8, 8]`, pixels / 16.
    pub images: Tensor,
    /// The digit on each image.
    pub labels: Vec<u8>,
}

/// A name and the precisions it stands for.
pub struct Run {
    /// `a8w4`, or `mixed`.
    pub name: String,
    /// The plan.
    pub plan: PrecisionPlan,
}

fn damaged(what: &'static str) -> impl Fn(String) -> DigitsError {
    move |problem| DigitsError { what, problem }
}

/// Reads the embedded files.
///
/// # Errors
/// If they are damaged.
pub fn load() -> Result<Digits, DigitsError> {
    let model = damaged("model");
    let mut network = onnx::import(MODEL).map_err(|e| model(e.to_string()))?;
    let biases = PlanFile::parse(BIASES, "biases.toml").map_err(|e| model(e.to_string()))?;
    biases.apply(&mut network).map_err(|e| model(e.to_string()))?;
    let (images, labels) = image_set([(IMAGE_FILE, "images.npy"), (LABEL_FILE, "labels.npy")], IMAGES)?;
    Ok(Digits { network, images, labels })
}

/// Images `[CALIBRATION_IMAGES, 1, 8, 8]` and their digits: what may be measured to make a plan, so that the test images stay unseen. They are
/// training images, turned and moved a little: those themselves are all classified correctly at every precision, and so tell plans not apart.
///
/// # Errors
/// If the embedded files are damaged.
pub fn calibration() -> Result<(Tensor, Vec<u8>), DigitsError> {
    let files = [(CALIBRATION_IMAGE_FILE, "disturbed.npy"), (CALIBRATION_LABEL_FILE, "disturbed_labels.npy")];
    image_set(files, CALIBRATION_IMAGES)
}

/// Pixels / 16 as `[count, 1, 8, 8]`, and labels, from two files of bytes.
fn image_set([images, labels]: [(&[u8], &'static str); 2], count: usize) -> Result<(Tensor, Vec<u8>), DigitsError> {
    let bytes = |(file, what): (&[u8], &'static str)| match npy::parse(file, Path::new(what)) {
        Ok(npy::Array { elements: Elements::U8(values), .. }) => Ok(values),
        Ok(other) => Err(damaged(what)(format!("{} elements", other.elements.type_name()))),
        Err(e) => Err(damaged(what)(e.to_string())),
    };
    let (pixels, digits) = (bytes(images)?, bytes(labels)?);
    if digits.len() != count {
        return Err(damaged(labels.1)(format!("{} labels, expected {count}", digits.len())));
    }
    let values = pixels.iter().map(|&p| f32::from(p) / 16.0).collect();
    let tensor = Tensor::new(vec![count, 1, 8, 8], TensorData::F32(values)).map_err(|e| damaged(images.1)(e.to_string()))?;
    Ok((tensor, digits))
}

/// The runs of the main job: five uniform precisions and one that mixes them by layer.
///
/// # Errors
/// If the embedded plan is damaged.
pub fn runs(network: &Network) -> Result<Vec<Run>, DigitsError> {
    let uniform = |act_bits, weight_bits| Run {
        name: format!("a{act_bits}w{weight_bits}"),
        plan: PrecisionPlan::uniform(LayerPrecision {
            act_bits,
            weight_bits,
            rounding: Rounding::HalfEven,
            ..LayerPrecision::default()
        }),
    };
    let mixed = PlanFile::parse(MIXED, "mixed.toml").map_err(|e| damaged("plan")(e.to_string()))?;
    let mut runs: Vec<Run> = [(8, 8), (8, 4), (8, 2), (4, 4), (2, 2)].map(|(a, w)| uniform(a, w)).into();
    let plan = mixed.plan_for(network, LayerPrecision::default()).map_err(|e| damaged("plan")(e.to_string()))?;
    runs.push(Run { name: "mixed".into(), plan });
    Ok(runs)
}

impl Digits {
    /// Images whose largest output is their label's; ties go to the lower digit.
    pub fn correct(&self, logits: &[f32]) -> usize {
        let classes = logits.len() / self.labels.len().max(1);
        let best = |row: &[f32]| {
            let greater = |best: usize, i: usize| if row[i] > row[best] { i } else { best };
            (0..row.len()).fold(0, greater)
        };
        logits.chunks_exact(classes.max(1)).zip(&self.labels).filter(|(row, label)| best(row) == usize::from(**label)).count()
    }
}
