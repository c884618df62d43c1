//! `lamb-load report`: its formats, and tables spliced into a README.

use crate::support::{Folder, QUICK, scenario};

const README: &str =
    "# My service\n\n<!-- lamb-load: report s -->\nold numbers\n<!-- lamb-load: end -->\n\nThe rest.\n";

fn with_a_run() -> Folder {
    let folder = Folder::new();
    folder.write("s.toml", &scenario("users = [3]", QUICK, ""));
    assert_eq!(folder.run(&["run", "s.toml"]).code, Some(0));
    folder
}

#[test]
fn every_format_is_the_file_that_the_run_left() {
    let folder = with_a_run();
    for (format, file) in
        [("html", "report.html"), ("junit", "junit.xml"), ("markdown", "summary.md"), ("json", "summary.json")]
    {
        let done = folder.run(&["report", "s", "--format", format]);
        assert_eq!(done.code, Some(0), "{}", done.said());
        assert_eq!(done.out, std::fs::read_to_string(folder.latest("s").join(file)).unwrap(), "{format}");
    }
}

#[test]
fn a_readme_gets_its_latest_numbers_and_keeps_the_rest() {
    let folder = with_a_run();
    folder.write("README.md", README);
    let done = folder.run(&["report", "--splice", "README.md"]);
    assert_eq!((done.code, done.out.as_str()), (Some(0), "README.md: 1 table written\n"), "{}", done.said());
    let page = std::fs::read_to_string(folder.path().join("README.md")).unwrap();
    assert!(page.starts_with("# My service\n\n<!-- lamb-load: report s -->\n\n**"), "{page}");
    assert!(page.contains("| `t/m/all/3` |") && page.ends_with("<!-- lamb-load: end -->\n\nThe rest.\n"), "{page}");
    assert!(!page.contains("old numbers"), "{page}");
    let again = folder.run(&["report", "--splice", "README.md"]);
    assert_eq!((again.code, again.out.as_str()), (Some(0), "README.md: 1 table up to date\n"));
    assert_eq!(std::fs::read_to_string(folder.path().join("README.md")).unwrap(), page);
}

#[test]
fn a_named_run_stands_in_place_of_the_newest() {
    let folder = with_a_run();
    let first = folder.latest("s");
    assert_eq!(folder.run(&["run", "s.toml"]).code, Some(0));
    folder.write("README.md", README);
    assert_eq!(folder.run(&["report", first.to_str().unwrap(), "--splice", "README.md"]).code, Some(0));
    let page = std::fs::read_to_string(folder.path().join("README.md")).unwrap();
    assert!(page.contains(first.file_name().unwrap().to_str().unwrap()), "{page}");
}

#[test]
fn a_readme_that_cannot_be_spliced_stays_as_it_is_and_says_where() {
    let folder = with_a_run();
    let page = README.replace("report s", "report limerick");
    folder.write("README.md", &page);
    let done = folder.run(&["report", "--splice", "README.md"]);
    assert_eq!(done.code, Some(2), "{}", done.said());
    assert!(done.err.starts_with("error: README.md:3: limerick: no run there"), "{}", done.err);
    assert_eq!(std::fs::read_to_string(folder.path().join("README.md")).unwrap(), page);
    folder.write("README.md", "nothing");
    let none = folder.run(&["report", "--splice", "README.md"]);
    assert!(none.err.starts_with("error: README.md: there is no place for a table"), "{}", none.err);
    assert_eq!(folder.run(&["report"]).code, Some(2));
}
