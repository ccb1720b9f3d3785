use expect_test::expect;
use scenario::vary::{Kind, Value};

use super::*;
use crate::Charset;

fn run(number: u64, mib: i64, victims: &[&str]) -> RunRow {
    RunRow {
        run: number,
        values: vec![Value { amount: mib << 20, kind: Kind::Bytes }.into()],
        outcome: if victims.is_empty() { Outcome::Survived } else { Outcome::Died },
        victims: victims.iter().map(|name| (*name).to_owned()).collect(),
        kill_point: (!victims.is_empty()).then(|| Bytes::new(200 << 20)),
        time_ns: 0,
        steps: 9,
        broken: Vec::new(),
        failure: None,
    }
}

fn report() -> VariationsReport {
    let runs = (0..20u32)
        .map(|n| {
            let victims: &[&str] = match n {
                0..12 => &[],
                12..15 => &["we<b"],
                _ => &["we<b", "db"],
            };
            run(n.into(), 100 + i64::from(n) * 10, victims)
        })
        .collect();
    let varied = vec![("process.web.grow".to_owned(), "100..290MiB".to_owned())];
    let title = Some("A web server grows".to_owned());
    VariationsReport::of("web.kdl".to_owned(), title, 1, varied, runs)
}

fn style() -> Style {
    Style { charset: Charset::Utf8, color: false, width: Some(80) }
}

#[test]
fn the_page_says_who_lives_and_who_dies() {
    let mut report = report();
    let amount = |mib: i64| Value { amount: mib << 20, kind: Kind::Bytes }.into();
    report.found = Some(FoundRow {
        place: "machine.ram".to_owned(),
        survives: Some(amount(64)),
        dies: Some(amount(63)),
        runs: 14,
    });
    expect![[r"
        20 RUNS: in 12 nobody was killed, in 8 somebody was.
          A web server grows
          web.kdl, on the model, seed 1
          The first victim was killed with 200 MiB touched.

        The edge     in 14 runs
          With machine.ram at 64.0 MiB (65536 KiB) nobody is killed, with 63.0 MiB
          (64512 KiB) somebody is.

        What was varied
          PLACE             VALUES       ALL LIVED          SOMEBODY DIED
          process.web.grow  100..290MiB  100 MiB – 210 MiB  220 MiB – 290 MiB

        Who lives, by process.web.grow █ all live, ░ somebody dies
          VALUE                                     LIVE  RUNS  KILLED AT
          100 MiB – 110 MiB  ████████████████████  100 %     2          -
          120 MiB – 130 MiB  ████████████████████  100 %     2          -
          140 MiB – 150 MiB  ████████████████████  100 %     2          -
          160 MiB – 170 MiB  ████████████████████  100 %     2          -
          180 MiB – 190 MiB  ████████████████████  100 %     2          -
          200 MiB – 210 MiB  ████████████████████  100 %     2          -
          220 MiB – 230 MiB  ░░░░░░░░░░░░░░░░░░░░    0 %     2      200Mi
          240 MiB – 250 MiB  ░░░░░░░░░░░░░░░░░░░░    0 %     2      200Mi
          260 MiB – 270 MiB  ░░░░░░░░░░░░░░░░░░░░    0 %     2      200Mi
          280 MiB – 290 MiB  ░░░░░░░░░░░░░░░░░░░░    0 %     2      200Mi

        Who died     and in how many runs
          PROCESS  RUNS        FIRST  KILLED
          we<b        8  40 %      8       8
          db          5  25 %      0       5
    "]]
    .assert_eq(&variations(&report, &style()));
}

#[test]
fn no_line_is_wider_than_80_columns() {
    for line in variations(&report(), &style()).lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn runs_are_lines_of_csv() {
    let csv = variations_csv(&report());
    assert_eq!(csv.lines().count(), 21);
    let head = "run,process.web.grow,outcome,first_victim,victims,kill_point_bytes,time_ns,steps,\
                broken_lines";
    assert_eq!(csv.lines().next(), Some(head));
    assert_eq!(csv.lines().nth(16), Some("15,262144000,died,we<b,2,209715200,0,9,"));
}

#[test]
fn the_picture_is_well_formed_and_escapes_names() {
    let svg = variations_svg(&report());
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    assert_eq!(svg.matches("<circle").count(), 8 + 2);
    assert!(svg.contains("we&lt;b") && !svg.contains("we<b"));
    for tag in ["g", "title", "text"] {
        let open =
            svg.matches(&format!("<{tag}>")).count() + svg.matches(&format!("<{tag} ")).count();
        assert_eq!(open, svg.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn a_report_of_no_runs_is_drawn_and_printed() {
    let empty = VariationsReport::of("t".to_owned(), None, 1, Vec::new(), Vec::new());
    assert!(variations_svg(&empty).ends_with("</svg>\n"));
    assert!(variations(&empty, &style()).contains("seed 1"));
}
