//! `prompts` and `order`: who says what.

use std::collections::BTreeMap;

use crate::ran::{Ran, column};
use crate::server::Server;
use crate::support::{Folder, Row};

/// Runs a scenario of these prompts in a folder with such files.
fn asking(folder: Folder, server: &Server, top: &str, flags: &[&str]) -> Ran {
    let text = format!(
        "models = [\"m\"]\ntimeout = \"30s\"\n{top}\n[request]\ncache_bust = \"off\"\n[targets.t]\nurl = \"{}\"\n",
        server.url()
    );
    Ran::within(folder, &text, flags, &[]).passed()
}

/// User to prompt's name.
fn by_user(rows: &[Row]) -> BTreeMap<u32, String> {
    rows.iter().map(|row| (row["user"].parse().unwrap(), row["prompt"].clone())).collect()
}

/// What the load said, sorted.
fn said(server: &Server) -> Vec<String> {
    let mut said = server.said().split_off(1);
    said.sort();
    said
}

#[test]
fn prompts_come_from_strings_files_and_json_lines_and_users_take_them_in_turn() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path().join("prompts")).unwrap();
    folder.write("prompts/essay.md", "\u{feff}An essay.\n  With \"two\" lines. ü\n\n");
    folder.write("prompts/set.jsonl", "{\"prompt\": \"q1\", \"id\": 7}\n\n{\"prompt\": \"q2\"}\r\n");
    let top = "users = [6]\nprompts = [\"short\", { file = \"prompts/essay.md\" }, { name = \"qs\", jsonl = \"prompts/set.jsonl\" }]";
    let server = Server::hello();
    let ran = asking(folder, &server, top, &[]);
    let essay = "An essay.\n  With \"two\" lines. ü";
    // Users 5 and 6 begin again.
    let mut expected = ["short", essay, "q1", "q2", "short", essay].map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(said(&server), expected);
    assert_eq!(server.said()[0], "short", "pre-flight asks the first");
    let names = by_user(&ran.load());
    let essay = names[&2].clone();
    assert_eq!(essay, "essay");
    let (first, third, fourth) = (names[&1].clone(), names[&3].clone(), names[&4].clone());
    assert_ne!(third, fourth);
    assert!(third.starts_with("qs"), "{third}");
    assert_eq!((&names[&5], &names[&6]), (&first, &essay));
}

#[test]
fn each_prompt_can_be_a_case_of_its_own() {
    let folder = Folder::new();
    folder.write("b.md", "B");
    let server = Server::hello();
    let top = "users = [1, 2]\nprompts = [\"A\", { file = \"b.md\" }]\norder = \"each\"";
    let ran = asking(folder, &server, top, &[]);
    assert_eq!(server.said()[1..], ["A", "A", "A", "B", "B", "B"], "cases run one after another");
    let mut cases = column(&ran.load(), "case").into_iter().map(str::to_owned).collect::<Vec<_>>();
    cases.dedup();
    assert_eq!(cases, ["t/m/p1/1", "t/m/p1/2", "t/m/b/1", "t/m/b/2"]);

    let server = Server::hello();
    let folder = Folder::new();
    folder.write("b.md", "B");
    let ran = asking(folder, &server, top, &["--only", "t/m/b/*"]);
    assert_eq!(ran.load().len(), 3);
    assert_eq!(server.said()[1..], ["B", "B", "B"]);
}

#[test]
fn a_shuffle_is_drawn_from_the_seed() {
    let top = "users = [12]\nrepeat = 2\nprompts = [\"A\", \"B\", \"C\", \"D\", \"E\", \"F\"]\norder = \"shuffled\"";
    let drawn = |seed: u32| {
        let server = Server::hello();
        let ran = asking(Folder::new(), &server, &format!("{top}\nseed = {seed}"), &[]);
        let each_four_times: Vec<String> =
            ["A", "B", "C", "D", "E", "F"].iter().flat_map(|prompt| vec![(*prompt).to_owned(); 4]).collect();
        assert_eq!(said(&server), each_four_times, "nobody is left out");
        let round =
            |number: &str| -> Vec<Row> { ran.load().into_iter().filter(|row| row["round"] == number).collect() };
        assert_eq!(ran.manifest()["seed"], seed);
        (by_user(&round("1")), by_user(&round("2")))
    };
    let (first, second) = drawn(7);
    assert_ne!(first, second, "each round has its own");
    assert_eq!((first.clone(), second), drawn(7));
    assert_ne!(first, drawn(8).0);
}

#[test]
fn a_seed_that_is_not_given_is_drawn_and_recorded() {
    let server = Server::hello();
    let top = "users = [1]\nprompts = [\"A\"]";
    let ran = asking(Folder::new(), &server, top, &[]);
    let seed = ran.manifest()["seed"].as_u64().unwrap();
    assert!(ran.file("scenario.toml").contains(&format!("seed = {seed}")), "{}", ran.file("scenario.toml"));
}
