//! Names that become folder names and CSV fields.
//!
//! It says what a name may be, and never changes one silently.

/// The longest name, in bytes.
const LONGEST: usize = 100;

/// Holds a name of a scenario, target or prompt to letters, digits, `.`, `_` and `-`; the hint is a name that would do.
pub fn check(name: &str) -> Result<(), (String, String)> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let hint = || {
        let near: String = name.chars().map(|c| if fits(c) { c } else { '-' }).take(LONGEST).collect();
        let near = near.trim_matches(['.', '-']);
        format!("call it {}", if near.is_empty() { "something" } else { near })
    };
    if name.is_empty() {
        Err(("a name is empty".into(), hint()))
    } else if name.len() > LONGEST {
        Err((format!("a name is longer than {LONGEST} characters"), "call it something shorter".into()))
    } else if !name.chars().all(fits) {
        Err(("a name has letters, digits, \".\", \"_\" and \"-\"; it becomes a folder and a CSV field".into(), hint()))
    } else if name.starts_with(['.', '-']) {
        Err(("a name begins with a letter, a digit or \"_\"".into(), hint()))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_as_a_folder_and_a_field() {
        for good in ["poem", "classroom-30", "_base", "a.b", "4o"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in ["", ".", "..", ".git", "-x", "a b", "a/b", "a\\b", "é", "a,b", &"a".repeat(101)] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert_eq!(check("my prompt/1").unwrap_err().1, "call it my-prompt-1");
    }
}
