//! The pickle of a torch file, read by a machine that can do nothing but describe tensors.
//!
//! A pickle is a program. This one may build dicts, tuples and numbers, name the storages of its
//! archive and say how tensors look at them; whatever else it asks for is refused by name, and
//! nothing is ever imported or called. Every instruction takes a bounded step: values are copied as
//! handles, nothing is walked, so that neither a nest nor a shared list costs more than its bytes.

mod names;

use super::contents::{Element, MAX_DIMENSIONS, quoted};
use names::{Class, Global, global};
use std::collections::{BTreeMap, HashMap};

/// A tensor takes some 35 instructions, and a file of a checkpoint has hundreds of tensors.
const MAX_INSTRUCTIONS: usize = 1 << 20;

/// What stands under a name.
#[derive(Debug)]
pub(crate) enum Item<'a> {
    Tensor(View<'a>),
    /// What it is instead.
    Other(&'static str),
}

/// How a tensor looks at a storage.
#[derive(Clone, Debug)]
pub(crate) struct View<'a> {
    pub(crate) storage: Stored<'a>,
    pub(crate) element: Element,
    /// What the numbers are called.
    pub(crate) kind: &'static str,
    pub(crate) offset: usize,
    pub(crate) dims: Vec<usize>,
    pub(crate) strides: Vec<usize>,
}

/// A storage of the archive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored<'a> {
    /// The name of its entry.
    pub(crate) key: &'a str,
    /// How many bytes it should have, if its numbers have a size that is known.
    pub(crate) bytes: Option<usize>,
    class: &'static Class,
}

/// The dict of named tensors that a pickle builds.
pub(crate) fn state_dict(pickle: &[u8]) -> Result<BTreeMap<String, Item<'_>>, String> {
    let mut machine = Machine::new(pickle);
    for _ in 0..MAX_INSTRUCTIONS {
        if let Some(result) = machine.step()? {
            return machine.items(result);
        }
    }
    Err(format!("is a pickle of more than {MAX_INSTRUCTIONS} instructions"))
}

/// What lies on the stack: a number, a text, or a handle.
#[derive(Clone, Copy, Debug)]
enum Value<'a> {
    /// Nothing that is ever looked at: what it is.
    Plain(&'static str),
    Integer(i64),
    Text(&'a str),
    Global(Global),
    /// Where it begins among `tupled`, and its length.
    Tuple(usize, usize),
    /// Its number among `dicts`.
    Dict(usize),
    /// Its number among `storages`.
    Storage(usize),
    /// Its number among `tensors`.
    Tensor(usize),
}

impl Value<'_> {
    fn kind(self) -> &'static str {
        match self {
            Value::Plain(kind) => kind,
            Value::Integer(_) => "a number",
            Value::Text(_) => "a text",
            Value::Global(_) => "a class",
            Value::Tuple(..) => "a tuple",
            Value::Dict(_) => "a dict",
            Value::Storage(_) => "a storage",
            Value::Tensor(_) => "a tensor",
        }
    }
}

/// Text keys and what stands under them, in the order in which they were set.
type Dict<'a> = Vec<(&'a str, Value<'a>)>;

struct Machine<'a> {
    /// What is still to be read.
    rest: &'a [u8],
    stack: Vec<Value<'a>>,
    /// Where on the stack the open marks stand.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    tupled: Vec<Value<'a>>,
    dicts: Vec<Dict<'a>>,
    storages: Vec<Stored<'a>>,
    tensors: Vec<View<'a>>,
}

impl<'a> Machine<'a> {
    fn new(pickle: &'a [u8]) -> Self {
        Self {
            rest: pickle,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
            tupled: Vec::new(),
            dicts: Vec::new(),
            storages: Vec::new(),
            tensors: Vec::new(),
        }
    }

    /// One instruction; gives the result at the last.
    fn step(&mut self) -> Result<Option<Value<'a>>, String> {
        let [code] = self.bytes()?;
        match code {
            b'.' => return self.pop().map(Some),
            0x80 => self.protocol()?,
            b'N' => self.stack.push(Value::Plain("None")),
            0x88 | 0x89 => self.stack.push(Value::Plain("a bool")),
            b'G' => {
                self.bytes::<8>()?;
                self.stack.push(Value::Plain("a float"));
            }
            b'K' => {
                let [number] = self.bytes()?;
                self.stack.push(Value::Integer(number.into()));
            }
            b'M' => {
                let number = u16::from_le_bytes(self.bytes()?);
                self.stack.push(Value::Integer(number.into()));
            }
            b'J' => {
                let number = i32::from_le_bytes(self.bytes()?);
                self.stack.push(Value::Integer(number.into()));
            }
            0x8a => self.long()?,
            b'X' => self.text()?,
            b'(' => self.marks.push(self.stack.len()),
            b')' => self.tuple(0)?,
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let count = self.marked()?;
                self.tuple(count)?;
            }
            b'}' => self.dict(),
            b']' => self.stack.push(Value::Plain("a list")),
            b'a' => self.append(1)?,
            b'e' => {
                let count = self.marked()?;
                self.append(count)?;
            }
            b's' => self.set(2)?,
            b'u' => {
                let count = self.marked()?;
                self.set(count)?;
            }
            b'q' => {
                let [key] = self.bytes()?;
                self.put(key.into())?;
            }
            b'r' => {
                let key = u32::from_le_bytes(self.bytes()?);
                self.put(key)?;
            }
            b'h' => {
                let [key] = self.bytes()?;
                self.get(key.into())?;
            }
            b'j' => {
                let key = u32::from_le_bytes(self.bytes()?);
                self.get(key)?;
            }
            b'c' => self.global()?,
            b'Q' => self.storage()?,
            b'R' => self.call()?,
            b'b' => self.state()?,
            other => return Err(refused(other)),
        }
        Ok(None)
    }

    fn protocol(&mut self) -> Result<(), String> {
        let [version] = self.bytes()?;
        if version == 2 {
            return Ok(());
        }
        Err(format!("is a pickle of protocol {version}, torch.save writes 2"))
    }

    fn long(&mut self) -> Result<(), String> {
        let [length] = self.bytes()?;
        let bytes = self.take(length.into())?;
        // Two's complement, the least byte first, as short as can be.
        let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
        let mut number = if negative { [0xff; 8] } else { [0; 8] };
        match number.get_mut(..bytes.len()) {
            Some(low) => low.copy_from_slice(bytes),
            None => return Err(format!("has a number of {length} bytes, expected at most 8")),
        }
        self.stack.push(Value::Integer(i64::from_le_bytes(number)));
        Ok(())
    }

    fn text(&mut self) -> Result<(), String> {
        let length = u32::from_le_bytes(self.bytes()?) as usize;
        let text = str::from_utf8(self.take(length)?).map_err(|_| "has a text that is no UTF-8")?;
        self.stack.push(Value::Text(text));
        Ok(())
    }

    fn tuple(&mut self, count: usize) -> Result<(), String> {
        let start = self.tupled.len();
        let from = self.below(count)?;
        self.tupled.extend(self.stack.drain(from..));
        self.stack.push(Value::Tuple(start, count));
        Ok(())
    }

    fn dict(&mut self) {
        self.stack.push(Value::Dict(self.dicts.len()));
        self.dicts.push(Dict::new());
    }

    /// Lists are nothing that tensors need: what is put into them is let go.
    fn append(&mut self, count: usize) -> Result<(), String> {
        let from = self.below(count)?;
        self.stack.truncate(from);
        match self.stack.last() {
            Some(Value::Plain("a list")) => Ok(()),
            other => Err(format!("appends to {}, expected a list", kind(other))),
        }
    }

    fn set(&mut self, count: usize) -> Result<(), String> {
        let from = self.below(count)?;
        if !count.is_multiple_of(2) {
            return Err("sets a key without a value".into());
        }
        let Some(Value::Dict(dict)) = from.checked_sub(1).and_then(|at| self.stack.get(at)) else {
            return Err("sets a key of what is no dict".into());
        };
        let dict = &mut self.dicts[*dict];
        for pair in self.stack[from..].chunks_exact(2) {
            // Tensors have names; other keys are of dicts that nobody reads.
            if let Value::Text(key) = pair[0] {
                dict.push((key, pair[1]));
            }
        }
        self.stack.truncate(from);
        Ok(())
    }

    fn put(&mut self, key: u32) -> Result<(), String> {
        let top = *self.stack.last().ok_or(EMPTY)?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn get(&mut self, key: u32) -> Result<(), String> {
        let value = self.memo.get(&key).ok_or_else(|| format!("recalls {key}, never kept"))?;
        self.stack.push(*value);
        Ok(())
    }

    fn global(&mut self) -> Result<(), String> {
        let (module, name) = (self.line()?, self.line()?);
        match global(module, name) {
            Some(known) => self.stack.push(Value::Global(known)),
            None => {
                let asked = quoted(&format!("{}.{}", cut(module), cut(name)));
                return Err(format!("asks to call {asked}; {ONLY}"));
            }
        }
        Ok(())
    }

    /// What stands behind the name of a storage: `("storage", class, key, device, numbers)`.
    fn storage(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let parts = self.tuple_of(id);
        let [
            Value::Text("storage"),
            Value::Global(Global::Class(class)),
            Value::Text(key),
            Value::Text(_),
            Value::Integer(count),
        ] = *parts
        else {
            return Err(format!("refers to something outside that is no storage; {ONLY}"));
        };
        let bytes = match class.element.bytes() {
            Some(bytes) => Some(whole(count)?.checked_mul(bytes).ok_or_else(|| {
                format!("has a storage of {count} numbers, which are more bytes than can be")
            })?),
            None => None,
        };
        self.stack.push(Value::Storage(self.storages.len()));
        self.storages.push(Stored { key, bytes, class });
        Ok(())
    }

    fn call(&mut self) -> Result<(), String> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let arguments = match arguments {
            Value::Tuple(..) => self.tuple_of(arguments),
            other => return Err(format!("calls with {}, expected a tuple", other.kind())),
        };
        let made = match (callee, arguments) {
            (Value::Global(Global::OrderedDict), []) => {
                self.dict();
                return Ok(());
            }
            (Value::Global(Global::Parameter), [tensor @ Value::Tensor(_), ..]) => *tensor,
            (
                Value::Global(Global::TensorV2),
                [Value::Storage(storage), Value::Integer(offset), dims, strides, ..],
            ) => {
                let storage = self.storages[*storage];
                let view = self.view(storage, storage.class, *offset, *dims, *strides)?;
                self.tensor(view)
            }
            (
                Value::Global(Global::TensorV3),
                [
                    Value::Storage(storage),
                    Value::Integer(offset),
                    dims,
                    strides,
                    _,
                    _,
                    Value::Global(Global::Class(class)),
                    ..,
                ],
            ) => {
                let storage = self.storages[*storage];
                let view = self.view(storage, class, *offset, *dims, *strides)?;
                self.tensor(view)
            }
            (Value::Global(Global::Class(class)), _) => {
                return Err(format!("asks to call `torch.{}`; {ONLY}", class.kind));
            }
            (Value::Global(global), _) => {
                return Err(format!("calls `{}` with arguments that do not fit", global.name()));
            }
            (other, _) => return Err(format!("asks to call {}; {ONLY}", other.kind())),
        };
        self.stack.push(made);
        Ok(())
    }

    fn view(
        &self,
        storage: Stored<'a>,
        class: &'static Class,
        offset: i64,
        dims: Value,
        strides: Value,
    ) -> Result<View<'a>, String> {
        Ok(View {
            storage,
            element: class.element,
            kind: class.kind,
            offset: whole(offset)?,
            dims: self.sizes(dims)?,
            strides: self.sizes(strides)?,
        })
    }

    fn tensor(&mut self, view: View<'a>) -> Value<'a> {
        self.tensors.push(view);
        Value::Tensor(self.tensors.len() - 1)
    }

    fn sizes(&self, value: Value) -> Result<Vec<usize>, String> {
        let Value::Tuple(start, count) = value else {
            return Err(format!("gives a tensor {} for its shape, expected a tuple", value.kind()));
        };
        if count > MAX_DIMENSIONS {
            return Err(format!(
                "has a tensor of {count} dimensions, expected at most {MAX_DIMENSIONS}"
            ));
        }
        let parts = self.tupled[start..start + count].iter();
        parts
            .map(|part| match part {
                Value::Integer(size) => whole(*size),
                other => {
                    Err(format!("has {} in the shape of a tensor, expected a number", other.kind()))
                }
            })
            .collect()
    }

    /// `_metadata` of a dict, which says nothing of tensors, is let go; nothing else has a state.
    fn state(&mut self) -> Result<(), String> {
        let state = self.pop()?;
        match (self.stack.last(), state) {
            (Some(Value::Dict(_)), Value::Dict(_)) => Ok(()),
            (other, _) => Err(format!("sets the state of {}; {ONLY}", kind(other))),
        }
    }

    /// The named items of the dict that is the result.
    fn items(mut self, result: Value<'a>) -> Result<BTreeMap<String, Item<'a>>, String> {
        let Value::Dict(dict) = result else {
            return Err(format!("holds {}, expected a dict of tensors", result.kind()));
        };
        let items = std::mem::take(&mut self.dicts[dict]).into_iter().map(|(key, value)| {
            let item = match value {
                Value::Tensor(tensor) => Item::Tensor(self.tensors[tensor].clone()),
                other => Item::Other(other.kind()),
            };
            (key.to_owned(), item)
        });
        Ok(items.collect())
    }

    /// How many values stand above the last mark, which is taken away.
    fn marked(&mut self) -> Result<usize, String> {
        let mark = self.marks.pop().ok_or("closes what it never opened")?;
        self.stack.len().checked_sub(mark).ok_or_else(|| EMPTY.into())
    }

    /// Where on the stack the last `count` values begin.
    fn below(&self, count: usize) -> Result<usize, String> {
        self.stack.len().checked_sub(count).ok_or_else(|| EMPTY.into())
    }

    fn pop(&mut self) -> Result<Value<'a>, String> {
        self.stack.pop().ok_or_else(|| EMPTY.into())
    }

    fn tuple_of(&self, value: Value) -> &[Value<'a>] {
        match value {
            Value::Tuple(start, count) => &self.tupled[start..start + count],
            _ => &[],
        }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(BROKEN)?;
        self.rest = rest;
        Ok(*bytes)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(BROKEN)?;
        self.rest = rest;
        Ok(taken)
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let length = self.rest.iter().position(|byte| *byte == b'\n').ok_or(BROKEN)?;
        let line = self.take(length)?;
        self.rest = &self.rest[1..];
        str::from_utf8(line).map_err(|_| "has a name that is no UTF-8".into())
    }
}

const BROKEN: &str = "breaks off";
const EMPTY: &str = "takes more from its stack than it put there";
const ONLY: &str = "only tensors are read, and nothing is executed";

fn kind(value: Option<&Value>) -> &'static str {
    value.map_or("nothing", |value| value.kind())
}

fn whole(number: i64) -> Result<usize, String> {
    usize::try_from(number).map_err(|_| format!("has a size of {number}, expected 0 or more"))
}

/// As much of a name as an error can show.
fn cut(name: &str) -> &str {
    name.char_indices().nth(200).map_or(name, |(at, _)| &name[..at])
}

/// What is said about an instruction that torch.save never writes.
fn refused(code: u8) -> String {
    const NAMES: [(u8, &str); 32] = [
        (b'P', "PERSID"),
        (b'I', "INT"),
        (b'F', "FLOAT"),
        (b'L', "LONG"),
        (b'S', "STRING"),
        (b'T', "BINSTRING"),
        (b'U', "SHORT_BINSTRING"),
        (b'V', "UNICODE"),
        (b'i', "INST"),
        (b'o', "OBJ"),
        (b'p', "PUT"),
        (b'g', "GET"),
        (b'0', "POP"),
        (b'1', "POP_MARK"),
        (b'2', "DUP"),
        (b'd', "DICT"),
        (b'l', "LIST"),
        (0x81, "NEWOBJ"),
        (0x82, "EXT1"),
        (0x83, "EXT2"),
        (0x84, "EXT4"),
        (0x8b, "LONG4"),
        (b'B', "BINBYTES"),
        (b'C', "SHORT_BINBYTES"),
        (0x8c, "SHORT_BINUNICODE"),
        (0x8d, "BINUNICODE8"),
        (0x8f, "EMPTY_SET"),
        (0x92, "NEWOBJ_EX"),
        (0x93, "STACK_GLOBAL"),
        (0x94, "MEMOIZE"),
        (0x95, "FRAME"),
        (0x96, "BYTEARRAY8"),
    ];
    let name = NAMES.iter().find(|(known, _)| *known == code);
    let name = name.map_or_else(|| format!("{code:#04x}"), |(_, name)| (*name).to_owned());
    format!("uses the instruction {name}, which torch.save does not write for tensors; {ONLY}")
}

#[cfg(test)]
mod tests;
