//! The file system, as the writer uses it. [`Directory`] is the real one; tests have one in memory that fails and stalls.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;

/// Where parts are written.
pub(crate) trait Disk: Send + 'static {
    /// One directory.
    type Folder: Folder;

    /// Makes the directory `part` in that of the recording. Both are names, see [`super::names`].
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`]: another part has this name. Otherwise what the system says.
    fn make_part(&self, recording: &str, part: &str) -> io::Result<Self::Folder>;

    /// Waits until everything written so far, in whichever file, is on the disk.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&self) -> io::Result<()>;
}

/// The directory of one part.
pub(crate) trait Folder: Send {
    /// One file.
    type File: PartFile;

    /// Makes a file.
    ///
    /// # Errors
    /// What the system says.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Gives a file its final name.
    ///
    /// # Errors
    /// What the system says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Waits until the names of its files are on the disk.
    ///
    /// # Errors
    /// What the system says.
    fn sync(&self) -> io::Result<()>;
}

/// A file that is written from its beginning to its end. Each call says what the system says.
pub(crate) trait PartFile: Send {
    /// Locks it (`flock`) until it is closed.
    fn lock(&self) -> io::Result<()>;
    /// Writes all of `bytes` there.
    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()>;
    /// Keeps space for so many bytes from there on, without making the file longer.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`]: this file system cannot.
    fn reserve(&self, at: u64, bytes: u64) -> io::Result<()>;
    /// Cuts it there, and gives back what was reserved beyond.
    fn cut(&self, at: u64) -> io::Result<()>;
    /// Waits until what was written is on the disk.
    fn sync(&self) -> io::Result<()>;
}

/// The directory of all recordings. Others cannot read what is written there.
#[derive(Debug)]
pub(crate) struct Directory(pub(crate) PathBuf);

impl Disk for Directory {
    type Folder = PartFolder;

    fn make_part(&self, recording: &str, part: &str) -> io::Result<PartFolder> {
        let of_recording = self.0.join(recording);
        let mut builder = DirBuilder::new();
        builder.mode(0o700).recursive(true).create(&of_recording)?;
        let path = of_recording.join(part);
        builder.recursive(false).create(&path)?;
        sync_directory(&of_recording)?;
        sync_directory(&self.0)?;
        Ok(PartFolder(path))
    }

    fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(&self.0)?)?)
    }
}

/// See [`Folder`].
#[derive(Debug)]
pub(crate) struct PartFolder(PathBuf);

impl Folder for PartFolder {
    type File = File;

    fn create(&self, name: &str) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.0.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn sync(&self) -> io::Result<()> {
        sync_directory(&self.0)
    }
}

impl PartFile for File {
    fn lock(&self) -> io::Result<()> {
        Ok(self.try_lock()?)
    }

    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn reserve(&self, at: u64, bytes: u64) -> io::Result<()> {
        Ok(rustix::fs::fallocate(self, FallocateFlags::KEEP_SIZE, at, bytes)?)
    }

    fn cut(&self, at: u64) -> io::Result<()> {
        self.set_len(at)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Where nothing can be written: no directory is configured.
#[derive(Debug)]
pub(crate) struct Nowhere;

impl Disk for Nowhere {
    type Folder = PartFolder;

    fn make_part(&self, _: &str, _: &str) -> io::Result<PartFolder> {
        let reason = "this node has no directory for recordings";
        Err(io::Error::new(io::ErrorKind::NotFound, reason))
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
