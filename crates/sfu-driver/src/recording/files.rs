//! The files of one part, with what is gathered for each until it is written.

use std::collections::HashMap;
use std::io;

use sfu::TapTrack;

use super::disk::{Folder, PartFile};
use super::mjr;
use super::part::Op;

/// Bytes gathered for one file before they are written. With 800 files (100 rooms of four) they take some 20 MB.
const WRITE_AT: usize = 16 << 10;

/// Space kept free behind the last line of `part.jsonl`: for the last lines of a part on a full disk.
const RESERVE: u64 = 16 << 10;

/// Space reserved at once for lines, beyond [`RESERVE`].
const RESERVE_STEP: u64 = 16 << 10;

const LINES: &str = "part.jsonl";
/// Its name until it is locked: whoever sees `part.jsonl` unlocked may take the part for whole.
const NEW_LINES: &str = "part.jsonl.new";

/// A file and what is gathered for it.
struct Output<F> {
    file: F,
    /// Bytes written, all of whole lines or frames.
    length: u64,
    gathered: Vec<u8>,
    packets: u64,
    /// Whether it was written since it was synced last.
    is_changed: bool,
}

impl<F: PartFile> Output<F> {
    fn new(file: F) -> Self {
        Output {
            file,
            length: 0,
            gathered: Vec::new(),
            packets: 0,
            is_changed: false,
        }
    }

    /// Writes what is gathered. Where that fails, what was written before is whole.
    fn write(&mut self, written: &mut Written) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        self.is_changed = true;
        self.file.write(&self.gathered, self.length)?;
        self.length += self.gathered.len() as u64;
        written.bytes += self.gathered.len() as u64;
        written.packets += std::mem::take(&mut self.packets);
        self.gathered.clear();
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.is_changed) {
            self.file.sync()?;
        }
        Ok(())
    }
}

/// What was written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

/// See the module. After an error only [`Self::end`] is of use.
pub(crate) struct PartFiles<F: Folder> {
    folder: F,
    lines: Output<F::File>,
    /// Up to where space is reserved for lines; `None` where the file system cannot.
    reserved: Option<u64>,
    tracks: HashMap<TapTrack, Output<F::File>>,
    has_new_names: bool,
}

impl<F: Folder> PartFiles<F> {
    /// Makes and locks `part.jsonl` with its first line.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn begin(folder: F, first_line: Vec<u8>, written: &mut Written) -> io::Result<Self> {
        let file = folder.create(NEW_LINES)?;
        file.lock()?;
        let mut files = PartFiles {
            folder,
            lines: Output::new(file),
            reserved: Some(0),
            tracks: HashMap::new(),
            has_new_names: true,
        };
        files.lines.gathered = first_line;
        files.write_lines(written)?;
        files.folder.rename(NEW_LINES, LINES)?;
        Ok(files)
    }

    /// Gathers, and writes where much is gathered.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn apply(&mut self, op: Op, written: &mut Written) -> io::Result<()> {
        match op {
            Op::Line(line) => self.lines.gathered.extend_from_slice(&line),
            Op::Create { track, name, header } => {
                let mut output = Output::new(self.folder.create(&name)?);
                output.gathered = header;
                self.has_new_names = true;
                self.tracks.insert(track, output);
            }
            Op::Packet { track, ms, packet } => {
                if let Some(output) = self.tracks.get_mut(&track) {
                    mjr::frame(&mut output.gathered, ms, &packet);
                    output.packets += 1;
                    if output.gathered.len() >= WRITE_AT {
                        output.write(written)?;
                    }
                }
            }
            Op::Close(track) => {
                if let Some(mut output) = self.tracks.remove(&track) {
                    output.write(written)?;
                    output.sync()?;
                }
            }
        }
        Ok(())
    }

    /// Writes all that is gathered.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn write(&mut self, written: &mut Written) -> io::Result<()> {
        self.write_lines(written)?;
        self.tracks.values_mut().try_for_each(|output| output.write(written))
    }

    fn write_lines(&mut self, written: &mut Written) -> io::Result<()> {
        let end = self.lines.length + self.lines.gathered.len() as u64;
        if let Some(reserved) = self.reserved
            && end + RESERVE > reserved
        {
            let bytes = end + RESERVE + RESERVE_STEP - self.lines.length;
            self.reserved = match self.lines.file.reserve(self.lines.length, bytes) {
                Ok(()) => Some(self.lines.length + bytes),
                Err(e) if e.kind() == io::ErrorKind::Unsupported => None,
                Err(e) => return Err(e),
            };
        }
        self.lines.write(written)
    }

    /// How many files were written since they were synced.
    pub(crate) fn changed(&self) -> usize {
        let tracks = self.tracks.values().filter(|output| output.is_changed).count();
        tracks + usize::from(self.lines.is_changed || self.has_new_names)
    }

    /// All of this was synced by other means.
    pub(crate) fn set_synced(&mut self) {
        self.has_new_names = false;
        self.lines.is_changed = false;
        self.tracks.values_mut().for_each(|output| output.is_changed = false);
    }

    /// Waits until all that was written is on the disk.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.lines.sync()?;
        self.tracks.values_mut().try_for_each(Output::sync)?;
        if std::mem::take(&mut self.has_new_names) {
            self.folder.sync()?;
        }
        Ok(())
    }

    /// Writes the last line, and gives back what was reserved. After a failure of the disk what is gathered of the tracks is
    /// dropped, and the lines are written within the space that was reserved for them.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn end(&mut self, last_line: &[u8], has_failed: bool, written: &mut Written) -> io::Result<()> {
        if has_failed {
            for output in self.tracks.values() {
                // What was written in part is cut off, if the disk allows it; readers stop there anyway.
                let _ = output.file.cut(output.length);
            }
            self.tracks.clear();
        }
        self.reserved = None;
        self.lines.gathered.extend_from_slice(last_line);
        if self.write_lines(written).is_err() {
            self.lines.gathered = last_line.to_vec();
            self.write_lines(written)?;
        }
        self.lines.file.cut(self.lines.length)
    }
}
