//! Models in bytes, written field by field.

/// A length-delimited field of a protocol buffer.
pub fn field(number: usize, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for mut value in [number << 3 | 2, body.len()] {
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
    }
    bytes.extend(body);
    bytes
}

pub fn message(fields: &[(usize, &[u8])]) -> Vec<u8> {
    fields.iter().flat_map(|(number, body)| field(*number, body)).collect()
}

pub fn node(op: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut bytes: Vec<u8> = inputs.iter().flat_map(|input| field(1, input.as_bytes())).collect();
    bytes.extend(message(&[(2, output.as_bytes()), (3, format!("{output}.node").as_bytes()), (4, op.as_bytes())]));
    bytes
}

pub fn tensor(name: &str, dims: &[u8], data_type: u8, raw: &[u8]) -> Vec<u8> {
    let mut bytes: Vec<u8> = dims.iter().flat_map(|&dim| [1 << 3, dim]).collect();
    bytes.extend([2 << 3, data_type]);
    bytes.extend(message(&[(8, name.as_bytes()), (9, raw)]));
    bytes
}

pub fn value(name: &str, data_type: u8, dims: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&dim| field(1, &[1 << 3, dim])).collect();
    let tensor_type = [vec![1 << 3, data_type], field(2, &dims)].concat();
    message(&[(1, name.as_bytes()), (2, &field(1, &tensor_type))])
}

pub const FLOAT: u8 = 1;
pub const UINT8: u8 = 2;
pub const INT8: u8 = 3;

/// A model in bytes, with a field that nobody knows between the others.
pub fn model(nodes: &[Vec<u8>], tensors: &[Vec<u8>], inputs: &[Vec<u8>], outputs: &[Vec<u8>]) -> Vec<u8> {
    let graph = [(1, nodes), (5, tensors), (11, inputs), (12, outputs)];
    let mut graph: Vec<u8> =
        graph.iter().flat_map(|(number, messages)| messages.iter().flat_map(|body| field(*number, body))).collect();
    graph.extend(field(23, b"unknown"));
    [vec![1 << 3, 10], field(7, &graph), field(8, &[2 << 3, 13]), field(23, b"kept")].concat()
}
