use expect_test::expect;
use scenario::comparison::{CurveRow, DeathRow, DifferenceRow, SCHEMA, StepRow};

use super::*;
use crate::style::{Charset, Style};

const STYLE: Style = Style { width: None, charset: Charset::Utf8, color: false };

fn arm(name: &str, killed: &[&str]) -> ArmRow {
    let death = |process: &&str| DeathRow { process: (*process).to_owned(), nth: 0, step: 3 };
    ArmRow {
        arm: name.to_owned(),
        kernel: Some("6.1.192".to_owned()),
        steps: 3,
        stopped: None,
        claims: 1,
        broken: Vec::new(),
        deaths: killed.iter().map(death).collect(),
        panic: None,
    }
}

fn quantity(what: &str, values: [Option<u64>; 2], within: Option<bool>) -> QuantityRow {
    QuantityRow {
        between: [0, 1],
        moment: "end".to_owned(),
        what: what.to_owned(),
        unit: Unit::Bytes,
        values,
        allowed: within.map(|_| 2 << 20),
        within,
    }
}

fn report() -> ComparisonReport {
    let step = |line, values: [&str; 2]| StepRow {
        process: "hog".to_owned(),
        line: Some(line),
        text: "touch block".to_owned(),
        times: 1,
        values: values.iter().map(|value| Some((*value).to_owned())).collect(),
        equal: values[0] == values[1],
    };
    let curve = |arm, bytes: &[u64]| CurveRow {
        arm,
        what: "free".to_owned(),
        at: vec![1, 2, 3],
        bytes: bytes.to_vec(),
    };
    ComparisonReport {
        schema: SCHEMA,
        scenario: "hog.kdl".to_owned(),
        title: Some("A <hog>".to_owned()),
        arms: vec![arm("model", &["hog"]), arm("vm:6.1", &["hog", "web"])],
        equal: Some(false),
        differences: vec![DifferenceRow {
            between: [0, 1],
            step: 3,
            process: "hog".to_owned(),
            line: Some(7),
            what: "the step".to_owned(),
            values: [Some("killed".to_owned()), None],
        }],
        quantities: vec![
            quantity("meminfo MemFree", [Some(30 << 20), Some(29 << 20)], Some(true)),
            quantity("meminfo AnonPages", [Some(200 << 20), Some(190 << 20)], Some(false)),
            quantity("vmstat pgfault", [None, Some(7)], None),
            quantity("meminfo SwapTotal", [Some(0), Some(0)], Some(true)),
        ],
        steps: vec![step(6, ["mmap() = 0x1000", "mmap() = 0x1000"]), step(7, ["killed", "done"])],
        curves: vec![curve(0, &[4096, 2048, 0]), curve(1, &[4096, 1024, 0])],
    }
}

#[test]
fn what_differs_comes_before_quantities_and_steps() {
    expect![[r"
        DIFFERENT: 1 difference, 1 quantity too far apart in 3 steps; all 2 claims
          hold.
          A <hog>
          hog.kdl, on model (Linux 6.1.192) and vm:6.1 (Linux 6.1.192)

        Who was killed for lack of memory
          on model: hog
          on vm:6.1: hog, web

        What differs
          step 3, line 7, hog: the step
            model   killed
            vm:6.1  nothing

        Side by side: vm:6.1 and its model; = is within what is allowed, ! is not, the
          others are not judged
                                MODEL  vm:6.1    APART  ALLOWED
            END
          = meminfo MemFree    30.0Mi  29.0Mi  +1.00Mi   2.00Mi
          ! meminfo AnonPages   200Mi   190Mi  +10.0Mi   2.00Mi
            vmstat pgfault          ?      7B        ?        -

        Step by step = is the same everywhere, ! is not
          =    6  hog          mmap() = 0x1000
          !    7  hog  model   killed
          !    7  hog  vm:6.1  done
    "]]
    .assert_eq(&comparison(&report(), &STYLE));
}

#[test]
fn one_world_is_not_compared() {
    let mut one = report();
    one.arms.pop();
    (one.equal, one.differences, one.quantities) = (None, Vec::new(), Vec::new());
    for step in &mut one.steps {
        step.values.pop();
        step.equal = true;
    }
    expect![[r"
        ONE WORLD ONLY: nothing to compare with; the one claim holds.
          A <hog>
          hog.kdl, on model (Linux 6.1.192)

        Who was killed for lack of memory
          on model: hog

        Step by step
          =    6  hog  mmap() = 0x1000
          =    7  hog  killed
    "]]
    .assert_eq(&comparison(&one, &STYLE));
}

#[test]
fn the_page_is_whole_and_escapes_what_is_from_outside() {
    let page = comparison_page(&report());
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</main></body></html>\n"));
    assert!(page.contains("<p>A &lt;hog&gt;</p>"), "{page}");
    // Both curves of the only amount that has two.
    assert_eq!(page.matches("<svg ").count(), 1);
    assert!(page.contains("class=\"real\"/>") && page.contains("class=\"model\"/>"), "{page}");
    assert!(!page.contains("http") && !page.contains("<script"), "{page}");
}

#[test]
fn a_curve_falls_to_the_ground_where_nothing_is_left() {
    let report = report();
    let drawn = curves::pictures(&report, [0, 1]);
    assert!(drawn.contains("450.0 166.0\" class=\"real\""), "{drawn}");
}
