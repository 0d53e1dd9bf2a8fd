//! Tables as they are found in the wild, and each thing that can be wrong with one.

use super::*;
use crate::estimate::layers::{Conv, Gemm, LayerKind, RightOperand};

const CONV_HEADER: &str = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,";
const GEMM_HEADER: &str = "Layer, M, N, K,";

fn parse(text: &str) -> Result<Topology, TopologyError> {
    Topology::parse("t.csv", text.as_bytes())
}

/// The layers and notes of rows below a header.
fn rows(header: &str, rows: &str) -> Topology {
    parse(&format!("{header}\n{rows}")).unwrap()
}

fn message(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// A convolution whose windows fit, as this module makes it.
fn conv(input: [u64; 2], kernel: [u64; 2], channels: u64, filters: u64, stride: u64) -> LayerKind {
    LayerKind::Conv(Conv { input, kernel, channels, filters, strides: [stride; 2], padding: [0; 4], groups: 1 })
}

fn gemm(m: u64, n: u64, k: u64, groups: u64) -> LayerKind {
    LayerKind::Gemm(Gemm { m, n, k, groups, right: RightOperand::Weights })
}

fn kinds(topology: &Topology) -> Vec<LayerKind> {
    topology.layers.iter().map(|layer| *layer.kind()).collect()
}

#[test]
fn both_formats_are_told_apart_by_the_header() {
    let convolutions = rows(CONV_HEADER, "a, 8, 9, 3, 2, 4, 5, 1,\nb,1,1,1,1,7,6,1,\n");
    assert_eq!(kinds(&convolutions), [conv([8, 9], [3, 2], 4, 5, 1), conv([1, 1], [1, 1], 7, 6, 1)]);
    let products = rows(GEMM_HEADER, "a, 2, 3, 5,\nb,7,11,13,\n");
    assert_eq!(kinds(&products), [gemm(2, 3, 5, 1), gemm(7, 11, 13, 1)]);
    assert_eq!((products.layers[1].name(), products.layers[1].product().k), ("b", 13));
    assert!(convolutions.notes.is_empty() && products.notes.is_empty());
}

#[test]
fn commas_line_ends_blanks_comments_and_quotes_do_not_matter() {
    let plain = rows(GEMM_HEADER, "a,2,3,5,\nb,7,11,13,\n");
    for text in [
        "Layer,M,N,K\na,2,3,5\nb,7,11,13",
        "Layer,M,N,K,\r\na,2,3,5,\r\nb,7,11,13,\r\n",
        "\u{feff}Layer,M,N,K,\n\n  \t\n,,,,\na,2,3,5,\n\n\nb,7,11,13\n\n",
        "# shapes\nLayer,M,N,K,\n  # first\na,2,3,5,#last, 1\n#b,1,1,1\nb,7,11,13, # not seen\n",
        "LAYER NAME , m, N,k ,\n\ta , 2 ,3, 5 , \nb,7,11,13,",
        "\"Layer\",\"M\",N,K\n\"a\",\"2\",3,5\nb,7,11,13",
    ] {
        assert_eq!(parse(text).unwrap(), plain, "{text:?}");
    }
    assert_eq!(rows(GEMM_HEADER, "\"x, y\",1,1,1").layers[0].name(), "x, y");
}

/// SCALE-Sim's own formula, in `scalesim/topology_utils.py`: `ceil((size - kernel + stride) / stride)`.
#[test]
fn outputs_are_those_of_scale_sim() {
    for size in 1..12 {
        for kernel in 1..=size {
            for stride in 1..6 {
                let layer = &rows(CONV_HEADER, &format!("a,{size},11,{kernel},4,3,5,{stride}")).layers[0];
                let outputs = |size: u64, kernel: u64| (size - kernel + stride).div_ceil(stride);
                assert_eq!(layer.output_size(), [outputs(size, kernel), outputs(11, 4)], "{size} {kernel} {stride}");
                assert_eq!(layer.input_elements(), size * 11 * 3);
            }
        }
    }
}

#[test]
fn strides_may_have_two_columns_and_convolutions_a_batch() {
    let header = CONV_HEADER.replace("Strides", "Stride height, Stride width");
    let layer = &rows(&header, "a,7,7,1,1,2,2,3,2,").layers[0];
    assert_eq!(layer.output_size(), [3, 4]);
    let batch = rows(&format!("{CONV_HEADER} Batch Size,"), "a,7,7,1,1,2,2,1,4,\nb,7,7,1,1,2,2,1,,");
    assert_eq!([batch.layers[0].batch(), batch.layers[1].batch()], [4, 1]);
    assert_eq!(kinds(&rows("Layer,M,N,K,Batch", "a,2,3,5,6")), [gemm(2, 3, 5, 6)]);
}

#[test]
fn depthwise_layers_have_a_group_for_each_channel() {
    let layer = &rows(CONV_HEADER, "DP_1,5,5,3,3,8,2,1,").layers[0];
    let expected = Conv { input: [5, 5], kernel: [3, 3], channels: 8, filters: 16, strides: [1, 1], padding: [0; 4], groups: 8 };
    assert_eq!(layer.kind(), &LayerKind::Conv(expected));
}

#[test]
fn what_the_layers_do_not_hold_is_noted_once() {
    let sparse = rows(&format!("{CONV_HEADER} Sparsity,"), "a,5,5,3,3,2,6,1,2:4,\nb,5,5,3,3,2,6,1,1:4,\nc,5,5,3,3,2,6,1,1,");
    assert_eq!(sparse.notes, ["column 9 (Sparsity) is left out: layers count as dense"]);
    assert_eq!(rows("Layer,M,N,K,Sparsity", "a,1,1,1,4:4\nb,1,1,1,1\nc,1,1,1,").notes, [""; 0]);
    assert_eq!(rows(CONV_HEADER, "a,5,5,3,3,2,6,1,2:4,").notes, sparse.notes);
    // The header of the third version's ResNet-18 has a column without a name, and the rows one cell less.
    let target = rows(&format!("{CONV_HEADER}, Target"), "a,5,5,3,3,2,6,1, NPU\nb,5,5,3,3,2,6,1, GPU\nc,5,5,3,3,2,6,1,, GPU");
    let dropped = "column 9 has no name and is left out, as SCALE-Sim drops what follows the last comma";
    assert_eq!(target.notes, [dropped, "column 10 (Target) does not change a layer's cycles and is left out"]);
    assert_eq!(rows(CONV_HEADER, "a,96,96,3,3,3,8,2, 2").notes, [dropped]);
}

#[test]
fn a_name_may_stand_twice_but_not_elsewhere() {
    let twice = CONV_HEADER.replace("IFMAP Height", "IFMAP Width");
    assert_eq!(kinds(&rows(&twice, "a,8,9,3,2,4,5,1,")), [conv([8, 9], [3, 2], 4, 5, 1)]);
    let swapped = "Layer, IFMAP Width, IFMAP Height, Filter Height, Filter Width, Channels, Num Filter, Strides,";
    let expected = "\"IFMAP Height\"; SCALE-Sim reads columns by their position";
    assert_eq!(message(swapped), format!("t.csv:1: column 2 (header): found \"IFMAP Width\", expected {expected}"));
    let expected = "\"N\"; SCALE-Sim reads columns by their position";
    assert_eq!(message("Layer,M,K,N\na,1,1,1"), format!("t.csv:1: column 3 (header): found \"K\", expected {expected}"));
    assert_eq!(message("Layer,M,N\na,1,1"), message("Layer,M,N,\na,1,1").replace("\"\"", "nothing"));
}

#[test]
fn wrong_headers_are_located() {
    let header = "a header, whose second column is \"IFMAP Height\" (convolutions) or \"M\" (matrix products)";
    assert_eq!(message("\n\na,224,224,7,7,3,64,2"), format!("t.csv:3: column 2 (header): found \"224\", expected {header}"));
    assert_eq!(message("one"), format!("t.csv:1: column 2 (header): found nothing, expected {header}"));
    let strides = "\"Strides\", or \"Stride Height\" and \"Stride Width\"";
    let no_strides = CONV_HEADER.replace(" Strides,", "");
    assert_eq!(message(&no_strides), format!("t.csv:1: column 8 (header): found nothing, expected {strides}"));
    let one_stride = CONV_HEADER.replace("Strides", "Stride Height");
    assert_eq!(message(&one_stride), "t.csv:1: column 9 (header): found nothing, expected \"Stride Width\"");
    for (more, column, found) in [("Dilation", 9, "Dilation"), ("Batch, Batch", 10, "Batch"), ("M", 9, "M")] {
        let expected = "\"Sparsity\", \"Batch Size\" or \"Target\", each once";
        let text = format!("{CONV_HEADER}{more}");
        assert_eq!(message(&text), format!("t.csv:1: column {column} (header): found {found:?}, expected {expected}"));
    }
    let wide = format!("{GEMM_HEADER}{}", ",".repeat(100));
    assert_eq!(message(&wide), "t.csv:1: column 65 (header): found nothing, expected at most 64 columns");
}

#[test]
fn wrong_cells_are_located() {
    let size = "a whole number from 1 below 2^64";
    for wrong in ["0", "-1", "1.5", "+2", "x", "18446744073709551616", "٣"] {
        let text = format!("{CONV_HEADER}\n\na,5,5,3,3,2,6,1,\nb,5,5,3,{wrong},2,6,1,");
        assert_eq!(message(&text), format!("t.csv:4: column 5 (Filter Width): found {wrong:?}, expected {size}"));
    }
    assert_eq!(message(&format!("{GEMM_HEADER}\na,1,1")), format!("t.csv:2: column 4 (K): found nothing, expected {size}"));
    let name = "t.csv:2: column 1 (Layer name): found nothing, expected the name of a layer";
    assert_eq!(message(&format!("{GEMM_HEADER}\n,1,1,1")), name);
    let beyond = "t.csv:2: column 5 (without a name): found \"9\", expected no cell: the header has 4 columns";
    assert_eq!(message("Layer,M,N,K\na,1,1,1,9"), beyond);
    let unnamed = "nothing, as the header has no name here; name the column (Sparsity, Batch Size or Target)";
    let expected = format!("t.csv:2: column 5 (without a name): found \"9\", expected {unnamed}");
    assert_eq!(message(&format!("{GEMM_HEADER}\na,1,1,1,9,")), expected);
    let ratio = "a ratio such as 2:4, or 1 for dense weights";
    for wrong in ["4:2", "0:4", "2", "2:", ":", "a:b"] {
        let text = format!("Layer,M,N,K,Sparsity\na,1,1,1,{wrong}");
        assert_eq!(message(&text), format!("t.csv:2: column 5 (Sparsity): found {wrong:?}, expected {ratio}"));
    }
    let open_quote = message(&format!("{GEMM_HEADER}\n\"a,1,1,1\nb,1,1,1"));
    assert_eq!(open_quote, format!("t.csv:2: column 2 (M): found nothing, expected {size}"));
    let long = message(&format!("{GEMM_HEADER}\na,{},1,1", "z".repeat(1000)));
    assert_eq!(long, format!("t.csv:2: column 2 (M): found \"{}\", expected {size}", "z".repeat(60)));
}

#[test]
fn impossible_layers_and_empty_or_binary_files_are_refused() {
    let kernel = "t.csv:2: layer \"a\": a kernel of 3 does not fit a padded input of 2; give a larger input";
    assert_eq!(message(&format!("{CONV_HEADER}\na,2,2,3,3,1,1,1,")), kernel);
    let absurd = message(&format!("{CONV_HEADER}\na,{0},{0},1,1,{0},{0},{0},", u64::MAX));
    assert_eq!(absurd, "t.csv:2: layer \"a\": the padded input's height or width exceed 2^53; no such layer can be meant");
    assert!(message(&format!("{CONV_HEADER}\nDP,5,5,3,3,{0},{0},1,", u64::MAX)).contains("exceed 2^53"));
    let empty = "t.csv: it has no layers; give a header line and a line for each layer";
    for text in ["", "\n\n", "# nothing", CONV_HEADER, GEMM_HEADER] {
        assert_eq!(message(text), empty, "{text:?}");
    }
    let binary = Topology::parse("t.csv", b"Layer,M,N,K\na,1,1,1\n\xff\xfe").unwrap_err().to_string();
    assert_eq!(binary, "t.csv: line 3 is not UTF-8 text; give a CSV file");
}

#[test]
fn files_are_read_up_to_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    std::fs::write(&path, "Layer,M,N,K\na,2,3,5\n").unwrap();
    assert_eq!(kinds(&Topology::read(&path).unwrap()), [gemm(2, 3, 5, 1)]);
    let mut largest = b"Layer,M,N,K\na,2,3,5\n#".to_vec();
    largest.resize(LARGEST_FILE as usize, b'#');
    std::fs::write(&path, &largest).unwrap();
    assert_eq!(kinds(&Topology::read(&path).unwrap()), [gemm(2, 3, 5, 1)]);
    largest.push(b'#');
    std::fs::write(&path, &largest).unwrap();
    assert!(
        Topology::read(&path)
            .unwrap_err()
            .to_string()
            .ends_with("it has more than 256 KiB; a topology has a line for each layer")
    );
    let missing = Topology::read(&folder.path().join("none.csv")).unwrap_err().to_string();
    assert!(missing.contains("none.csv: "), "{missing}");
}
