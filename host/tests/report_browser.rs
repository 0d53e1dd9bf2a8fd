//! The report's page in a real browser: nothing overflows, nothing is loaded, every mark is there, both colour schemes are followed.
//! Screenshots are left in `target/report`.

use crate::browser::{Browser, View};
use crate::cli_support::{Folder, json, printed, text};
use serde_json::Value;
use std::path::{Path, PathBuf};

const VIEWS: [(&str, View); 4] = [
    ("light", View { width: 1280, height: 900, scheme: "light" }),
    ("dark", View { width: 1280, height: 900, scheme: "dark" }),
    ("phone", View { width: 390, height: 844, scheme: "light" }),
    ("narrow", View { width: 360, height: 640, scheme: "dark" }),
];

fn folder_of_screenshots() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// How many marks each chart must have, from the figures.
fn expected(report: &Value) -> Vec<(&'static str, usize)> {
    let estimates = report["estimates"].as_array().unwrap();
    let shown = estimates.iter().find(|estimate| estimate["precision"] == report["shown"]).unwrap();
    let layers = shown["layers"].as_array().unwrap().len();
    let known = |costs: &Value| {
        let energy = costs["energy_pj"].as_object().unwrap();
        energy.iter().filter(|(name, pj)| !["total", "missing"].contains(&name.as_str()) && !pj.is_null()).count()
    };
    let all: usize = estimates.iter().map(|estimate| known(&estimate["total"])).sum();
    let by_layer: usize = shown["layers"].as_array().unwrap().iter().map(known).sum();
    let dram = estimates.iter().filter(|estimate| !estimate["total"]["energy_pj"]["dram"].is_null()).count();
    let own = report["metrics"].as_array().unwrap().iter().filter(|row| row["kind"] != "baseline");
    let both = own.clone().filter(|row| row["name"] == "a8w8" || row["name"] == report["shown"]);
    let ends: usize =
        both.map(|row| row["first_last"].as_object().unwrap().values().filter(|share| !share.is_null()).count()).sum();
    let gains: usize = own.map(|row| ["speedup", "energy_gain"].iter().filter(|key| !row[**key].is_null()).count()).sum();
    let all_layers = shown["layers"].as_array().unwrap();
    let uniform = all_layers.iter().all(|layer| layer["precision"] == all_layers[0]["precision"]);
    let front = report["front"]["front"].as_array().map_or(0, Vec::len);
    vec![
        ("gains", gains),
        ("ends", ends),
        ("energy", all),
        ("energy-on-chip", all - dram),
        ("roofline", layers + 1),
        ("utilisation", 2 * (layers + 1)),
        ("energy-by-layer", by_layer),
        ("stalls", 8 * (layers + 1)),
        ("plan", if uniform { 0 } else { 2 * layers }),
        ("front-loss", front),
        ("front-accuracy", front),
    ]
}

/// Loads a page in every view and looks at it as a reader would.
fn check(name: &str, page: &Path, report: &Value) {
    let mut browser = Browser::open();
    let mut pictures = Vec::new();
    for (view_name, view) in VIEWS {
        let what = format!("{name}, {view_name}");
        browser.load(page, view);
        assert_eq!(browser.complaints(), [""; 0], "{what}");
        let width = |browser: &mut Browser, of: &str| browser.evaluate(of).as_f64().unwrap();
        let (page_width, window) =
            (width(&mut browser, "document.documentElement.scrollWidth"), width(&mut browser, "innerWidth"));
        assert_eq!(window, f64::from(view.width), "{what}");
        assert!(page_width <= window, "{what}: {page_width} px in a window of {window}");
        // Text of charts stays within its figure, and stays as large as it is.
        let outside = "[...document.querySelectorAll('svg text')].filter(text => { \
            const box = text.getBoundingClientRect(), figure = text.closest('figure').getBoundingClientRect(); \
            return box.left < figure.left || box.right > figure.right; }).map(text => text.closest('figure').id + ': ' + text.textContent)";
        assert_eq!(browser.evaluate(outside), serde_json::json!([]), "{what}");
        let cards = "[...document.querySelectorAll('.cards li')].filter(card => card.scrollWidth > card.clientWidth).map(card => card.textContent)";
        assert_eq!(browser.evaluate(cards), serde_json::json!([]), "{what}");
        let least =
            "Math.min(...[...document.querySelectorAll('svg text')].map(text => parseFloat(getComputedStyle(text).fontSize)))";
        assert!(width(&mut browser, least) >= 11.0, "{what}");
        for (chart, marks) in expected(report).into_iter() {
            let count = format!("document.querySelectorAll('#{chart} .mark').length");
            assert_eq!(browser.evaluate(&count), marks, "{what}: marks of {chart}");
            if marks == 0 {
                continue;
            }
            let titled = format!(
                "[...document.querySelectorAll('#{chart} .mark')].every(mark => mark.querySelector('title').textContent)"
            );
            assert_eq!(browser.evaluate(&titled), true, "{what}: tooltips of {chart}");
            let named = format!("document.querySelector('#{chart} svg').getAttribute('aria-label').length > 20");
            assert_eq!(browser.evaluate(&named), true, "{what}: {chart} in words");
        }
        let background = browser.evaluate("getComputedStyle(document.body).backgroundColor");
        let mark = browser.evaluate("getComputedStyle(document.querySelector('#gains .mark')).fill");
        pictures.push((view.scheme, background, mark));
        std::fs::write(folder_of_screenshots().join(format!("{name}-{view_name}.png")), browser.screenshot()).unwrap();
    }
    // Charts follow the page: dark marks on light, light ones on dark.
    let [light, dark, ..] = pictures.as_slice() else { unreachable!() };
    assert_ne!((&light.1, &light.2), (&dark.1, &dark.2));
    assert!(light.1 != dark.1 && light.2 != dark.2, "{light:?} {dark:?}");
}

#[test]
fn the_digits_with_a_plan_and_a_front() {
    let folder = Folder::new();
    let (page, plan) = (folder.file("report.html"), folder.file("plan.toml"));
    printed(&["plan", "--budget", "cycles=0.5x", "--predicted-only", "-o", text(&plan)]);
    let front = folder.write("front.json", &printed(&["plan", "--front", "--predicted-only", "--json"]));
    let report = json(&["report", "--precision", text(&plan), "--front", text(&front), "-o", text(&page), "--json"]);
    assert!(report["front"]["front"].as_array().unwrap().len() >= 12);
    assert_eq!(report["shown"], text(&plan));
    check("digits", &page, &report);
}

#[test]
fn a_large_table_by_a_file_that_lacks_figures() {
    let folder = Folder::new();
    let page = folder.file("report.html");
    let base = ["report", "--network", "resnet50", "--config", "large", "--energy", "horowitz-45nm", "--clock", "500"];
    let report = json(&[&base[..], &["-o", text(&page), "--json"]].concat());
    assert_eq!(report["estimates"].as_array().unwrap().len(), 9);
    check("resnet50", &page, &report);
}

/// Names come from files: none of them becomes markup.
#[test]
fn names_are_text() {
    let folder = Folder::new();
    let page = folder.file("report.html");
    let name = "<img src=x onerror=alert(1)>";
    let table = folder.write("layers.csv", &format!("Layer, M, N, K,\n{name}, 10, 20, 30,\nplain, 64, 64, 64,\n"));
    let report = json(&["report", "--topology", text(&table), "-o", text(&page), "--json"]);
    let mut browser = Browser::open();
    browser.load(&page, VIEWS[2].1);
    assert_eq!(browser.complaints(), [""; 0]);
    assert_eq!(browser.evaluate("document.querySelectorAll('img, script').length"), 0);
    assert_eq!(
        browser.evaluate("document.querySelector('#layers tbody th').textContent"),
        report["estimates"][0]["layers"][0]["name"]
    );
}
