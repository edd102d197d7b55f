//! Where log lines go: standard error, written by a thread of its own.
//!
//! A request leaves its lines and goes on; lines that come within a moment of each other are written together. Under load that
//! spares a system call a line, and nobody waits for another's.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a line may lie before it is written.
const GATHERED_FOR: Duration = Duration::from_millis(10);

/// With more than that unwritten, whoever has a line to say writes first: memory stays bounded when nobody reads.
const MOST_UNWRITTEN: usize = 1024 * 1024;

/// Clones write to the same place, in the order in which lines come.
#[derive(Clone)]
pub(super) struct LogOutput(Arc<Shared>);

struct Shared {
    unwritten: Mutex<Vec<u8>>,
    some: Condvar,
    /// Held while something is written, so that lines keep their order.
    end: Mutex<End>,
}

struct End {
    to: Box<dyn Write + Send>,
    /// Room for the lines that come while others are written.
    room: Vec<u8>,
}

impl LogOutput {
    /// Begins to write to `end`, in the background.
    pub(super) fn to(end: impl Write + Send + 'static) -> io::Result<Self> {
        let output = Self(Arc::new(Shared {
            unwritten: Mutex::default(),
            some: Condvar::new(),
            end: Mutex::new(End { to: Box::new(end), room: Vec::new() }),
        }));
        let shared = Arc::clone(&output.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_for_ever())?;
        Ok(output)
    }

    /// Returns when all that was said so far is written.
    pub(super) fn write_out(&self) {
        self.0.write_out();
    }
}

impl Write for LogOutput {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut unwritten = lock(&self.0.unwritten);
        if unwritten.is_empty() {
            self.0.some.notify_one();
        }
        unwritten.extend_from_slice(line);
        let too_much = unwritten.len() > MOST_UNWRITTEN;
        drop(unwritten);
        if too_much {
            self.0.write_out();
        }
        Ok(line.len())
    }

    /// The logger calls this after each line, and the point is not to.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn write_for_ever(&self) {
        loop {
            let some = self.some.wait_while(lock(&self.unwritten), |unwritten| unwritten.is_empty());
            drop(some);
            thread::sleep(GATHERED_FOR);
            self.write_out();
        }
    }

    fn write_out(&self) {
        let mut end = lock(&self.end);
        let room = std::mem::take(&mut end.room);
        let mut lines = std::mem::replace(&mut *lock(&self.unwritten), room);
        // There is nobody left to tell that nothing can be told.
        let _ = end.to.write_all(&lines).and_then(|()| end.to.flush());
        lines.clear();
        lines.shrink_to(MOST_UNWRITTEN);
        end.room = lines;
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    struct Told(Sender<Vec<u8>>);

    impl Write for Told {
        fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(lines.to_vec());
            Ok(lines.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_written_without_being_asked_for_and_in_order() {
        let (tell, told) = channel();
        let mut output = LogOutput::to(Told(tell)).unwrap();
        output.write_all(b"one\n").unwrap();
        output.write_all(b"two\n").unwrap();
        let mut all = Vec::new();
        while all.len() < 8 {
            all.extend(told.recv().unwrap());
        }
        assert_eq!(all, b"one\ntwo\n");
    }

    #[test]
    fn nothing_is_left_when_it_was_written_out() {
        let (tell, told) = channel();
        let mut output = LogOutput::to(Told(tell)).unwrap();
        output.write_all(b"last\n").unwrap();
        output.write_out();
        assert_eq!(told.try_recv().unwrap(), b"last\n");
    }

    #[test]
    fn what_nobody_reads_does_not_grow_without_end() {
        let (tell, told) = channel();
        let mut output = LogOutput::to(Told(tell)).unwrap();
        output.write_all(&vec![b'x'; MOST_UNWRITTEN + 1]).unwrap();
        assert_eq!(told.try_recv().unwrap().len(), MOST_UNWRITTEN + 1);
    }
}
