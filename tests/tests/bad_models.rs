//! Models that must be refused, and what the refusals say: `oracles/bad_models.py` makes the models, `oracles/bad_models.toml` has
//! the messages, word for word.
//!
//! A message that changes is read again here: does it say where, what was found, what is supported, and what to do?

use crumb::onnx::import;
use std::collections::BTreeMap;
use std::path::Path;

/// Models by name.
fn models() -> BTreeMap<String, Vec<u8>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("oracles").join("bad_models");
    let files = std::fs::read_dir(&folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let model =
        |path: std::path::PathBuf| (path.file_stem().unwrap().to_str().unwrap().to_string(), std::fs::read(path).unwrap());
    let models: BTreeMap<_, _> = files.map(model).collect();
    assert!(!models.is_empty(), "no models in {}: run `cargo xtask oracles`", folder.display());
    models
}

fn messages() -> BTreeMap<String, String> {
    let operators = crumb::onnx::supported_operators().join(", ");
    let messages: BTreeMap<String, String> = toml::from_str(include_str!("../oracles/bad_models.toml")).unwrap();
    messages.into_iter().map(|(name, message)| (name, message.replace("{operators}", &operators))).collect()
}

#[test]
fn refusals_word_for_word() {
    let (models, messages) = (models(), messages());
    assert!(models.keys().eq(messages.keys()), "models {:?}\nmessages {:?}", models.keys(), messages.keys());
    let mut wrong = Vec::new();
    for (name, bytes) in &models {
        let found = import(bytes).map_or_else(|error| error.to_string(), |_| "no refusal".into());
        if found != messages[name] {
            wrong.push(format!("{name}\n  found    {found}\n  expected {}", messages[name]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} models:\n{}", wrong.len(), models.len(), wrong.join("\n"));
}

/// Where it was found, what was found, what is supported, and what to do.
fn parts(message: &str) -> Option<[&str; 4]> {
    if let Some(rest) = message.strip_prefix("this is not an ONNX model: ") {
        let (reason, advice) = rest.rsplit_once("; ")?;
        return Some(["file", reason, "a .onnx file", advice]);
    }
    let (place, rest) = message.split_once(": found ")?;
    let (found, rest) = rest.split_once("; supported: ")?;
    let (supported, advice) = rest.split_once("; ")?;
    Some([place, found, supported, advice])
}

#[test]
fn refusals_are_whole() {
    let models = models();
    for (name, message) in messages() {
        let Some([place, found, supported, advice]) = parts(&message) else { panic!("{name}: {message}") };
        assert!([place, found, supported, advice].iter().all(|part| part.trim() == *part && part.len() > 2), "{name}: {message}");
        // An advice begins with what to do.
        let verb = advice.split(' ').next().unwrap();
        assert!(VERBS.contains(&verb), "{name}: {verb:?} of {advice:?} is no verb of an advice");
        let holds = |text: &str| models[&name].windows(text.len()).any(|window| window == text.as_bytes());
        if let Some(rest) = place.strip_prefix("node \"") {
            let (node, operator) = rest.strip_suffix(')').unwrap().rsplit_once("\" (").unwrap();
            let own = operator.rsplit('.').next().unwrap();
            assert!(holds(own) && (node.contains('\\') || holds(node)), "{name}: {place} is no node of the model");
        } else if let Some(rest) = place.strip_prefix("tensor ") {
            assert!(holds(rest.trim_matches('"')), "{name}: {place} is no tensor of the model");
        } else {
            assert!(place == "model" || place == "file", "{name}: {place}");
        }
    }
}

/// What users are told to do.
const VERBS: &[&str] = &[
    "calibrate",
    "check",
    "convert",
    "correct",
    "crop",
    "export",
    "fold",
    "give",
    "inline",
    "insert",
    "make",
    "pad",
    "quantize",
    "reduce",
    "remove",
    "reshape",
    "resize",
    "run",
    "save",
    "split",
    "start",
    "store",
    "transpose",
];
