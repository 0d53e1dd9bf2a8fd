//! Requests are checked before any tool runs, and, when asked for, one whole build.

use super::*;

fn request(verilog: &str) -> BuildRequest {
    BuildRequest {
        board: Board::Ulx3s,
        config_name: "tiny".into(),
        rows: 4,
        cols: 4,
        stream_bits: 32,
        verilog: verilog.into(),
        // Below a file, where nothing can be written, whoever runs the tests.
        out_dir: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml/out")),
        tools_dir: PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml/tools")),
        seed: 1,
        until: Stage::Routing,
    }
}

#[test]
fn a_bad_request_is_refused_before_anything_is_written() {
    let whole = "module crumb_tiny(clock);\nmodule crumb_tiny_array (a);\nmodule  crumb_tiny_pe;\n";
    let core_only = "module crumb_tiny(clock);\n// module crumb_tiny_array\n";

    let refused = |request: &BuildRequest| build(request, &mut Silent).unwrap_err();
    let missing = refused(&request(core_only));
    assert!(matches!(&missing, FpgaError::MissingModule { module, .. } if module == "crumb_tiny_array"), "{missing}");
    let named = BuildRequest { config_name: "ti; ny".into(), ..request(whole) };
    assert!(matches!(refused(&named), FpgaError::BadName { .. }));
    let board = BuildRequest { board: Board::Arty, ..request(whole) };
    assert!(matches!(refused(&board), FpgaError::NotBuilt { .. }));
    // The whole one passes these checks and stops at the directory.
    let unwritable = refused(&request(whole));
    assert!(matches!(unwritable, FpgaError::Io { action: "create", .. }), "{unwritable}");
}

#[test]
fn an_array_of_another_size_is_refused() {
    let statistics: synthesis::Statistics = serde_json::from_str(include_str!("fixtures/array.stat.json")).unwrap();
    let names = ModuleNames { core: "crumb_tiny".into(), array: "crumb_tiny_array".into(), pe: "crumb_tiny_pe".into() };
    let array = array_cells(&request(""), &names, &statistics).unwrap();
    assert_eq!((array.trellis_comb, array.trellis_comb_per_pe), (16 * 660, 660));
    assert_eq!((array.trellis_ff_per_pe, array.mult18x18d), (144, 0));

    let larger = BuildRequest { rows: 8, ..request("") };
    let error = array_cells(&larger, &names, &statistics).unwrap_err().to_string();
    assert!(error.contains("expected 32 instances of `crumb_tiny_pe` in `crumb_tiny_array`, found 16"), "{error}");
}
