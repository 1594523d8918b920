//! Messages of Protocol Buffers, as far as other people's programs need them from us.
//!
//! A message is its fields, one after the other, each with its number: to write a few of them takes no
//! generated code and no schema. <https://protobuf.dev/programming-guides/encoding/>

/// A message that grows field by field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    bytes: Vec<u8>,
}

/// How the value of a field is laid out.
#[derive(Clone, Copy)]
enum Wire {
    Varint = 0,
    Eight = 1,
    Delimited = 2,
    Four = 5,
}

impl Message {
    /// A message without fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an `int32`, `int64`, `uint64`, `bool` or enum.
    pub fn int(mut self, field: u32, value: i64) -> Self {
        self.key(field, Wire::Varint);
        // A negative number is its two's complement, in ten bytes.
        self.varint(value as u64);
        self
    }

    /// Adds a `float`.
    pub fn float(mut self, field: u32, value: f32) -> Self {
        self.key(field, Wire::Four);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    /// Adds a `double`.
    pub fn double(mut self, field: u32, value: f64) -> Self {
        self.key(field, Wire::Eight);
        self.bytes.extend(value.to_le_bytes());
        self
    }

    /// Adds a `string`.
    pub fn text(self, field: u32, text: &str) -> Self {
        self.delimited(field, text.as_bytes())
    }

    /// Adds a message.
    pub fn message(self, field: u32, message: &Self) -> Self {
        self.delimited(field, &message.bytes)
    }

    /// The message as it is written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn delimited(mut self, field: u32, bytes: &[u8]) -> Self {
        self.key(field, Wire::Delimited);
        self.varint(bytes.len() as u64);
        self.bytes.extend(bytes);
        self
    }

    fn key(&mut self, field: u32, wire: Wire) {
        self.varint(u64::from(field) << 3 | wire as u64);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_the_bytes_of_the_specification() {
        let check = |message: Message, expected: &[u8]| assert_eq!(message.bytes(), expected);
        check(Message::new(), &[]);
        // The first examples of the specification.
        check(Message::new().int(1, 150), &[0x08, 0x96, 0x01]);
        check(Message::new().text(2, "testing"), b"\x12\x07testing");
        check(
            Message::new().message(3, &Message::new().int(1, 150)),
            &[0x1a, 0x03, 0x08, 0x96, 0x01],
        );
        check(Message::new().int(1, -2), b"\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01");
        check(Message::new().float(2, 0.25), &[0x15, 0, 0, 0x80, 0x3e]);
        check(Message::new().double(1, 1.5), &[0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]);
        check(Message::new().int(100, 0), &[0xa0, 0x06, 0x00]);
    }
}
