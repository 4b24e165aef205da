//! Reads the tensors and the node links of an ONNX file without copying them: an ONNX file is a protocol-buffers
//! message (`ModelProto` of onnx.proto3), of which only four message types and nine fields matter here.
//! Deliberately no graph execution, no external data, no other element type than the ones the model has.

use rustc_hash::FxHashMap;

use super::ModelFileError;

/// One tensor of the file, its elements little-endian and row-major.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tensor<'a> {
    /// Size along each axis; none for a scalar.
    pub(crate) shape: [usize; 2],
    /// The elements as stored.
    pub(crate) bytes: &'a [u8],
}

/// One operation of the graph.
#[derive(Debug)]
struct Node<'a> {
    inputs: Vec<&'a str>,
    operation: &'a str,
}

/// The parts of an ONNX file that a hand-written forward pass needs.
#[derive(Debug)]
pub(crate) struct OnnxFile<'a> {
    tensors: FxHashMap<&'a str, Tensor<'a>>,
    /// The nodes by the name of their (first) output.
    nodes: FxHashMap<&'a str, Node<'a>>,
    /// Which node output adds the tensor of this name to something.
    adds: FxHashMap<&'a str, &'a str>,
}

impl<'a> OnnxFile<'a> {
    /// Indexes the file; fails on anything that is not an ONNX model.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, ModelFileError> {
        let mut file =
            Self { tensors: FxHashMap::default(), nodes: FxHashMap::default(), adds: FxHashMap::default() };
        let graph = fields(bytes)
            .find_map(|field| match field {
                Ok((7, Value::Bytes(graph))) => Some(Ok(graph)),
                Ok(_) => None,
                Err(error) => Some(Err(error)),
            })
            .ok_or(ModelFileError::Malformed("no graph"))??;
        for field in fields(graph) {
            match field? {
                (1, Value::Bytes(node)) => file.read_node(node)?,
                (5, Value::Bytes(tensor)) => {
                    let (name, tensor) = read_tensor(tensor)?;
                    file.tensors.insert(name, tensor);
                }
                _ => {}
            }
        }
        Ok(file)
    }

    /// The tensor of that name.
    pub(crate) fn tensor(&self, name: &str) -> Result<Tensor<'a>, ModelFileError> {
        self.tensors.get(name).copied().ok_or_else(|| ModelFileError::Missing(name.to_owned()))
    }

    /// The stem of the weight names (`_quantized`, `_scale`) of the linear layer whose bias has the given name.
    /// The exporter numbers weights, so they are found through the graph: the bias is added to a product, whose
    /// origin is the one `MatMulInteger` above it.
    pub(crate) fn weight_stem(&self, bias: &str) -> Result<&'a str, ModelFileError> {
        let missing = || ModelFileError::Missing(format!("weights of {bias}"));
        let mut at = *self.adds.get(bias).ok_or_else(missing)?;
        for _ in 0..8 {
            let node = self.nodes.get(at).ok_or_else(missing)?;
            if node.operation == "MatMulInteger" {
                let weights = node.inputs.get(1).ok_or_else(missing)?;
                return weights.strip_suffix("_quantized").ok_or_else(missing);
            }
            at = node.inputs.iter().find(|input| self.nodes.contains_key(*input)).ok_or_else(missing)?;
        }
        Err(missing())
    }

    fn read_node(&mut self, bytes: &'a [u8]) -> Result<(), ModelFileError> {
        let (mut node, mut output) = (Node { inputs: Vec::new(), operation: "" }, "");
        for field in fields(bytes) {
            match field? {
                (1, Value::Bytes(name)) => node.inputs.push(text(name)?),
                (2, Value::Bytes(name)) if output.is_empty() => output = text(name)?,
                (4, Value::Bytes(name)) => node.operation = text(name)?,
                _ => {}
            }
        }
        if node.operation == "Add" {
            for input in &node.inputs {
                self.adds.insert(input, output);
            }
        }
        self.nodes.insert(output, node);
        Ok(())
    }
}

impl Tensor<'_> {
    /// The elements, if they are 32-bit floats.
    pub(crate) fn floats(&self) -> Vec<f32> {
        let (words, _) = self.bytes.as_chunks::<4>();
        words.iter().map(|word| f32::from_le_bytes(*word)).collect()
    }
}

fn read_tensor(bytes: &[u8]) -> Result<(&str, Tensor<'_>), ModelFileError> {
    let (mut name, mut shape, mut rank) = ("", [1; 2], 0);
    let mut data: &[u8] = &[];
    for field in fields(bytes) {
        match field? {
            (1, Value::Number(size)) if rank < 2 => {
                shape[rank] = usize::try_from(size).map_err(|_| ModelFileError::Malformed("tensor size"))?;
                rank += 1;
            }
            (1, Value::Bytes(mut packed)) => {
                while !packed.is_empty() && rank < 2 {
                    shape[rank] = varint(&mut packed)? as usize;
                    rank += 1;
                }
            }
            (8, Value::Bytes(bytes)) => name = text(bytes)?,
            (9, Value::Bytes(raw)) => data = raw,
            // A lone 8-bit number is stored as a varint (`int32_data`), a lone float as `float_data`; both small.
            (4 | 5, Value::Bytes(packed)) => data = packed,
            _ => {}
        }
    }
    Ok((name, Tensor { shape, bytes: data }))
}

fn text(bytes: &[u8]) -> Result<&str, ModelFileError> {
    std::str::from_utf8(bytes).map_err(|_| ModelFileError::Malformed("name"))
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of one message, in order: number and value. Fixed-width fields are skipped over as numbers.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = Result<(u64, Value<'_>), ModelFileError>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let field = field(&mut rest);
        if field.is_err() {
            rest = &[];
        }
        Some(field)
    })
}

fn field<'a>(rest: &mut &'a [u8]) -> Result<(u64, Value<'a>), ModelFileError> {
    let key = varint(rest)?;
    let value = match key & 7 {
        0 => Value::Number(varint(rest)?),
        1 => Value::Bytes(take(rest, 8)?),
        2 => {
            let length = usize::try_from(varint(rest)?).map_err(|_| ModelFileError::Malformed("length"))?;
            Value::Bytes(take(rest, length)?)
        }
        5 => Value::Bytes(take(rest, 4)?),
        _ => return Err(ModelFileError::Malformed("wire type")),
    };
    Ok((key >> 3, value))
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], ModelFileError> {
    let (head, tail) = rest.split_at_checked(length).ok_or(ModelFileError::Malformed("cut short"))?;
    *rest = tail;
    Ok(head)
}

fn varint(rest: &mut &[u8]) -> Result<u64, ModelFileError> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(ModelFileError::Malformed("number"))
}
