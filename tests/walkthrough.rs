//! The README's walk-through of a pull request, done for real: a repository, a server that becomes slower, a comment.

#[allow(dead_code, reason = "shared with the tests of the command line")]
#[path = "cli/support.rs"]
mod support;

use std::path::Path;
use std::process::Command;

use support::{Done, Folder, Mock, done};

/// The README's section about pull requests: its first block of a language.
fn block(language: &str) -> String {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("README.md");
    let section = readme.split("\n## Did this change make it slower?\n").nth(1).expect("the section");
    let after = section.split(&format!("```{language}\n")).nth(1).expect("a block of the language");
    after.split("```").next().expect("its end").to_owned()
}

/// A line of the walk-through, as a person types it.
fn type_in(folder: &Folder, line: &str, server: &str) -> Done {
    let program = Path::new(env!("CARGO_BIN_EXE_lamb-load"));
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap_or_default());
    // Whether this machine, which runs other tests meanwhile, may be believed is not what is asked here.
    let line = line.replacen("lamb-load run ", "lamb-load run --allow-invalid ", 1);
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(folder.path()).env("PATH", path).env("LAMB_URL", server);
    command.env("XDG_CACHE_HOME", folder.path().join("cache")).env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "t").env(format!("GIT_{who}_EMAIL"), "t@example.org");
    }
    done(&mut command)
}

/// A server whose answers take so long; on a busy machine what is ten times as long still is.
fn server(folder: &Folder, first_token: &str) -> Mock {
    Mock::start(folder, &["--first-token", first_token, "--per-token", "0ms", "--tokens", "2", "--seed", "1"])
}

#[test]
fn a_pull_request_that_makes_the_server_slower_gets_a_comment_and_exit_1() {
    if Command::new("git").arg("--version").output().is_err() {
        return; // nothing to walk through on a machine without git
    }
    let folder = Folder::new();
    assert_eq!(type_in(&folder, "git init -q -b main", "").code, Some(0));
    std::fs::create_dir(folder.path().join("scenarios")).unwrap();
    folder.write("scenarios/poem.toml", &block("toml"));
    let (fast, slow) = (server(&folder, "150ms"), server(&folder, "1500ms"));
    let mut address = &fast.url;
    let mut ended = Vec::new();
    for line in block("console").lines() {
        let Some(typed) = line.strip_prefix("$ ") else { continue };
        if typed.starts_with("git switch") {
            // The change that the pull request is about.
            address = &slow.url;
        }
        let done = type_in(&folder, typed, address);
        let expected = if typed.contains("lamb-load compare") { Some(1) } else { Some(0) };
        assert_eq!(done.code, expected, "{typed}\n{}", done.said());
        ended.push(typed.to_owned());
    }
    assert!(ended.iter().any(|typed| typed.contains("git switch")), "{ended:?}");
    let comment = std::fs::read_to_string(folder.path().join("comment.md")).expect("the comment");
    assert!(comment.starts_with("<!-- lamb-load: compare poem -->\n### WORSE · 1 case: 1 worse\n"), "{comment}");
    assert!(comment.contains("before: `main:results/poem/baseline · poem 2"), "{comment}");
    assert!(comment.contains("| `local/lamb_assistant.58/all/10` | **WORSE** | latency\\_p90 "), "{comment}");
    let change = comment.split(" | +").nth(1).expect("a change with its sign").split(" %").next().unwrap();
    assert!(change.parse::<f64>().is_ok_and(|change| change > 100.0), "{change}\n{comment}");
}

#[test]
fn a_diff_of_the_rows_is_a_diff_of_the_summary() {
    if Command::new("git").arg("--version").output().is_err() {
        return; // nothing to show on a machine without git
    }
    let folder = Folder::new();
    let git = |line: &str| {
        let done = type_in(&folder, line, "");
        assert_eq!(done.code, Some(0), "{line}\n{}", done.said());
        done.out
    };
    git("git init -q -b main");
    for line in block("bash").lines() {
        git(line);
    }
    std::fs::create_dir_all(folder.path().join("results/poem/baseline")).unwrap();
    let row = |latency: u32| {
        let header = "case,target,model,users,round,phase,user,outcome,sent_ms,latency_ms,end_ms\n";
        let row = |user| format!("t/m/all/1,t,m,1,{user},load,1,ok,1,{latency},{latency}\n");
        format!("{header}{}{}", row(1), row(2))
    };
    folder.write("results/poem/baseline/requests.csv", &row(100));
    // What lies beside the rows now must not be read with the rows of then.
    folder.write("results/poem/baseline/run.json", "{\"complete\": true, \"scenario\": \"poem\"}");
    git("git add -A && git commit -qm before");
    folder.write("results/poem/baseline/requests.csv", &row(1900));
    let diff = git("git diff");
    assert!(diff.contains("\n-  latency      P50 100 ms") && diff.contains("\n+  latency      P50 1.90 s"), "{diff}");
    assert!(!diff.contains("t/m/all/1,t,m") && !diff.contains("poem:"), "{diff}");
}
