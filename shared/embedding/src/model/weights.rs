//! The weights of all-MiniLM-L6-v2 as the kernels want them. Reads them once; computes nothing with them.

use std::borrow::Cow;

use super::ModelFileError;
use super::onnx_file::{OnnxFile, Tensor};
use crate::kernels::Linear;

/// Length of a token's vector, and of the embedding.
pub(super) const HIDDEN: usize = 384;
/// Length of a token's vector inside the feed-forward half of a layer.
pub(super) const INNER: usize = 1536;
/// Layers.
const LAYERS: usize = 6;
/// Most tokens of one text, with the two markers; what the model was trained for.
pub(crate) const TOKENS_MAX: usize = 256;

/// Gain and bias of a layer normalisation.
#[derive(Debug)]
pub(super) struct Normalization {
    pub(super) gain: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// One encoder layer.
#[derive(Debug)]
pub(super) struct Layer {
    /// Queries, keys and values of all heads, side by side.
    pub(super) attention: Linear,
    pub(super) attention_out: Linear,
    pub(super) attention_norm: Normalization,
    pub(super) expand: Linear,
    pub(super) contract: Linear,
    pub(super) feed_forward_norm: Normalization,
}

/// The whole model.
pub(crate) struct MiniLm {
    /// The vectors of all words, a byte per number.
    pub(super) words: Cow<'static, [u8]>,
    pub(super) word_scale: f32,
    pub(super) word_zero: f32,
    /// The vectors of the positions, the one vector of token type 0 added in.
    pub(super) positions: Vec<f32>,
    pub(super) embedding_norm: Normalization,
    pub(super) layers: Vec<Layer>,
}

impl MiniLm {
    /// Reads the file. Of borrowed bytes, the word vectors (half of the file) stay where they are.
    #[expect(clippy::ptr_arg, reason = "only borrowed bytes can stay where they are")]
    pub(crate) fn load(bytes: &Cow<'static, [u8]>) -> Result<Self, ModelFileError> {
        let file = OnnxFile::parse(bytes)?;
        let words = match bytes {
            Cow::Borrowed(bytes) => {
                Cow::Borrowed(OnnxFile::parse(bytes)?.tensor("w.weight_quantized")?.bytes)
            }
            Cow::Owned(_) => Cow::Owned(file.tensor("w.weight_quantized")?.bytes.to_vec()),
        };
        let layers = (0..LAYERS).map(|layer| read_layer(&file, layer)).collect::<Result<_, _>>()?;
        let (word_scale, word_zero) = scale_and_zero(&file, "w.weight")?;
        if !words.len().is_multiple_of(HIDDEN) {
            return Err(ModelFileError::Missing("word vectors of the expected length".to_owned()));
        }
        Ok(Self {
            words,
            word_scale,
            word_zero,
            positions: read_positions(&file)?,
            embedding_norm: read_normalization(&file, "ln")?,
            layers,
        })
    }
}

impl std::fmt::Debug for MiniLm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MiniLm").field("words", &(self.words.len() / HIDDEN)).finish_non_exhaustive()
    }
}

fn read_layer(file: &OnnxFile<'_>, layer: usize) -> Result<Layer, ModelFileError> {
    let name = |part: &str| format!("ls.{layer}.{part}");
    Ok(Layer {
        attention: read_linear(file, HIDDEN, &[&name("q"), &name("k"), &name("v")])?,
        attention_out: read_linear(file, HIDDEN, &[&name("o")])?,
        attention_norm: read_normalization(file, &name("l1"))?,
        expand: read_linear(file, HIDDEN, &[&name("f")])?,
        contract: read_linear(file, INNER, &[&name("g")])?,
        feed_forward_norm: read_normalization(file, &name("l2"))?,
    })
}

/// Reads linear layers over the same inputs as one.
fn read_linear(file: &OnnxFile<'_>, inputs: usize, names: &[&str]) -> Result<Linear, ModelFileError> {
    let mut parts = Vec::new();
    for name in names {
        let bias = format!("{name}.bias");
        let stem = file.weight_stem(&bias)?;
        let weights = file.tensor(&format!("{stem}_quantized"))?;
        let scales = file.tensor(&format!("{stem}_scale"))?.floats();
        let zeros = file.tensor(&format!("{stem}_zero_point"))?;
        let biases = file.tensor(&bias)?.floats();
        let fits = weights.shape == [inputs, scales.len()]
            && weights.bytes.len() == inputs * scales.len()
            && biases.len() == scales.len();
        // Stored either as bytes or as packed numbers, zero is zero.
        if !fits || zeros.bytes.iter().any(|zero| *zero != 0) {
            return Err(ModelFileError::Missing(format!("symmetric 8-bit weights of {name}")));
        }
        parts.push((weights.bytes, scales, biases));
    }
    let parts: Vec<_> = parts.iter().map(|(w, s, b)| (*w, s.as_slice(), b.as_slice())).collect();
    Ok(Linear::pack(inputs, &parts))
}

fn read_normalization(file: &OnnxFile<'_>, name: &str) -> Result<Normalization, ModelFileError> {
    let gain = file.tensor(&format!("{name}.weight"))?.floats();
    let bias = file.tensor(&format!("{name}.bias"))?.floats();
    if gain.len() != HIDDEN || bias.len() != HIDDEN {
        return Err(ModelFileError::Missing(format!("normalisation {name} of the expected width")));
    }
    Ok(Normalization { gain, bias })
}

fn read_positions(file: &OnnxFile<'_>) -> Result<Vec<f32>, ModelFileError> {
    let mut positions = file.tensor("p")?.floats();
    let kind = file.tensor("t.weight_quantized")?.bytes;
    if positions.len() < TOKENS_MAX * HIDDEN || kind.len() < HIDDEN {
        return Err(ModelFileError::Missing("positions of the expected number".to_owned()));
    }
    positions.truncate(TOKENS_MAX * HIDDEN);
    let (scale, zero) = scale_and_zero(file, "t.weight")?;
    for position in positions.chunks_exact_mut(HIDDEN) {
        for (x, byte) in position.iter_mut().zip(kind) {
            *x += (f32::from(*byte) - zero) * scale;
        }
    }
    Ok(positions)
}

/// Scale and zero point of a table of unsigned bytes.
fn scale_and_zero(file: &OnnxFile<'_>, stem: &str) -> Result<(f32, f32), ModelFileError> {
    let scale = file.tensor(&format!("{stem}_scale"))?.floats();
    let zero = unsigned_number(file.tensor(&format!("{stem}_zero_point"))?);
    let scale = scale.first().copied().ok_or_else(|| ModelFileError::Missing(format!("scale of {stem}")))?;
    Ok((scale, zero))
}

/// A lone byte, stored as such or (above 127) as a number of two bytes in base 128.
fn unsigned_number(tensor: Tensor<'_>) -> f32 {
    match tensor.bytes {
        [low, high] => f32::from(low & 0x7f) + 128.0 * f32::from(*high),
        bytes => bytes.first().copied().map_or(0.0, f32::from),
    }
}
