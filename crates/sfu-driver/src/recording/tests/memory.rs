//! A disk in memory that has a size, breaks, and stands still.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::recording::disk::{Disk, Folder, PartFile};

#[derive(Debug, Default)]
struct Content {
    /// By path: what is in it, and up to where there is space for it.
    files: BTreeMap<String, (Vec<u8>, u64)>,
    folders: Vec<String>,
    locked: Vec<String>,
    size: Option<u64>,
    is_broken: bool,
    is_still: bool,
    panics: bool,
    syncs: usize,
}

impl Content {
    fn free(&self) -> u64 {
        let used: u64 = self
            .files
            .values()
            .map(|(bytes, space)| (*space).max(bytes.len() as u64))
            .sum();
        self.size.map_or(1 << 40, |size| size.saturating_sub(used))
    }

    fn check(&mut self) -> io::Result<()> {
        assert!(!std::mem::take(&mut self.panics), "ordered by a test");
        if self.is_broken {
            return Err(io::Error::other("the disk is broken"));
        }
        Ok(())
    }

    /// Makes space in a file up to `end`, or says that the disk is full.
    fn grow(&mut self, path: &str, end: u64) -> io::Result<()> {
        self.check()?;
        let free = self.free();
        let (bytes, space) = self.files.get_mut(path).expect("a file");
        let has = (*space).max(bytes.len() as u64);
        if end > has + free {
            *space = has + free; // a write is done in part
            return Err(io::ErrorKind::StorageFull.into());
        }
        *space = has.max(end);
        Ok(())
    }
}

/// See the module. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    content: Arc<(Mutex<Content>, Condvar)>,
}

impl Memory {
    pub(super) fn set_size(&self, size: Option<u64>) {
        self.lock().size = size;
    }

    pub(super) fn break_down(&self) {
        self.lock().is_broken = true;
    }

    /// The next call panics.
    pub(super) fn panic_once(&self) {
        self.lock().panics = true;
    }

    /// Every call waits from now on, or goes on.
    pub(super) fn stand_still(&self, is_still: bool) {
        self.content.0.lock().unwrap_or_else(PoisonError::into_inner).is_still = is_still;
        self.content.1.notify_all();
    }

    pub(super) fn syncs(&self) -> usize {
        self.lock().syncs
    }

    pub(super) fn folders(&self) -> Vec<String> {
        self.lock().folders.clone()
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.lock().files.keys().cloned().collect()
    }

    /// The only file whose path ends so.
    pub(super) fn file(&self, end: &str) -> Vec<u8> {
        let content = self.lock();
        let mut found = content.files.iter().filter(|(path, _)| path.ends_with(end));
        let file = found.next().expect("a file").1.0.clone();
        assert_eq!(found.next(), None, "more than one");
        file
    }

    pub(super) fn is_locked(&self, end: &str) -> bool {
        self.lock().locked.iter().any(|path| path.ends_with(end))
    }

    /// Once it does not stand still.
    fn lock(&self) -> MutexGuard<'_, Content> {
        let content = self.content.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.content
            .1
            .wait_while(content, |content| content.is_still)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for Memory {
    type Folder = MemoryFolder;

    fn make_part(&self, recording: &str, part: &str) -> io::Result<MemoryFolder> {
        let mut content = self.lock();
        content.check()?;
        let path = format!("{recording}/{part}");
        if content.folders.contains(&path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        content.folders.push(path.clone());
        Ok(MemoryFolder(self.clone(), path))
    }

    fn sync(&self) -> io::Result<()> {
        let mut content = self.lock();
        content.syncs += 1;
        content.check()
    }
}

pub(super) struct MemoryFolder(Memory, String);

impl Folder for MemoryFolder {
    type File = MemoryFile;

    fn create(&self, name: &str) -> io::Result<MemoryFile> {
        let path = format!("{}/{name}", self.1);
        let mut content = self.0.lock();
        content.check()?;
        content.files.insert(path.clone(), (Vec::new(), 0));
        Ok(MemoryFile(self.0.clone(), path))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (format!("{}/{from}", self.1), format!("{}/{to}", self.1));
        let mut content = self.0.lock();
        content.check()?;
        assert!(content.locked.contains(&from), "it is locked before it is seen");
        let file = content.files.remove(&from).expect("a file");
        content.files.insert(to.clone(), file);
        content.locked.push(to);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.lock().check()
    }
}

pub(super) struct MemoryFile(Memory, String);

impl PartFile for MemoryFile {
    fn lock(&self) -> io::Result<()> {
        self.0.lock().locked.push(self.1.clone());
        Ok(())
    }

    fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut content = self.0.lock();
        let path = self.path(&content);
        let end = at + bytes.len() as u64;
        let outcome = content.grow(&path, end);
        let (file, space) = content.files.get_mut(&path).expect("a file");
        if outcome.is_err() {
            let fits = (*space).saturating_sub(at).min(bytes.len() as u64) as usize;
            file.truncate(at as usize);
            file.extend_from_slice(&bytes[..fits]);
            return outcome;
        }
        file.truncate(at as usize);
        file.extend_from_slice(bytes);
        Ok(())
    }

    fn reserve(&self, at: u64, bytes: u64) -> io::Result<()> {
        let mut content = self.0.lock();
        let path = self.path(&content);
        content.grow(&path, at + bytes)
    }

    fn cut(&self, at: u64) -> io::Result<()> {
        let mut content = self.0.lock();
        let path = self.path(&content);
        let (file, space) = content.files.get_mut(&path).expect("a file");
        file.truncate(at as usize);
        *space = at;
        content.check()
    }

    fn sync(&self) -> io::Result<()> {
        let mut content = self.0.lock();
        content.syncs += 1;
        content.check()
    }
}

impl MemoryFile {
    /// It may have been renamed.
    fn path(&self, content: &Content) -> String {
        if content.files.contains_key(&self.1) {
            return self.1.clone();
        }
        self.1.trim_end_matches(".new").to_owned()
    }
}

impl Drop for MemoryFile {
    fn drop(&mut self) {
        let mut content = self.0.content.0.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path(&content);
        content.locked.retain(|locked| *locked != path);
    }
}
