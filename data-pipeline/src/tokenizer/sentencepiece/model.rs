//! The parts of a SentencePiece model file that decide ids.
//!
//! The file is a protocol buffer (sentencepiece_model.proto); fields that we have no use for are
//! passed over, those that would change ids are refused.

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// In the order of their ids.
    pub pieces: Vec<Piece>,
    /// Whether a space is put before the text.
    pub dummy_prefix: bool,
    /// The id of what cannot be spelt.
    pub unk: u32,
    /// The id that ends a text.
    pub eos: u32,
    /// The id of padding, if there is one.
    pub pad: Option<u32>,
    model_type: u64,
    byte_fallback: bool,
    suffix: bool,
    charsmap: bool,
    remove_extra_spaces: bool,
    escape_spaces: bool,
}

/// One entry of the vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub text: String,
    pub score: f32,
    pub kind: Kind,
}

/// How a piece comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// By merging.
    Normal,
    /// Wherever its text stands.
    UserDefined,
    /// For a byte that no piece spells.
    Byte(u8),
    /// Never from text.
    Special,
}

const BPE: u64 = 2;

impl Model {
    pub(super) fn parse(file: &[u8]) -> Result<Self, String> {
        // Defaults of the format.
        let mut model = Self {
            dummy_prefix: true,
            remove_extra_spaces: true,
            escape_spaces: true,
            eos: 2,
            model_type: 1,
            ..Self::default()
        };
        for field in Fields(file) {
            match field? {
                (1, Value::Bytes(bytes)) => model.pieces.push(Piece::parse(bytes)?),
                (2, Value::Bytes(bytes)) => model.trainer(bytes)?,
                (3, Value::Bytes(bytes)) => model.normalizer(bytes)?,
                _ => {}
            }
        }
        Ok(model)
    }

    fn trainer(&mut self, bytes: &[u8]) -> Result<(), String> {
        for field in Fields(bytes) {
            match field? {
                (3, Value::Number(kind)) => self.model_type = kind,
                (24, Value::Number(flag)) => self.suffix = flag != 0,
                (35, Value::Number(flag)) => self.byte_fallback = flag != 0,
                (40, Value::Number(id)) => self.unk = id as u32,
                (42, Value::Number(id)) => self.eos = id as u32,
                // Absent is -1, in ten bytes.
                (43, Value::Number(id)) => self.pad = u32::try_from(id).ok(),
                _ => {}
            }
        }
        Ok(())
    }

    fn normalizer(&mut self, bytes: &[u8]) -> Result<(), String> {
        for field in Fields(bytes) {
            match field? {
                (2, Value::Bytes(map)) => self.charsmap = !map.is_empty(),
                (3, Value::Number(flag)) => self.dummy_prefix = flag != 0,
                (4, Value::Number(flag)) => self.remove_extra_spaces = flag != 0,
                (5, Value::Number(flag)) => self.escape_spaces = flag != 0,
                _ => {}
            }
        }
        Ok(())
    }

    /// This model, if its ids come about in the one way that we know.
    pub(super) fn supported(self) -> Result<Self, String> {
        let refused = [
            (self.pieces.is_empty(), "it has no pieces"),
            (self.model_type != BPE, "it is not of the kind BPE"),
            (!self.byte_fallback, "it does not spell unknown characters in bytes"),
            (self.charsmap, "it normalises characters"),
            (self.remove_extra_spaces, "it removes spaces"),
            (!self.escape_spaces, "it leaves spaces as they are"),
            (self.suffix, "it puts spaces behind words"),
        ];
        if let Some((_, reason)) = refused.into_iter().find(|(refused, _)| *refused) {
            return Err(reason.to_owned());
        }
        let count = self.pieces.len();
        match [self.unk, self.eos].into_iter().chain(self.pad).find(|id| *id as usize >= count) {
            Some(id) => Err(format!("its special id {id} is not one of its {count} ids")),
            None => Ok(self),
        }
    }
}

impl Piece {
    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (mut text, mut score, mut kind) = (String::new(), 0.0, 1);
        for field in Fields(bytes) {
            match field? {
                (1, Value::Bytes(bytes)) => {
                    text = String::from_utf8(bytes.to_vec())
                        .map_err(|error| format!("a piece is not UTF-8: {error}"))?;
                }
                (2, Value::Fixed(bits)) => score = f32::from_bits(bits),
                (3, Value::Number(number)) => kind = number,
                _ => {}
            }
        }
        let kind = match kind {
            1 => Kind::Normal,
            4 => Kind::UserDefined,
            6 => {
                let byte = text.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
                let byte = byte.and_then(|byte| u8::from_str_radix(byte, 16).ok());
                Kind::Byte(byte.ok_or_else(|| format!("`{text}` is not a byte"))?)
            }
            2 | 3 => Kind::Special,
            other => return Err(format!("`{text}` is a piece of the unknown kind {other}")),
        };
        Ok(Self { text, score, kind })
    }
}

/// A field's content.
enum Value<'a> {
    Number(u64),
    Fixed(u32),
    Bytes(&'a [u8]),
}

/// The fields of a message, in their order.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some((key >> 3, value))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Value<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field.ok_or_else(|| "it is torn or no protocol buffer".to_owned()))
    }
}
