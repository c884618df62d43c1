//! Where results are printed: a stdout that may be closed under us, which is nobody's fault and loses nothing. One that
//! cannot take what is printed, on a full disk say, is told once, and makes the command one that could not write.

use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::warn;

/// Something that was printed is lost.
static LOST: AtomicBool = AtomicBool::new(false);

/// Whether stdout has failed to take what was printed.
pub(super) fn has_lost() -> bool {
    LOST.load(Ordering::Relaxed)
}

/// Stdout, silent from the moment nobody reads it.
#[derive(Debug)]
pub(super) struct Out {
    stdout: anstream::AutoStream<io::Stdout>,
    closed: bool,
}

impl Out {
    /// Stdout, with colours where they are wanted.
    pub(super) fn new() -> Out {
        Out { stdout: anstream::stdout(), closed: false }
    }

    /// Prints a line.
    pub(super) fn line(&mut self, line: &str) {
        self.with(|stdout| writeln!(stdout, "{line}"));
    }

    /// Prints `text` as it is.
    pub(super) fn text(&mut self, text: &str) {
        self.with(|stdout| stdout.write_all(text.as_bytes()));
    }

    fn with(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.closed {
            return;
        }
        if let Err(error) = write(&mut self.stdout).and_then(|()| self.stdout.flush()) {
            self.closed = true;
            if error.kind() != ErrorKind::BrokenPipe && !LOST.swap(true, Ordering::Relaxed) {
                warn(&format!("error: stdout does not take what is printed: {error}"));
            }
        }
    }
}

impl Default for Out {
    fn default() -> Out {
        Out::new()
    }
}

/// Whether what is printed may hold colours.
pub(super) fn colour() -> crate::report::text::Colour {
    use anstream::ColorChoice;
    match anstream::AutoStream::choice(&io::stdout()) {
        ColorChoice::Never => crate::report::text::Colour::Off,
        _ => crate::report::text::Colour::On,
    }
}
