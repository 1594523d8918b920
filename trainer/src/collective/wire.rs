//! A frame as bytes: 40 bytes of header, then at most [`SEGMENT`] bytes of payload.
//!
//! The header says everything that two ranks must agree on, so that a rank that left the common
//! path is found at its first frame and not by its wrong numbers a thousand steps later.

use super::{Moment, Operation};

/// Bytes of a header.
pub const HEADER: usize = 40;

/// Most bytes of payload in a frame: small enough to be summed while it is in the cache.
pub const SEGMENT: usize = 256 * 1024;

/// `knowcoder ring`, version 1: another version is refused, not guessed at.
const MAGIC: [u8; 4] = *b"KCR1";

/// What the payload consists of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Values of an operation, f32, little endian.
    Floats,
    /// Bytes of an operation.
    Bytes,
    /// Not part of an operation: the sender leaves and says why.
    Note,
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which start of the run this is; frames of an earlier one are refused.
    pub generation: u32,
    /// The operation and its number.
    pub moment: Moment,
    /// What the payload is.
    pub content: Content,
    /// Elements of the whole operation, over all its frames.
    pub total: u64,
    /// The how-manieth exchange of the operation this frame belongs to; in a note, who is to blame.
    pub part: u32,
    /// Bytes of this frame's payload.
    pub length: u32,
}

impl Header {
    /// The header in bytes, with the checksum over itself and `payload`.
    pub fn encode(&self, payload: &[u8]) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&self.generation.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.moment.sequence.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.total.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.part.to_le_bytes());
        bytes[28..32].copy_from_slice(&self.length.to_le_bytes());
        bytes[32] = code_of(self.moment.operation);
        bytes[33] = match self.content {
            Content::Floats => 0,
            Content::Bytes => 1,
            Content::Note => 2,
        };
        let checksum = checksum(&bytes, payload);
        bytes[36..40].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Reads a header; the checksum is verified by [`verify`] once the payload is there.
    pub fn decode(bytes: &[u8; HEADER]) -> Result<Self, String> {
        if bytes[0..4] != MAGIC {
            return Err(format!("it starts with {:02x?}, not with {MAGIC:02x?}", &bytes[0..4]));
        }
        let header = Self {
            generation: u32::from_le_bytes(array(&bytes[4..8])),
            moment: Moment {
                sequence: u64::from_le_bytes(array(&bytes[8..16])),
                operation: operation_of(bytes[32])
                    .ok_or_else(|| format!("there is no operation {}", bytes[32]))?,
            },
            total: u64::from_le_bytes(array(&bytes[16..24])),
            part: u32::from_le_bytes(array(&bytes[24..28])),
            length: u32::from_le_bytes(array(&bytes[28..32])),
            content: match bytes[33] {
                0 => Content::Floats,
                1 => Content::Bytes,
                2 => Content::Note,
                other => return Err(format!("there is no content {other}")),
            },
        };
        if header.length as usize > SEGMENT {
            return Err(format!("it announces {} bytes, at most {SEGMENT} fit", header.length));
        }
        Ok(header)
    }
}

/// Compares the checksum in `header` with that of what arrived.
pub fn verify(header: &[u8; HEADER], payload: &[u8]) -> Result<(), String> {
    let sent = u32::from_le_bytes(array(&header[36..40]));
    let found = checksum(header, payload);
    if sent == found {
        return Ok(());
    }
    Err(format!("crc32 {sent:08x} was sent, {found:08x} arrived"))
}

fn checksum(header: &[u8; HEADER], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..36]);
    hasher.update(payload);
    hasher.finalize()
}

const OPERATIONS: [Operation; 7] = [
    Operation::AllReduce,
    Operation::ReduceScatter,
    Operation::AllGather,
    Operation::Broadcast,
    Operation::Barrier,
    Operation::Question,
    Operation::Meeting,
];

/// An operation as a number.
pub fn code_of(operation: Operation) -> u8 {
    operation as u8
}

/// The operation of a number.
pub fn operation_of(code: u8) -> Option<Operation> {
    OPERATIONS.get(code as usize).copied()
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(bytes);
    array
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn header(operation: Operation, content: Content) -> Header {
        Header {
            generation: 3,
            moment: Moment { operation, sequence: 412 },
            content,
            total: 1 << 40,
            part: 7,
            length: 4,
        }
    }

    #[test]
    fn a_header_survives_the_wire() {
        for operation in OPERATIONS {
            for content in [Content::Floats, Content::Bytes, Content::Note] {
                let header = header(operation, content);
                let bytes = header.encode(b"abcd");
                assert_eq!(Header::decode(&bytes), Ok(header));
                assert_eq!(verify(&bytes, b"abcd"), Ok(()));
            }
        }
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let bytes = header(Operation::AllReduce, Content::Floats).encode(b"abcd");
        for bit in 0..HEADER * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            let noticed = Header::decode(&damaged).is_err() || verify(&damaged, b"abcd").is_err();
            assert!(noticed, "bit {bit}");
        }
        assert!(verify(&bytes, b"abce").is_err());
    }
}
