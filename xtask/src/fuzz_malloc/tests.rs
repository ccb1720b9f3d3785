use super::compare::Setting;
use super::library::ORIGINS;
use super::mix::Mix;
use super::{directed, misuse, real, scenario};
use crate::needs;

/// A small budget; `cargo xtask fuzz-malloc` has the large one.
#[test]
fn the_model_equals_the_library_of_this_machine() {
    if !needs::on_path("gcc") {
        return println!("skipped: no gcc here to build the driver of the real malloc");
    }
    let library = match ORIGINS[0].library() {
        Ok(library) => library,
        Err(why) => return println!("skipped: {why}"),
    };
    let mut setting = Setting::new(&library);
    for scenario in scenario::all(&library, &[Mix::Small, Mix::Mixed, Mix::Large], 1, 4000) {
        setting.tunables = scenario.tunables;
        setting.addresses_only = scenario.checked;
        let result = setting.compare(&scenario.plan.trace()).expect("the driver runs");
        assert!(result.is_ok(), "{}: {}", scenario.name, result.unwrap_err().text);
    }
    setting.addresses_only = false;
    for directed in directed::all(&library.rules) {
        // The long ones are left to the chore.
        if directed.ops.len() < 5000 {
            setting.tunables = directed.tunables;
            let result = setting.compare(&directed.ops).expect("the driver runs");
            assert!(result.is_ok(), "{}: {}", directed.name, result.unwrap_err().text);
        }
    }
    for check in misuse::levels(&library) {
        let mut setting = Setting::new(&library);
        setting.tunables.check = check;
        for misuse in misuse::all(check) {
            let result = misuse.compare(&setting).expect("the driver runs");
            assert!(result.is_ok(), "check {check:?}, {}: {}", misuse.name, result.unwrap_err());
        }
    }
    real::clean();
}
