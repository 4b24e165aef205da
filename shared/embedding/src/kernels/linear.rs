//! A linear layer over 8-bit weights and 8-bit activations, its results in 32-bit floats: `y = x W + b`.
//! Weights are symmetric with one scale per output, activations have a scale and a zero point per row (token).
//! The layout of the weights is the one VNNI instructions want; the portable version uses it as well.

use archmage::prelude::*;

use super::QuantizedRows;

/// Outputs that are computed together: three 512-bit registers of 32-bit sums.
pub(super) const PANEL: usize = 48;

/// The weights between four consecutive inputs and the 48 outputs of a panel: for each output its four weights.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Step(pub(super) [[i8; 64]; 3]);

/// What happens with a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It replaces what is in the output.
    Store,
    /// It goes through GELU (the exact one, with the error function) and replaces what is in the output.
    Gelu,
    /// It is added to what is in the output (a residual connection).
    Add,
}

/// The weights of one layer, packed in panels.
#[derive(Debug)]
pub(crate) struct Linear {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    /// `outputs / 48` panels of `inputs / 4` steps.
    steps: Vec<Step>,
    /// Per output: what one unit of its weights is worth.
    pub(super) scales: Vec<f32>,
    /// Per output: the sum of its weights times its scale, which is what a zero point of one adds to the result.
    pub(super) sums: Vec<f32>,
    pub(super) biases: Vec<f32>,
}

impl Linear {
    /// Packs several row-major `[inputs, outputs]` weight matrices over the same inputs side by side.
    /// Each part is (weights, scale per output, bias per output).
    pub(crate) fn pack(inputs: usize, parts: &[(&[u8], &[f32], &[f32])]) -> Self {
        let scales: Vec<f32> = parts.iter().flat_map(|part| part.1).copied().collect();
        let biases: Vec<f32> = parts.iter().flat_map(|part| part.2).copied().collect();
        let outputs = scales.len();
        assert!(inputs.is_multiple_of(4) && outputs.is_multiple_of(PANEL), "layer does not fit the panels");
        let steps_per_panel = inputs / 4;
        let mut steps = vec![Step([[0; 64]; 3]); outputs / PANEL * steps_per_panel];
        let mut sums = vec![0.0; outputs];
        let mut first = 0;
        for (weights, part_scales, _) in parts {
            let width = part_scales.len();
            assert_eq!(weights.len(), inputs * width, "weights do not match their scales");
            for (input, row) in weights.chunks_exact(width).enumerate() {
                for (column, &byte) in row.iter().enumerate() {
                    let (weight, output) = (byte.cast_signed(), first + column);
                    let (panel, lane) = (output / PANEL, output % PANEL);
                    let step = &mut steps[panel * steps_per_panel + input / 4];
                    step.0[lane / 16][lane % 16 * 4 + input % 4] = weight;
                    sums[output] += f32::from(weight);
                }
            }
            first += width;
        }
        for (sum, scale) in sums.iter_mut().zip(&scales) {
            *sum *= scale;
        }
        Self { inputs, outputs, steps, scales, sums, biases }
    }

    pub(super) fn panel(&self, panel: usize) -> &[Step] {
        let length = self.inputs / 4;
        &self.steps[panel * length..][..length]
    }
}

/// Runs the layer over all rows. `out` is row-major, `rows` times `layer.outputs()`.
///
/// With activations `a = s (q - z)` and weights `w = t v`: `y = s t (sum q v) - s z (t sum v) + b`.
pub(crate) fn apply(layer: &Linear, rows: &QuantizedRows, out: &mut [f32], then: Then) {
    assert_eq!(rows.width(), layer.inputs, "rows do not fit the layer");
    assert_eq!(out.len(), rows.len() * layer.outputs, "output does not fit the rows");
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = X64V4xToken::summon() {
        return super::linear_avx512::apply_v4x(token, layer, rows, out, then);
    }
    #[cfg(target_arch = "x86_64")]
    if let Some(token) = X64V3Token::summon() {
        return super::linear_avx2::apply_v3(token, layer, rows, out, then);
    }
    apply_portable(layer, rows, out, then);
}

/// The name of the version of `apply` that runs here.
pub(super) fn instruction_set() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if X64V4xToken::summon().is_some() {
        return "avx512-vnni";
    }
    #[cfg(target_arch = "x86_64")]
    if X64V3Token::summon().is_some() {
        return "avx2";
    }
    if cfg!(target_arch = "aarch64") { "neon" } else { "portable" }
}

#[autoversion(neon, scalar)]
fn apply_portable(layer: &Linear, rows: &QuantizedRows, out: &mut [f32], then: Then) {
    for panel in 0..layer.outputs / PANEL {
        let steps = layer.panel(panel);
        for row in 0..rows.len() {
            let (words, _) = rows.row(row).as_chunks::<4>();
            for third in 0..3 {
                let mut totals = [0_i32; 16];
                for (step, word) in steps.iter().zip(words) {
                    let inputs = word.map(i32::from);
                    let (weights, _) = step.0[third].as_chunks::<4>();
                    for (total, weights) in totals.iter_mut().zip(weights) {
                        *total += inputs[0] * i32::from(weights[0])
                            + inputs[1] * i32::from(weights[1])
                            + inputs[2] * i32::from(weights[2])
                            + inputs[3] * i32::from(weights[3]);
                    }
                }
                let first = panel * PANEL + third * 16;
                let out = &mut out[row * layer.outputs + first..][..16];
                finish(layer, first, &totals, rows.scale_and_shift(row), out, then);
            }
        }
    }
}

/// Turns the integer sums of 16 outputs of one row, `first` and those after it, into results.
#[inline(always)]
pub(super) fn finish(
    layer: &Linear,
    first: usize,
    totals: &[i32; 16],
    (scale, shift): (f32, f32),
    out: &mut [f32],
    then: Then,
) {
    let scales = &layer.scales[first..first + 16];
    let sums = &layer.sums[first..first + 16];
    let biases = &layer.biases[first..first + 16];
    let mut y = [0.0; 16];
    for lane in 0..16 {
        y[lane] = totals[lane] as f32 * scales[lane] * scale + (biases[lane] - shift * sums[lane]);
    }
    match then {
        Then::Store => {}
        // A loop and not `map`, which would not be compiled for the caller's instructions.
        Then::Gelu => {
            for y in &mut y {
                *y = gelu(*y);
            }
        }
        Then::Add => {
            for lane in 0..16 {
                y[lane] += out[lane];
            }
        }
    }
    out.copy_from_slice(&y);
}

/// Coefficients of `erf(x) = 1 - (1 + a1 x + ... + a6 x^6)^-16` for `x >= 0`, error below 3e-7:
/// Abramowitz and Stegun, Handbook of Mathematical Functions, formula 7.1.28.
#[expect(clippy::excessive_precision, reason = "as printed in the source")]
pub(super) const ERF: [f32; 6] =
    [0.070_523_078, 0.042_282_012, 0.009_270_527, 0.000_152_014_3, 0.000_276_567_2, 0.000_043_063_8];

/// `x / 2 (1 + erf(x / sqrt 2))`.
#[inline(always)]
fn gelu(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let p = ERF.iter().rev().fold(0.0, |sum, &a| (sum + a) * z) + 1.0;
    let (p2, p4, p8);
    p2 = p * p;
    p4 = p2 * p2;
    p8 = p4 * p4;
    let erf = 1.0 - 1.0 / (p8 * p8);
    0.5 * (x + x.abs() * erf)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers between -1 and 1 that look random.
    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 8_388_608.0 - 1.0
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    fn layer(inputs: usize, outputs: usize) -> (Linear, Vec<f32>) {
        let weights: Vec<u8> =
            numbers(inputs * outputs, 1).iter().map(|x| ((x * 127.0) as i8).cast_unsigned()).collect();
        let (scales, biases) = (vec![0.01; outputs], numbers(outputs, 2));
        let dense = weights.iter().map(|byte| f32::from(byte.cast_signed()) * 0.01).collect();
        (Linear::pack(inputs, &[(&weights, &scales, &biases)]), dense)
    }

    #[test]
    fn a_layer_is_a_matrix_product() {
        let (inputs, outputs, count) = (128, 96, 11);
        let (layer, dense) = layer(inputs, outputs);
        let x = numbers(count * inputs, 3);
        let mut rows = QuantizedRows::default();
        rows.quantize(&x, inputs);
        let mut out = vec![0.0; count * outputs];
        apply(&layer, &rows, &mut out, Then::Store);
        for row in 0..count {
            for output in 0..outputs {
                let exact: f32 = layer.biases[output]
                    + (0..inputs).map(|i| x[row * inputs + i] * dense[i * outputs + output]).sum::<f32>();
                let error = (out[row * outputs + output] - exact).abs();
                assert!(error < 0.1, "row {row}, output {output}: off by {error}");
            }
        }
    }

    #[test]
    fn all_versions_agree() {
        let (layer, _) = layer(128, 96);
        for count in 1..=19 {
            let mut rows = QuantizedRows::default();
            rows.quantize(&numbers(count * 128, 4), 128);
            for then in [Then::Store, Then::Gelu, Then::Add] {
                let before = numbers(count * 96, 5);
                let (mut portable, mut chosen) = (before.clone(), before.clone());
                apply_portable(&layer, &rows, &mut portable, then);
                apply(&layer, &rows, &mut chosen, then);
                let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-4);
                assert!(close(&portable, &chosen), "{count} rows, {then:?}");
                #[cfg(target_arch = "x86_64")]
                if let Some(token) = X64V3Token::summon() {
                    let mut avx2 = before;
                    super::super::linear_avx2::apply_v3(token, &layer, &rows, &mut avx2, then);
                    assert!(close(&portable, &avx2), "{count} rows, {then:?}, AVX2");
                }
            }
        }
    }

    #[test]
    fn gelu_is_the_exact_one() {
        // Values of x/2 (1 + erf(x/sqrt 2)).
        for (x, y) in [(0.0, 0.0), (1.0, 0.841_344_7), (-1.0, -0.158_655_3), (3.0, 2.995_95), (-9.0, 0.0)] {
            assert!((gelu(x) - y).abs() < 1e-5, "{x}: {}", gelu(x));
        }
    }
}
