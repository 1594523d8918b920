//! Torch files for tests, written byte by byte so that each byte can be wrong.
//!
//! Our own, since what is tested is what no library would write.

/// A zip archive before it is written.
pub(crate) struct Made {
    pub(crate) entries: Vec<MadeEntry>,
    pub(crate) comment: Vec<u8>,
    /// Whether all sizes stand in zip64 records.
    pub(crate) wide: bool,
    /// A directory of another size than it has.
    pub(crate) directory_size: Option<u32>,
}

/// What the directory says of an entry; the entry itself is right.
pub(crate) struct MadeEntry {
    pub(crate) name: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) size: u32,
    pub(crate) offset: u32,
    data: Vec<u8>,
}

impl Made {
    /// An archive that is right.
    pub(crate) fn new(entries: &[(&str, &[u8])]) -> Self {
        let mut offset = 0;
        let entry = |(name, data): &(&str, &[u8])| {
            let made = MadeEntry {
                name: name.as_bytes().to_vec(),
                flags: 0,
                method: 0,
                size: data.len() as u32,
                offset,
                data: data.to_vec(),
            };
            offset += (30 + name.len() + data.len()) as u32;
            made
        };
        Self {
            entries: entries.iter().map(entry).collect(),
            comment: Vec::new(),
            wide: false,
            directory_size: None,
        }
    }

    /// The archive as a file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut file = Vec::new();
        for entry in &self.entries {
            file.extend(b"PK\x03\x04");
            // As torch's: sizes stand behind the data and in the directory.
            file.extend([0; 22]);
            file.extend((entry.name.len() as u16).to_le_bytes());
            file.extend([0; 2]);
            file.extend(&entry.name);
            file.extend(&entry.data);
        }
        let start = file.len();
        self.entries.iter().for_each(|entry| self.directory_entry(entry, &mut file));
        let size = self.directory_size.unwrap_or((file.len() - start) as u32);
        let end = file.len() as u64;
        if self.wide {
            file.extend(b"PK\x06\x06");
            file.extend([0; 36]);
            file.extend(u64::from(size).to_le_bytes());
            file.extend((start as u64).to_le_bytes());
            file.extend(b"PK\x06\x07\0\0\0\0");
            file.extend(end.to_le_bytes());
            file.extend([0; 4]);
        }
        file.extend(b"PK\x05\x06\0\0\0\0");
        let count = if self.wide { u16::MAX } else { self.entries.len() as u16 };
        file.extend([count.to_le_bytes(), count.to_le_bytes()].concat());
        for number in [size, start as u32] {
            file.extend(if self.wide { [0xff; 4] } else { number.to_le_bytes() });
        }
        file.extend((self.comment.len() as u16).to_le_bytes());
        file.extend(&self.comment);
        file
    }

    fn directory_entry(&self, entry: &MadeEntry, file: &mut Vec<u8>) {
        let MadeEntry { name, flags, method, size, offset, .. } = entry;
        let narrow = |number: &u32| if self.wide { [0xff; 4] } else { number.to_le_bytes() };
        let mut extra = Vec::new();
        if self.wide {
            // A field of another kind stands before the record of sizes.
            extra.extend(b"\x07\x07\x01\0!\x01\0\x18\0");
            for number in [size, size, offset] {
                extra.extend(u64::from(*number).to_le_bytes());
            }
        }
        file.extend(b"PK\x01\x02\0\0\0\0");
        file.extend([flags.to_le_bytes(), method.to_le_bytes()].concat());
        file.extend([0; 8]);
        file.extend([narrow(size), narrow(size)].concat());
        file.extend((name.len() as u16).to_le_bytes());
        file.extend((extra.len() as u16).to_le_bytes());
        file.extend([0; 10]);
        file.extend(narrow(offset));
        file.extend(name);
        file.extend(extra);
    }
}

/// A zip archive of these entries.
pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    Made::new(entries).bytes()
}

/// A torch file: this pickle, and storages from `0` on.
pub(crate) fn torch(pickle: &[u8], storages: &[&[u8]]) -> Vec<u8> {
    let names: Vec<String> = (0..storages.len()).map(|i| format!("x/data/{i}")).collect();
    let mut entries = vec![("x/data.pkl", pickle), ("x/byteorder", b"little".as_slice())];
    entries.extend(names.iter().map(String::as_str).zip(storages.iter().copied()));
    zip(&entries)
}

/// Instructions of a pickle as torch writes them.
#[derive(Clone, Default)]
pub(crate) struct Instructions(pub(crate) Vec<u8>);

impl Instructions {
    /// Bytes as they are.
    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    /// A text.
    pub(crate) fn text(self, text: &str) -> Self {
        let length = (text.len() as u32).to_le_bytes();
        self.raw(b"X").raw(&length).raw(text.as_bytes())
    }

    /// A class or a function.
    pub(crate) fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }

    /// A whole number.
    pub(crate) fn integer(self, number: i64) -> Self {
        self.raw(b"\x8a\x08").raw(&number.to_le_bytes())
    }

    /// A tuple of whole numbers.
    pub(crate) fn integers(self, numbers: &[i64]) -> Self {
        numbers.iter().fold(self.raw(b"("), |it, number| it.integer(*number)).raw(b"t")
    }

    /// The storage `key` of a class of `torch`.
    pub(crate) fn storage(self, class: &str, key: &str, numbers: i64) -> Self {
        let tuple = self.raw(b"(").text("storage").global("torch", class).text(key).text("cpu");
        tuple.integer(numbers).raw(b"tQ")
    }

    /// A tensor over the storage that `storage` writes.
    pub(crate) fn tensor(
        self,
        storage: impl Fn(Self) -> Self,
        offset: i64,
        dims: &[i64],
        strides: &[i64],
    ) -> Self {
        let call = self.global("torch._utils", "_rebuild_tensor_v2").raw(b"(");
        let arguments = storage(call).integer(offset).integers(dims).integers(strides);
        arguments.raw(b"\x89").global("collections", "OrderedDict").raw(b")RtR")
    }

    /// A whole pickle: a dict of what `items` writes.
    pub(crate) fn dict(items: impl Fn(Self) -> Self) -> Vec<u8> {
        items(Self::default().raw(b"\x80\x02}(")).raw(b"u.").0
    }
}
