//! Whole terminal outputs, kept in `snapshots/` so that review reads them as a user would.
//! `UPDATE_EXPECT=1 cargo test -p oomph-views` rewrites them.

mod samples;

use expect_test::{ExpectFile, expect_file};
use oomph_views as views;
use rules::status::StatusReport;
use units::Pid;
use views::{Charset, Rows, Style};

fn utf8(width: usize) -> Style {
    Style { width: Some(width), charset: Charset::Utf8, color: false }
}

/// No line is wider than the terminal.
fn assert_fits(screen: &str, style: &Style) {
    use unicode_width::UnicodeWidthStr;
    for line in screen.lines() {
        assert!(line.width() <= style.width.unwrap(), "too wide for {style:?}: {line}");
    }
}

fn check_status(report: &StatusReport, style: Style, expected: &ExpectFile) {
    let screen = views::status(report, &style);
    assert_fits(&screen, &style);
    expected.assert_eq(&screen);
}

#[test]
fn a_calm_laptop_fits_one_screen() {
    let report = samples::calm_laptop();
    check_status(&report, utf8(80), &expect_file!["snapshots/status-calm-80.txt"]);
    assert!(views::status(&report, &utf8(80)).lines().count() <= 30);
}

#[test]
fn a_narrow_terminal_gets_the_same_in_more_lines() {
    check_status(&samples::calm_laptop(), utf8(40), &expect_file!["snapshots/status-calm-40.txt"]);
    check_status(
        &samples::near_with_swap(),
        utf8(40),
        &expect_file!["snapshots/status-near-40.txt"],
    );
}

#[test]
fn near_with_swap_says_which_thresholds_were_passed() {
    let report = samples::near_with_swap();
    check_status(&report, utf8(80), &expect_file!["snapshots/status-near-80.txt"]);
    check_status(&report, utf8(120), &expect_file!["snapshots/status-near-120.txt"]);
}

#[test]
fn a_group_that_dies_together_is_told() {
    let report = samples::cgroup_wall_with_group();
    check_status(&report, utf8(80), &expect_file!["snapshots/status-cgroup-group-80.txt"]);
}

#[test]
fn a_v1_cgroup_whose_tasks_wait_is_told() {
    check_status(&samples::v1_cgroup(), utf8(80), &expect_file!["snapshots/status-v1-80.txt"]);
}

#[test]
fn strict_overcommit_is_a_wall_that_does_not_kill() {
    let report = samples::strict_overcommit();
    check_status(&report, utf8(80), &expect_file!["snapshots/status-strict-80.txt"]);
}

#[test]
fn an_old_kernel_leaves_question_marks_and_no_zeros() {
    let report = samples::old_kernel();
    check_status(&report, utf8(80), &expect_file!["snapshots/status-old-80.txt"]);
}

#[test]
fn hidden_processes_are_counted_in_the_footer() {
    check_status(&samples::hidepid(), utf8(80), &expect_file!["snapshots/status-hidepid-80.txt"]);
}

#[test]
fn memory_outside_of_a_container_is_told_in_the_footer() {
    let screen = views::status(&samples::container(), &utf8(80));
    let words = "processes that cannot be seen from here; 3.02 GiB of the";
    assert!(screen.contains(words), "{screen}");
}

#[test]
fn the_kill_order_says_what_could_not_be_read() {
    let rank = views::rank(&samples::rank_of(&samples::hidepid()), Rows::All, &utf8(80));
    assert!(rank.contains("Not read     7 places\n  2/status: permission denied\n"), "{rank}");
    assert!(rank.ends_with("and 4 more; --json lists them\n"), "{rank}");
}

#[test]
fn the_first_none_of_a_kill_order_are_not_nobody() {
    let mut report = samples::rank_of(&samples::calm_laptop());
    let rank = views::rank(&report, Rows::Top(0), &utf8(80));
    assert!(!rank.contains("Nobody") && rank.contains(" can be chosen\n"), "{rank}");
    report.rows.clear();
    let rank = views::rank(&report, Rows::Top(0), &utf8(80));
    assert!(rank.contains("Nobody: no process that could be read can be chosen."), "{rank}");
}

#[test]
fn a_capture_without_adjustments_marks_every_score() {
    let report = samples::smemcap_tar();
    check_status(&report, utf8(80), &expect_file!["snapshots/status-smemcap-80.txt"]);
}

#[test]
fn hostile_names_stay_names() {
    let report = samples::hostile_names();
    check_status(&report, utf8(80), &expect_file!["snapshots/status-hostile-80.txt"]);
    let ascii = Style { charset: Charset::Ascii, ..utf8(80) };
    check_status(&report, ascii, &expect_file!["snapshots/status-hostile-ascii-80.txt"]);
    assert!(views::status(&report, &ascii).is_ascii());
}

#[test]
fn colours_add_nothing_but_colour() {
    for report in [samples::calm_laptop(), samples::near_with_swap(), samples::v1_cgroup()] {
        let color = Style { color: true, ..utf8(80) };
        let painted = views::status(&report, &color);
        assert!(painted.contains("\x1b["));
        assert_eq!(without_colours(&painted), views::status(&report, &utf8(80)));
        let rank = samples::rank_of(&report);
        let painted = views::rank(&rank, Rows::All, &color);
        assert_eq!(without_colours(&painted), views::rank(&rank, Rows::All, &utf8(80)));
    }
}

#[test]
fn colours_are_few() {
    let color = Style { color: true, ..utf8(80) };
    let painted = views::status(&samples::near_with_swap(), &color).replace('\x1b', "␛");
    expect_file!["snapshots/status-near-color-80.txt"].assert_eq(&painted);
}

fn without_colours(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\x1b') {
        out.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    out + rest
}

#[test]
fn the_kill_order_is_a_table() {
    let mut report = samples::rank_of(&samples::near_with_swap());
    let check = |report: &_, style: Style, expected: ExpectFile| {
        let screen = views::rank(report, Rows::All, &style);
        if style.width.is_some() {
            assert_fits(&screen, &style);
        }
        expected.assert_eq(&screen);
    };
    check(&report, utf8(120), expect_file!["snapshots/rank-near-120.txt"]);
    check(&report, utf8(80), expect_file!["snapshots/rank-near-80.txt"]);
    check(&report, utf8(40), expect_file!["snapshots/rank-near-40.txt"]);
    report.unreadable = vec![Pid::new(7), Pid::new(99)];
    report.rows[1].oom_score = Some(1);
    report.rows[2].oom_score = None;
    report.rows[2].assumed = vec!["swap"];
    report.rows[2].swap = None;
    let pipe = Style { width: None, ..utf8(80) };
    let screen = views::rank(&report, Rows::Top(2), &pipe);
    expect_file!["snapshots/rank-top.txt"].assert_eq(&screen);
    let screen = views::rank(&report, Rows::All, &pipe);
    expect_file!["snapshots/rank-marks.txt"].assert_eq(&screen);
}

#[test]
fn one_score_is_explained_step_by_step() {
    let near = samples::rank_of(&samples::near_with_swap());
    let explain = |pid| views::explain(&near, Pid::new(pid), &utf8(80));
    expect_file!["snapshots/explain-java.txt"].assert_eq(&explain(1_204_417).unwrap());
    expect_file!["snapshots/explain-init.txt"].assert_eq(&explain(1).unwrap());
    assert_eq!(explain(424_242), None);
    let old = samples::rank_of(&samples::old_kernel());
    let text = views::explain(&old, Pid::new(2150), &utf8(80)).unwrap();
    expect_file!["snapshots/explain-old.txt"].assert_eq(&text);
}

#[test]
fn the_documented_fields_are_those_of_the_reports() {
    use views::json::{Format, Layout, fields, schema, to_string};
    let rank = samples::rank_of(&samples::near_with_swap());
    for (name, text) in [
        ("status", to_string(&samples::near_with_swap(), Layout::Line)),
        ("rank", to_string(&rank, Layout::Line)),
    ] {
        let text = text.unwrap();
        assert_eq!(text.lines().count(), 1);
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        let format = Format::named(name).unwrap();
        let documented = fields(format);
        for key in report.as_object().unwrap().keys() {
            assert!(documented.contains(&format!("| `{key}` |")), "{key} is not documented");
            assert!(schema(format)["properties"].get(key).is_some(), "{key} is not in the schema");
        }
        assert_eq!(report["schema"], schema(format)["title"]);
    }
}
