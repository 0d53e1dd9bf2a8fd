//! Texts of the importer's refusals: node, operator, what was found, what is supported, what to do.
//!
//! Models are fixtures with a few bytes exchanged: names of the same length keep a protocol buffer valid.

use crate::onnx_support::fixture_bytes;
use crumb::onnx::{import, supported_operators};

/// Imports a fixture in which `from` is replaced by `to` everywhere, and gives the refusal's text.
fn refusal(name: &str, from: &[u8], to: &[u8]) -> String {
    assert_eq!(from.len(), to.len());
    let mut bytes = fixture_bytes(name);
    let places: Vec<usize> = (0..bytes.len() - from.len()).filter(|&at| bytes[at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "{name} does not contain {from:?}");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    import(&bytes).unwrap_err().to_string()
}

#[test]
fn unknown_operator() {
    let text = refusal("relu_float", b"Relu", b"Xelu");
    let list = supported_operators().join(", ");
    assert_eq!(
        text,
        format!(
            "node \"relu1\" (Xelu): found operator \"Xelu\"; supported: {list}; export the model without this operator, or run \
             that part of it elsewhere"
        )
    );
    assert!(list.contains("Conv, ConvInteger") && list.contains("com.microsoft.QGemm"), "{list}");
}

#[test]
fn unknown_attribute() {
    assert_eq!(
        refusal("conv_dilation", b"dilations", b"dilatoins"),
        "node \"conv12\" (Conv): found attribute \"dilatoins\"; supported: auto_pad, dilations, group, kernel_shape, pads, \
         strides (opset 17); export without it, or with the opset that has it"
    );
}

#[test]
fn attribute_value() {
    assert_eq!(
        refusal("conv_same_upper", b"SAME_UPPER", b"SAME_UPPPR"),
        "node \"conv12\" (Conv): found auto_pad \"SAME_UPPPR\"; supported: NOTSET, VALID, SAME_UPPER and SAME_LOWER; export \
         with explicit pads"
    );
}

#[test]
fn layer_that_is_not_quantized() {
    // The Relu becomes a convolution of the float input.
    let text = refusal("relu_float", b"Relu", b"Conv");
    assert_eq!(
        text,
        "node \"relu1\" (Conv): found float32 that is not behind DequantizeLinear as input; supported: int8 or uint8 data \
         behind DequantizeLinear; quantize it statically in QDQ form: onnxruntime.quantization.quantize_static"
    );
}

#[test]
fn operator_of_another_opset() {
    // opset_import { domain: "", version: 17 }: field 8, four bytes (the empty domain is written) with version 9.
    let bytes = fixture_bytes("conv_pad");
    let tail = bytes.len() - 1;
    assert_eq!(bytes[tail], 17);
    let mut old = bytes.clone();
    old[tail] = 9;
    assert_eq!(
        import(&old).unwrap_err().to_string(),
        "model: found opset 9; supported: opset 10 to 26; convert it: onnx.version_converter.convert_version(model, 21)"
    );
    // Scales along an axis came with opset 13.
    let mut per_axis = bytes;
    per_axis[tail] = 12;
    let text = import(&per_axis).unwrap_err().to_string();
    assert!(text.contains("a scale of shape [8] (opset 12)"), "{text}");
}

#[test]
fn no_file_at_all() {
    assert_eq!(
        import(b"").unwrap_err().to_string(),
        "this is not an ONNX model: the file is empty; check that the file is complete and is a .onnx file"
    );
    let text = import(b"\x89PNG\r\n\x1a\n").unwrap_err().to_string();
    assert!(text.starts_with("this is not an ONNX model: "), "{text}");
}

#[test]
fn names_are_escaped() {
    let text = refusal("relu_float", b"Relu", b"\x1b[2J");
    assert!(text.contains("\\u{1b}[2J"), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn scale_that_is_no_scale() {
    let scale = 0.0137f32.to_le_bytes();
    assert_eq!(
        refusal("relu_float", &scale, &(-1.0f32).to_le_bytes()),
        "node \"quantizelinear4\" (QuantizeLinear): found scale -1; supported: finite scales above zero; calibrate the model again"
    );
    assert!(refusal("relu_float", &scale, &f32::NAN.to_le_bytes()).contains("found scale NaN;"));
}

/// Text for a model of `fixtures/refused`.
fn refused(name: &str) -> String {
    import(&fixture_bytes(&format!("refused/{name}"))).unwrap_err().to_string()
}

#[test]
fn models_outside_the_patterns() {
    let expected = [
        (
            "float_bias",
            "node \"gemm10\" (Gemm): found a constant of float32 that is not behind DequantizeLinear as bias; supported: a constant of int32 behind DequantizeLinear; quantize the bias to int32 with scale input scale * weight scale, as quantize_static does",
        ),
        (
            "wrong_bias_scale",
            "node \"gemm13\" (Gemm): found bias scale 5e-1 in output channel 0; supported: input scale * weight scale = 1.25e-1; quantize the bias to int32 with scale input scale * weight scale, as quantize_static does",
        ),
        ("alpha", "node \"gemm9\" (Gemm): found alpha = 0.5; supported: alpha = 1; fold the factor into the weights"),
        ("trans_a", "node \"gemm9\" (Gemm): found transA = 1; supported: transA = 0; transpose the input before the layer"),
        (
            "overflow",
            "node \"gemm13\" (Gemm): found accumulators of up to k * max|a| * max|w| + max|bias| = 2147581567 (k = 3); supported: up to 2147483647 (int32); split the layer along its reduction, or reduce the bias",
        ),
        (
            "computed_scale",
            "node \"dequantizelinear6\" (DequantizeLinear): found a scale that is computed; supported: constants (initializers, or Constant nodes); quantize statically: onnxruntime.quantization.quantize_static",
        ),
        (
            "axis_input",
            "node \"gemm11\" (Gemm): found an input with 3 scales along axis 1; supported: one scale for the whole input; quantize activations per tensor",
        ),
        (
            "weight_axis",
            "node \"conv9\" (Conv): found weight scales along axis 1; supported: one scale, or one for each output channel (axis 0); quantize weights per tensor or per output channel",
        ),
        (
            "wrong_channels",
            "node \"conv9\" (Conv): found input of shape [1, 3, 9, 9]: expected [batch, 4, height, width]; supported: types and shapes that the operator is defined on; correct the model in the exporter",
        ),
    ];
    for (name, text) in expected {
        assert_eq!(refused(name), text, "{name}");
    }
}
