//! What the README says, this runs: every command, every scenario, every link.

#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "cli/support.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use support::{Folder, Mock, done};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The README's fenced blocks of one language.
fn blocks(language: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).expect("README.md");
    let mut blocks = Vec::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if line == format!("```{language}") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(block.join("\n"));
        }
    }
    assert!(!blocks.is_empty(), "the README has no {language}");
    blocks
}

/// A copy of `scenarios/` in which LAMB's address is the mock's.
fn copy_scenarios(from: &Path, to: &Path, url: &str) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_scenarios(&path, &name, url);
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            // Nobody has to wait here for a class to come in, or for a server to rest.
            let text = text.replace("http://localhost:9099", url);
            let text = text.replace("spread = \"30s\"", "spread = \"1s\"").replace("\"5s\"", "\"0s\"");
            std::fs::write(name, text).unwrap();
        }
    }
}

#[test]
fn every_command_works_in_the_order_in_which_it_is_read() {
    let folder = Folder::new();
    let mock = Mock::start(&folder, &["--first-token", "20ms", "--per-token", "1ms", "--tokens", "70"]);
    copy_scenarios(&Path::new(ROOT).join("scenarios"), &folder.path().join("scenarios"), &mock.url);
    let program = Path::new(env!("CARGO_BIN_EXE_lamb-load"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
    // A place for numbers, as the README says.
    folder.write("README.md", &blocks("md").concat());
    let mut ran = 0;
    let mut exported = Vec::new();
    for line in blocks("sh").iter().flat_map(|block| block.lines()) {
        // `.ci/run` builds, runs and installs; a mock runs until it is told to stop, and one has been started above.
        if line.starts_with("cargo ") || line.starts_with("lamb-load mock ") {
            continue;
        }
        if let Some((name, value)) = line.strip_prefix("export ").and_then(|export| export.split_once('=')) {
            let value = value.split('#').next().unwrap_or_default().trim().trim_matches('\'').to_owned();
            exported.push((name.to_owned(), value));
            continue;
        }
        assert!(line.starts_with("lamb-load "), "a command that this test does not know: {line}");
        // The default address of a burst is LAMB's.
        let mut line = line.replace("http://localhost:9099", &mock.url).replace("/tmp/load", "elsewhere");
        if line.starts_with("lamb-load burst") && !line.contains("--url") {
            line = line.replacen("lamb-load burst", &format!("lamb-load burst --url {}", mock.url), 1);
        }
        // Whether this machine, which runs other tests meanwhile, may be believed is not what is asked here.
        for verb in ["lamb-load run ", "lamb-load burst ", "lamb-load ab "] {
            line = line.replacen(verb, &format!("{verb}--allow-invalid "), 1);
        }
        let mut command = Command::new("sh");
        command
            .args(["-c", &line])
            .current_dir(folder.path())
            .env("PATH", &path)
            .env_remove("LAMB_API_KEY")
            .envs(exported.clone());
        let done = done(&mut command);
        assert_eq!(done.code, Some(0), "{line}\n{}", done.said());
        ran += 1;
    }
    assert!(ran > 10, "{ran} commands");
}

#[test]
fn the_commands_that_are_not_run_here_are_run_in_ci() {
    let ci = std::fs::read_to_string(Path::new(ROOT).join(".ci/run")).expect(".ci/run");
    for line in blocks("sh").iter().flat_map(|block| block.lines()).filter(|line| line.starts_with("cargo ")) {
        let words: Vec<&str> =
            line.split_whitespace().filter(|word| !["--release", "--path", "."].contains(word)).collect();
        let found = ci.lines().any(|run| words.iter().all(|word| run.split_whitespace().any(|other| other == *word)));
        assert!(found, "{line} is not in .ci/run");
    }
}

#[test]
fn every_scenario_is_one() {
    let folder = Folder::new();
    for (number, block) in blocks("toml").iter().enumerate() {
        let name = format!("readme{number}.toml");
        folder.write(&name, block);
        let done = folder.run(&["check", &name]);
        assert_eq!(done.code, Some(0), "{block}\n{}", done.said());
    }
}

#[test]
fn every_link_to_a_file_leads_to_one() {
    let readme = std::fs::read_to_string(Path::new(ROOT).join("README.md")).expect("README.md");
    let mut links = 0;
    for part in readme.split("](").skip(1) {
        let link = part.split([')', '#']).next().unwrap_or("");
        if !link.is_empty() && !link.contains("://") {
            assert!(Path::new(ROOT).join(link).exists(), "{link}");
            links += 1;
        }
    }
    assert!(links > 3);
}
