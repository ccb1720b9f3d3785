//! The page of `oomph explain --html`, opened in a browser: it is whole, sorts, tells what each line
//! means by pointer, keyboard and touch, and can be read on a phone, by day and by night.
//!
//! `OOMPH_SCREENSHOTS=DIR cargo test -p oomph --test html` also leaves pictures there.
#![expect(clippy::print_stdout, reason = "tests say what was skipped")]

mod browser;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use browser::Browser;
use serde_json::{Value, json};

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/captures")
}

fn log(name: &str) -> String {
    fs::read_to_string(captures().join(name).join("kill.log")).expect("a log")
}

/// The page of a log, and the file it is in.
fn page(name: &str, log: &str) -> (String, PathBuf) {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let input = dir.join(format!("{name}.log"));
    let file = dir.join(format!("{name}.html"));
    fs::write(&input, log).expect("a file of the build");
    let output = Command::new(env!("CARGO_BIN_EXE_oomph"))
        .args(["explain", "--html"])
        .args([&file, &input])
        .env_clear()
        .output()
        .expect("oomph starts");
    assert!(output.status.success(), "{output:?}");
    (fs::read_to_string(&file).expect("the page"), file)
}

/// Several reports with names that want out of the page.
fn hostile() -> String {
    let mut all = String::new();
    for (log, name) in [
        (log("6.1-i386-1g"), "<script>x()"),
        (log("6.12-256m-cgroup2"), "x) total-vm:1kB"),
        (log("6.1-512m-two-nodes"), "\"><img src=x>"),
        (log("6.12-1g"), "a\u{202e}b\x1b[2J&lt;"),
    ] {
        all.push_str(&log.replace("hog", name));
        all.push_str(&"[    9.000000] usb 1-1: new device\n".repeat(70));
    }
    all
}

/// What a page may not do, and did.
fn offences(browser: &Browser) -> Vec<String> {
    let mut found = Vec::new();
    for request in browser.events("Network.requestWillBeSent") {
        let url = request["request"]["url"].as_str().unwrap_or_default();
        if !url.starts_with("data:") && request["type"] != "Document" {
            found.push(format!("fetched {url}"));
        }
    }
    for kind in ["Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"] {
        found.extend(browser.events(kind).iter().map(ToString::to_string));
    }
    found
}

#[test]
fn the_page_is_whole_and_hostile_names_stay_names() {
    let (text, file) = page("hostile", &hostile());
    assert!(!text.contains('\x1b') && !text.contains('\u{202e}'));
    assert_eq!(text.matches("<script").count(), 1);
    assert_eq!(text.matches("<img").count(), 0);
    for reference in ["http:", "https:", "url(", "@import", "eval("] {
        assert!(!text.contains(reference), "{reference}");
    }
    assert!(!text.contains(" style=") && !text.contains(" onclick="));
    let Some(mut browser) = Browser::start("whole") else { return };
    browser.open(&file);
    assert_eq!(offences(&browser), Vec::<String>::new());
    assert_eq!(browser.evaluate("document.scripts.length"), 1);
    assert_eq!(browser.evaluate("document.images.length"), 0);
    assert_eq!(browser.evaluate("document.querySelectorAll('article').length"), 4);
    let names = browser
        .evaluate("[...document.querySelectorAll('.tasks tbody th a')].map(a => a.textContent)");
    for name in ["<script>x()", "x) total-vm:1kB", "\"><img src=x>", r"a\u{202e}b\x1b[2J&lt;"] {
        assert!(names.as_array().unwrap().contains(&json!(name)), "{name}: {names}");
    }
    // No two elements may have one name, or a link would lead astray.
    let twice = browser.evaluate(
        "(() => { const all = [...document.querySelectorAll('[id]')].map(e => e.id); \
         return all.filter((id, at) => all.indexOf(id) !== at); })()",
    );
    assert_eq!(twice, json!([]));
    let astray = browser.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1))\
         .filter(id => !document.getElementById(id))",
    );
    assert_eq!(astray, json!([]));
    browser.picture("index.png", None);
}

#[test]
fn every_column_sorts_both_ways() {
    let Some(mut browser) = Browser::start("sort") else { return };
    let (_, file) = page("sort", &log("6.1-i386-1g"));
    browser.open(&file);
    let heads = browser.evaluate("document.querySelectorAll('.tasks thead button').length");
    assert_eq!(heads, 10);
    for head in 0..10 {
        let mut orders = Vec::new();
        for _ in 0..2 {
            let click = format!("document.querySelectorAll('.tasks thead button')[{head}].click()");
            browser.evaluate(&click);
            let order = browser
                .evaluate("document.querySelector('.tasks [aria-sort]').getAttribute('aria-sort')");
            let cells = browser.evaluate(
                "(() => { const at = document.querySelector('.tasks [aria-sort]').cellIndex; \
                 return [...document.querySelectorAll('.tasks tbody tr')].map(row => \
                 row.cells[at].dataset.v ?? row.cells[at].textContent.trim()); })()",
            );
            assert!(is_sorted(&cells, order == "ascending"), "{head} {order}: {cells}");
            orders.push(order);
        }
        assert_ne!(orders[0], orders[1]);
        assert_eq!(browser.evaluate("document.querySelectorAll('.tasks [aria-sort]').length"), 1);
    }
    // By keyboard, too.
    browser.evaluate("document.querySelectorAll('.tasks thead button')[1].focus()");
    let before = browser.evaluate("document.querySelector('.tasks tbody').textContent");
    browser.press(" ");
    assert_ne!(browser.evaluate("document.querySelector('.tasks tbody').textContent"), before);
    assert_eq!(offences(&browser), Vec::<String>::new());
}

/// Numbers in their order before anything else; texts by the browser's own order are left to it,
/// except that they may not be mixed with numbers.
fn is_sorted(cells: &Value, up: bool) -> bool {
    let cells = cells.as_array().unwrap();
    let numbers: Vec<f64> =
        cells.iter().map_while(|cell| cell.as_str().unwrap().parse().ok()).collect();
    let rest = &cells[numbers.len()..];
    let in_order = |pair: &[f64]| if up { pair[0] <= pair[1] } else { pair[0] >= pair[1] };
    let texts: Vec<String> =
        rest.iter().map(|cell| cell.as_str().unwrap().to_lowercase()).collect();
    let texts_in_order = texts.windows(2).all(|pair| {
        let letters = |text: &str| text.chars().all(|c| c.is_ascii_lowercase());
        !letters(&pair[0])
            || !letters(&pair[1])
            || if up { pair[0] <= pair[1] } else { pair[0] >= pair[1] }
    });
    cells.len() > 3
        && numbers.windows(2).all(in_order)
        && rest.iter().all(|cell| cell.as_str().unwrap().parse::<f64>().is_err())
        && texts_in_order
}

/// The meanings that can be seen now.
const SEEN: &str = "[...document.querySelectorAll('.gloss')].filter(gloss => { \
    const box = gloss.getBoundingClientRect(); \
    return box.width > 0 && box.bottom > 0 && box.top < innerHeight; }).map(g => g.textContent)";

/// Where the middle of a line of the log is, after it was brought into view.
fn place(browser: &mut Browser, words: &str) -> (f64, f64) {
    let place = browser.evaluate(&format!(
        "(() => {{ const line = [...document.querySelectorAll('.l')].find(line => \
         line.firstChild.textContent.includes({})); \
         line.scrollIntoView({{ block: 'center', behavior: 'instant' }}); \
         const box = line.getBoundingClientRect(); \
         return [box.left + 20, box.top + box.height / 2]; }})()",
        json!(words)
    ));
    (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
}

#[test]
fn a_line_tells_its_meaning_by_pointer_keyboard_and_touch() {
    let Some(mut browser) = Browser::start("hover") else { return };
    let (_, file) = page("hover", &log("6.1-i386-1g"));
    browser.screen(1000, 800);
    browser.open(&file);
    assert_eq!(browser.evaluate(SEEN), json!([]));
    for (words, meaning) in [
        ("invoked oom-killer", "asked for one page"),
        ("Normal free:", "is not above min + reserve"),
        ("Total swap", "There is no swap"),
        ("Killed process", "It held 833\u{a0}MiB"),
    ] {
        let (x, y) = place(&mut browser, words);
        browser.point(x, y);
        let seen = browser.evaluate(SEEN);
        let seen = seen.as_array().unwrap();
        assert_eq!(seen.len(), 1, "{words}: {seen:?}");
        assert!(seen[0].as_str().unwrap().contains(meaning), "{words}: {seen:?}");
    }
    browser.picture("hover.png", None);
    browser.point(1.0, 1.0);
    assert_eq!(browser.evaluate(SEEN), json!([]));
    // The keyboard goes from line to line, and Tab leaves them.
    browser.evaluate("document.querySelector('.l[tabindex=\"0\"]').focus()");
    let first = browser.evaluate(SEEN);
    browser.press("ArrowDown");
    let second = browser.evaluate(SEEN);
    assert_eq!((first.as_array().unwrap().len(), second.as_array().unwrap().len()), (1, 1));
    assert_ne!(first, second);
    browser.press("Tab");
    let left = browser.evaluate("document.activeElement.matches('.l')");
    assert_eq!(left, false);
    // A task's name leads to its line.
    browser.evaluate("document.querySelector('.victim th a').click()");
    browser.until(&format!("({SEEN}).length === 1"));
    let seen = browser.evaluate(SEEN);
    assert!(seen[0].as_str().unwrap().contains("THIS ONE WAS KILLED"), "{seen}");
    browser.press("Escape");
    // A finger does what the pointer does.
    browser.screen(360, 740);
    browser.open(&file);
    browser.call("Emulation.setTouchEmulationEnabled", &json!({ "enabled": true }));
    let (x, y) = place(&mut browser, "Normal free:");
    let finger = json!({ "type": "touchStart", "touchPoints": [{ "x": x, "y": y }] });
    browser.call("Input.dispatchTouchEvent", &finger);
    browser.call("Input.dispatchTouchEvent", &json!({ "type": "touchEnd", "touchPoints": [] }));
    browser.until(&format!("({SEEN}).length === 1"));
    let seen = browser.evaluate(SEEN);
    assert_eq!(seen.as_array().unwrap().len(), 1, "{seen}");
    browser.picture("tap.png", None);
    // All at once.
    browser.evaluate("document.querySelector('.all').click()");
    let shown = browser.evaluate(
        "[...document.querySelectorAll('.gloss')].every(g => getComputedStyle(g).display === 'block')",
    );
    assert_eq!(shown, true);
    assert_eq!(offences(&browser), Vec::<String>::new());
}

#[test]
fn without_the_script_everything_can_be_read() {
    let Some(mut browser) = Browser::start("plain") else { return };
    let (_, file) = page("plain", &log("6.12-256m-cgroup2"));
    browser.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    browser.screen(1000, 800);
    browser.open(&file);
    assert_eq!(browser.evaluate("document.querySelectorAll('button').length"), 0);
    let (x, y) = place(&mut browser, "memory: usage");
    browser.point(x, y);
    let seen = browser.evaluate(SEEN);
    assert!(seen[0].as_str().unwrap().contains("that is what ran out"), "{seen}");
}

#[test]
fn it_is_readable_on_a_phone_by_day_and_by_night_and_on_paper() {
    let Some(mut browser) = Browser::start("phone") else { return };
    for name in ["6.1-i386-1g", "6.12-256m-cgroup2", "6.1-512m-two-nodes"] {
        let (_, file) = page(&format!("phone-{name}"), &log(name));
        for (width, height) in [(360, 740), (1100, 900)] {
            for scheme in ["light", "dark"] {
                browser.screen(width, height);
                browser.scheme(scheme);
                browser.open(&file);
                assert!(fits(&mut browser, width), "{name} at {width}");
                browser.evaluate("document.querySelector('.all').click()");
                assert!(fits(&mut browser, width), "{name} at {width} with all meanings");
                assert_eq!(faint(&mut browser), json!([]), "{name} {scheme}");
                browser.evaluate("document.querySelector('.all').click()");
                browser.picture(&format!("{name}-{width}-{scheme}.png"), Some(width));
            }
        }
    }
    let (_, several) = page("phone-several", &hostile());
    browser.screen(360, 740);
    browser.open(&several);
    assert!(fits(&mut browser, 360), "several reports at 360");
    browser.picture("several-360.png", Some(360));
    let (_, one) = page("paper", &log("6.1-512m-two-nodes"));
    browser.open(&one);
    let media = json!({ "media": "print", "features": [] });
    browser.call("Emulation.setEmulatedMedia", &media);
    let shown = browser.evaluate(
        "[...document.querySelectorAll('.gloss')].every(g => getComputedStyle(g).display === 'block')",
    );
    assert_eq!(shown, true);
    browser.picture("paper.png", Some(1100));
    let columns = browser.evaluate(
        "['thead', 'tbody'].map(part => [...document.querySelector('.tasks ' + part).rows[0].cells]\
         .filter(cell => getComputedStyle(cell).display !== 'none').length)",
    );
    assert_eq!(columns[0], columns[1]);
    let paper = browser.call("Page.printToPDF", &json!({ "preferCSSPageSize": true }));
    assert!(paper["data"].as_str().unwrap().starts_with("JVBERi0"), "a PDF");
}

/// Whether nothing is wider than the window, but for what scrolls by itself.
fn fits(browser: &mut Browser, width: u32) -> bool {
    let wide = browser.evaluate("document.documentElement.scrollWidth");
    wide.as_u64().unwrap() <= u64::from(width)
}

/// Texts whose contrast with their ground is under 4.5, as the accessibility guidelines ask for.
fn faint(browser: &mut Browser) -> Value {
    browser.evaluate(
        "(() => { const parse = c => c.match(/[\\d.]+/g).map(Number); \
         const lum = c => { const [r, g, b] = parse(c).map(v => { v /= 255; \
           return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); \
           return 0.2126 * r + 0.7152 * g + 0.0722 * b; }; \
         const ground = e => { for (; e; e = e.parentElement) { \
           const c = getComputedStyle(e).backgroundColor; \
           const p = parse(c); if (p.length < 4 || p[3] > 0) return c; } return 'rgb(255,255,255)'; }; \
         const out = []; \
         for (const s of ['body', 'h2', '.why', '.place', '.badge', '.note', 'a', '.answer', '.test', \
           '.figures', 'thead th', '.victim td', '.immune td', '.killed', '.l code', '.key code', \
           '.gloss', 'footer']) { const e = document.querySelector(s); if (!e) continue; \
           const a = lum(getComputedStyle(e).color), b = lum(ground(e)); \
           const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); \
           if (ratio < 4.5) out.push([s, ratio]); } return out; })()",
    )
}
