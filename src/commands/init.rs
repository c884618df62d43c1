//! `lamb-load init`: a commented scenario to start from, and the schema beside it. What is there stays as it is.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

use super::Exit;
use super::out::Out;
use crate::cli::Init;
use crate::scenario;

/// The schema that the scenario's first line names.
const SCHEMA: &str = "scenario.schema.json";

/// Writes both files.
pub(super) fn init(args: Init) -> anyhow::Result<Exit> {
    let folder = args.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    write_new(&args.file, scenario::init_template()).with_context(|| {
        format!("{}: nothing was written (an existing file is left as it is; name another)", args.file.display())
    })?;
    let schema = folder.join(SCHEMA);
    if !schema.exists() {
        write_new(&schema, &scenario::schema())?;
    }
    let mut out = Out::new();
    out.line(&format!("wrote {}", args.file.display()));
    out.line(&format!("next: lamb-load check {0} && lamb-load run {0}", args.file.display()));
    Ok(Exit::Passed)
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    fs_err::File::create_new(path)?.write_all(text.as_bytes())
}
