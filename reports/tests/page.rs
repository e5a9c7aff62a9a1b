//! The page of a report in a browser.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, unreachable_pub)]

mod browser;
#[allow(dead_code, reason = "other tests make other runs")]
mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;

use browser::Browser;
use reports::{AddedSettings, Measured, Variance, write_diagnostics};
use serde_json::json;
use tempfile::{TempDir, tempdir};
use vocabulary::record::inspection::{Curve, Map, Place, Radii, ReceptiveField, Stage};
use vocabulary::record::{Inspection, SCHEMA};

const HOSTILE: &str = "x</script><script>window.harmed=1</script>\"'><img src=x onerror=window.harmed=1>";

/// The page of runs in every state, with a baseline and a description that would do harm.
fn page() -> (TempDir, PathBuf) {
    let dir = tempdir().unwrap();
    let home = support::experiment(dir.path());
    for seed in 0..3 {
        let mut hostile = support::cell("pathfinder32-1d", "gru-64", 31_000, seed, 0.60 + 0.003 * seed as f64);
        hostile.record.baseline.label = HOSTILE.to_owned();
        support::outcomes(&hostile.write(&home), 2, HOSTILE);
        for (run, classes) in
            [("pathfinder32-1d.ccnn-4-64", 2), ("pathfinder32-2d.ccnn-4-64", 2), ("smnist.ccnn-4-140", 10)]
        {
            let folder = home.join(format!("{run}.s{seed}"));
            if folder.is_dir() {
                support::outcomes(&folder, classes, HOSTILE);
                reports::write_inspection(&folder, Stage::Trained, &inspection()).unwrap();
            }
        }
    }
    let description = json!({"schema": 1, "name": "made-up", "description": format!("=cmd|' /C calc'!A0 {HOSTILE}")});
    std::fs::write(home.join("experiment.yaml"), description.to_string()).unwrap();
    let out = dir.path().join("report");
    let paths = reports::write(&[home], &out, "html,csv".parse().unwrap(), None, &AddedSettings::default()).unwrap();
    (dir, paths.index.unwrap())
}

/// A network that looks at 3 × 5 positions, twice as much at the first as at the second, and not at all at the last.
fn inspection() -> Inspection {
    let mut values = vec![Some(1000), Some(500)];
    values.extend([Some(10); 12]);
    values.push(None);
    let map = Map { shape: [3, 5], step: 2, origin: [1, 2], unit: 0.004, values };
    let curve = Curve { at: vec![0, 1, 2], values: vec![Some(4.0), Some(2.0), Some(0.5)] };
    let radii = Radii { r50: Some(0), r90: Some(1), r99: Some(2) };
    let field = ReceptiveField { samples: 3, of: Place::Middle, curve, map: Some(map), radii };
    Inspection { schema: SCHEMA, shape: vec![3, 5], layers: Vec::new(), field: Some(field), answer: None }
}

/// Every figure is seen, with nothing wider than the window, and nothing was asked for or complained of.
fn assert_sound(browser: &Browser, page: &std::path::Path) {
    let shown = browser.run(
        "return [...document.querySelectorAll('figure')].map(figure => [...figure.querySelectorAll('.panel svg')]
           .map(image => image.getBoundingClientRect()).filter(box => box.width > 200 && box.height > 100).length
           * figure.querySelectorAll('.plot [data-s], .map').length);",
    );
    let shown = shown.as_array().unwrap();
    assert!(!shown.is_empty() && shown.iter().all(|count| count.as_u64() > Some(0)), "{shown:?}");
    let widths = browser.run("return [document.documentElement.scrollWidth, innerWidth]");
    assert_eq!(widths[0], widths[1], "the page scrolls sideways");
    let wide = browser.run(
        "return [...document.querySelectorAll('main *')].filter(one => !one.closest('.scroll, svg')
           && one.getBoundingClientRect().right > innerWidth + 1).map(one => one.outerHTML.slice(0, 200));",
    );
    assert_eq!(wide, json!([]));
    assert_eq!(browser.complaints(), [""; 0]);
    let asked = browser.requests();
    let own = format!("file://{}", std::fs::canonicalize(page).unwrap().display());
    assert!(asked.iter().all(|address| *address == own || address.starts_with("data:")), "{asked:?}");
    assert_eq!(browser.run("return window.harmed ?? null"), json!(null));
}

#[test]
#[ignore = "needs Chromium"]
fn a_desk_and_a_phone_show_every_figure_in_a_browser() {
    let (_dir, page) = page();
    for width in [1400, 400] {
        let browser = Browser::open(&page, width);
        assert_sound(&browser, &page);
        let small = browser.run(
            "return Math.min(...[...document.querySelectorAll('.panel text')].map(text => text.getBoundingClientRect())
               .filter(box => box.width > box.height && box.height > 0).map(box => box.height))",
        );
        assert!(small.as_f64() > Some(9.0), "letters of {small} pixels at {width}");
    }
}

#[test]
#[ignore = "needs Chromium"]
fn a_page_without_its_script_shows_everything_in_a_browser() {
    let (_dir, page) = page();
    let browser = Browser::open(&page, 1400);
    let shown = |browser: &Browser| {
        browser.run(
            "const seen = query => [...document.querySelectorAll(query)].filter(one => one.getClientRects().length).length;
             return [seen('section'), seen('tbody tr'), seen('figcaption'), seen('.plot [data-s]'), seen('.index a')]",
        )
    };
    let with_script = shown(&browser);
    browser.reload_without_script();
    assert_eq!(browser.run("return document.querySelectorAll('.tools, .tip, [role=button]').length"), json!(0));
    assert_eq!(shown(&browser), with_script);
    assert_sound(&browser, &page);
}

#[test]
#[ignore = "needs Chromium"]
fn hostile_names_stay_text_in_a_browser() {
    let (_dir, page) = page();
    let browser = Browser::open(&page, 1400);
    let shown = browser.run(&format!(
        "const name = {}; return [document.querySelector('#summary').textContent.includes(name),
           document.querySelector('.lead').textContent.includes(name),
           [...document.querySelectorAll('.legend li')].some(item => item.textContent.includes(name)),
           [...document.querySelectorAll('.legend li[data-s]')].some(key => key.textContent.includes(name))]",
        json!(HOSTILE)
    ));
    assert_eq!(shown, json!([true, true, true, true]));
    assert_sound(&browser, &page);
}

#[test]
#[ignore = "needs Chromium"]
fn tables_sort_and_filter_in_a_browser() {
    let (_dir, page) = page();
    let browser = Browser::open(&page, 1400);
    let names = |browser: &Browser, column: u32| {
        browser.run(&format!(
            "return [...document.querySelectorAll('#results tbody tr')].filter(row => row.getClientRects().length)
               .map(row => row.cells[{column}].textContent)"
        ))
    };
    let before = names(&browser, 1);
    let parameters = browser.run(
        "return [...document.querySelectorAll('#results th')].findIndex(h => h.textContent.startsWith('Parameters'))",
    );
    let parameters = parameters.as_u64().unwrap() as u32;
    let head = format!("#results th:nth-child({}) button", parameters + 1);
    browser.click(&head);
    let found = names(&browser, parameters);
    let numbers: Vec<u64> = found
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|text| text.as_str()?.replace('\u{202f}', "").parse().ok())
        .collect();
    assert!(numbers.len() > 3 && numbers.is_sorted_by(|a, b| a >= b), "{numbers:?}");
    assert_eq!(found.as_array().unwrap().last().unwrap(), "–", "what is no number comes last");
    browser.click(&head);
    assert_eq!(names(&browser, parameters)[0], "0");
    browser.click(&head);
    assert_eq!(names(&browser, 1), before, "as it was");
    browser.type_into("#results input", "LSTM smnist");
    assert_eq!(names(&browser, 1), json!(["lstm-64"]));
    let count = browser.run("return document.querySelector('#results [role=status]').textContent");
    assert!(count.as_str().unwrap().starts_with("1 of "), "{count}");
    assert_sound(&browser, &page);
}

#[test]
#[ignore = "needs Chromium"]
fn series_switch_and_tell_their_values_in_a_browser() {
    let (_dir, page) = page();
    let browser = Browser::open(&page, 1400);
    let hidden = |browser: &Browser| {
        browser.run("return document.querySelectorAll('#learning-curves .plot [data-s]').length
            - [...document.querySelectorAll('#learning-curves .plot [data-s]')].filter(one => one.getClientRects().length).length")
    };
    assert_eq!(hidden(&browser), 0);
    browser.click("#learning-curves .legend li[data-s]");
    assert!(hidden(&browser).as_u64() > Some(2));
    browser.click("#learning-curves .legend li[data-s]");
    assert_eq!(hidden(&browser), 0);

    // The pointer goes where the last point of the first line is drawn, and where the first dot is.
    let tip = |selector: &str, end: u8| {
        browser.centre(selector);
        let place = browser.run(&format!(
            "const group = document.querySelector({selector:?}), path = group.querySelector('path') ?? group;
             const place = path.getPointAtLength({end} * path.getTotalLength()).matrixTransform(path.getScreenCTM());
             return [place.x, place.y];"
        ));
        browser.pointer(place[0].as_f64().unwrap(), place[1].as_f64().unwrap(), &[]);
        browser.run("const tip = document.querySelector('.tip'); return tip.hidden ? '' : tip.innerText")
    };
    let line = tip("#learning-curves [data-line]", 1);
    let line = line.as_str().unwrap();
    assert!(line.contains("ccnn-4-64") && line.contains("mean squared error") && line.contains("epoch: 10"), "{line}");
    let dot = tip("#accuracy-against-parameters [data-dots]", 0);
    let dot = dot.as_str().unwrap();
    assert!(dot.contains("ccnn-4-64") && dot.contains("seeds: s0 70.00 %, s1 71.00 %, s2 72.00 %"), "{dot}");
    assert_sound(&browser, &page);
}

#[test]
#[ignore = "needs Chromium"]
fn maps_tell_the_value_under_the_pointer_in_a_browser() {
    let (_dir, page) = page();
    for width in [1400, 400] {
        let browser = Browser::open(&page, width);
        browser.centre(".map image");
        let tip = |column: f64, row: f64| {
            let place = browser.run(&format!(
                "const box = document.querySelector('.map image').getBoundingClientRect();
                 return [box.x + box.width * {column} / 5, box.y + box.height * {row} / 3];"
            ));
            browser.pointer(place[0].as_f64().unwrap(), place[1].as_f64().unwrap(), &[]);
            browser.run("const tip = document.querySelector('.tip'); return tip.hidden ? '' : tip.innerText")
        };
        let first = tip(0.5, 0.5);
        assert!(first.as_str().unwrap().contains("value: 4\nrow -2, column -4"), "{first}");
        let second = tip(1.5, 0.5);
        assert!(second.as_str().unwrap().contains("value: 2\nrow -2, column -2"), "{second}");
        let last = tip(4.5, 2.5);
        assert!(last.as_str().unwrap().contains("value: not finite\nrow +2, column +4"), "{last}");
        assert_sound(&browser, &page);
    }
}

#[test]
#[ignore = "needs Chromium"]
fn diagnostics_are_shown_in_a_browser() {
    let dir = tempdir().unwrap();
    let measured = Measured {
        inputs: "made-up values".into(),
        samples: 3,
        pairs: false,
        logits_over: "samples × outputs".into(),
        variance: Variance::Population,
        dropout: false,
    };
    let measured = BTreeMap::from([("smnist".to_owned(), measured)]);
    let page = write_diagnostics(&support::diagnostics(), &measured, &[], "key", dir.path()).unwrap().index.unwrap();
    for width in [1400, 400] {
        assert_sound(&Browser::open(&page, width), &page);
    }
}
