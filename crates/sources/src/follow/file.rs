//! A file that grows, is rotated away, or is emptied in place.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A file and how far it has been read.
#[derive(Debug)]
pub(super) struct GrowingFile {
    path: PathBuf,
    file: File,
    at: u64,
    read: u64,
}

/// What a look at it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grown {
    /// So many bytes were read.
    By(usize),
    /// Nothing is there that was not before.
    Not,
    /// It was replaced or emptied; the next look reads from its beginning.
    Anew,
}

impl GrowingFile {
    /// The file at `path`, from its end.
    pub(super) fn open(path: &Path) -> io::Result<GrowingFile> {
        let mut file = File::open(path)?;
        let at = file.seek(SeekFrom::End(0))?;
        Ok(GrowingFile { path: path.to_owned(), file, at, read: 0 })
    }

    /// Bytes read since it was opened.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// Reads what is new. A file that was rotated away is read to its end before the one that took
    /// its place.
    pub(super) fn step(&mut self, buffer: &mut [u8]) -> io::Result<Grown> {
        // Asked before reading: what is written into the old file until then is still read.
        let now = match fs::metadata(&self.path) {
            Ok(now) => Some(now),
            // Between being moved away and being made anew.
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let own = self.file.metadata()?;
        if own.len() < self.at {
            self.file.seek(SeekFrom::Start(0))?;
            self.at = 0;
            return Ok(Grown::Anew);
        }
        let n = loop {
            match self.file.read(buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if n > 0 {
            let bytes = n as u64;
            self.at = self.at.saturating_add(bytes);
            self.read = self.read.saturating_add(bytes);
            return Ok(Grown::By(n));
        }
        if now.is_some_and(|now| !is_same(&now, &own)) {
            match File::open(&self.path) {
                Ok(file) => {
                    self.file = file;
                    self.at = 0;
                    return Ok(Grown::Anew);
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Grown::Not)
    }
}

fn is_same(a: &Metadata, b: &Metadata) -> bool {
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write;

    /// A directory of its own that goes away with the test.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Place {
            let unique = format!("oomph-follow-{name}-{}", std::process::id());
            let dir = std::env::temp_dir().join(unique);
            fs::create_dir_all(&dir).unwrap();
            Place(dir)
        }

        fn log(&self) -> PathBuf {
            self.0.join("kern.log")
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn append(path: &Path, text: &str) {
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// All that is there now, with `|` where another text begins.
    fn all(file: &mut GrowingFile) -> String {
        let mut buffer = [0; 4];
        let mut text = String::new();
        loop {
            match file.step(&mut buffer).unwrap() {
                Grown::By(n) => text.push_str(std::str::from_utf8(&buffer[..n]).unwrap()),
                Grown::Anew => text.push('|'),
                Grown::Not => return text,
            }
        }
    }

    #[test]
    fn only_what_is_added_is_read() {
        let place = Place::new("added");
        append(&place.log(), "old\n");
        let mut file = GrowingFile::open(&place.log()).unwrap();
        assert_eq!(all(&mut file), "");
        append(&place.log(), "new line\n");
        assert_eq!(all(&mut file), "new line\n");
        assert_eq!(all(&mut file), "");
    }

    #[test]
    fn a_rotated_file_is_read_to_its_end_before_the_next() {
        let place = Place::new("rotated");
        append(&place.log(), "old\n");
        let mut file = GrowingFile::open(&place.log()).unwrap();
        let moved = place.0.join("kern.log.1");
        fs::rename(place.log(), &moved).unwrap();
        append(&moved, "last words\n");
        assert_eq!(all(&mut file), "last words\n");
        append(&place.log(), "first words\n");
        append(&moved, "and some more\n");
        assert_eq!(all(&mut file), "and some more\n|first words\n");
    }

    #[test]
    fn an_emptied_file_is_read_from_its_beginning() {
        let place = Place::new("emptied");
        append(&place.log(), "a long old text\n");
        let mut file = GrowingFile::open(&place.log()).unwrap();
        File::create(place.log()).unwrap();
        append(&place.log(), "new\n");
        assert_eq!(all(&mut file), "|new\n");
    }
}
