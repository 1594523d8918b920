//! What a pickle may name: five things that make tensors, and torch's classes of numbers.

use crate::source::contents::{Element, Float};

/// Classes and functions that a torch file may name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Global {
    OrderedDict,
    /// With the storage's own class of numbers.
    TensorV2,
    /// With a class of numbers as its seventh argument.
    TensorV3,
    Parameter,
    Class(&'static Class),
}

impl Global {
    pub(super) fn name(self) -> &'static str {
        match self {
            Global::OrderedDict => "OrderedDict",
            Global::TensorV2 => "_rebuild_tensor_v2",
            Global::TensorV3 => "_rebuild_tensor_v3",
            Global::Parameter => "_rebuild_parameter",
            Global::Class(class) => class.kind,
        }
    }
}

/// A class of numbers.
#[derive(Debug)]
pub(super) struct Class {
    /// Storages of it, where there are such.
    pub(super) storage: Option<&'static str>,
    pub(super) kind: &'static str,
    pub(super) element: Element,
}

impl Class {
    const fn new(storage: Option<&'static str>, kind: &'static str, element: Element) -> Self {
        Self { storage, kind, element }
    }
}

const fn other(bytes: usize) -> Element {
    Element::Other(Some(bytes))
}

static UNTYPED: Class = Class::new(Some("UntypedStorage"), "bytes", other(1));

/// What torch calls its numbers; those without a storage of their own look at untyped ones.
static CLASSES: [Class; 20] = [
    Class::new(Some("FloatStorage"), "float32", Element::Float(Float::F32)),
    Class::new(Some("HalfStorage"), "float16", Element::Float(Float::F16)),
    Class::new(Some("BFloat16Storage"), "bfloat16", Element::Float(Float::Bf16)),
    Class::new(Some("DoubleStorage"), "float64", Element::Float(Float::F64)),
    Class::new(Some("LongStorage"), "int64", other(8)),
    Class::new(Some("IntStorage"), "int32", other(4)),
    Class::new(Some("ShortStorage"), "int16", other(2)),
    Class::new(Some("CharStorage"), "int8", other(1)),
    Class::new(Some("ByteStorage"), "uint8", other(1)),
    Class::new(Some("BoolStorage"), "bool", other(1)),
    Class::new(Some("ComplexFloatStorage"), "complex64", other(8)),
    Class::new(Some("ComplexDoubleStorage"), "complex128", other(16)),
    Class::new(None, "uint16", other(2)),
    Class::new(None, "uint32", other(4)),
    Class::new(None, "uint64", other(8)),
    Class::new(None, "float8_e4m3fn", other(1)),
    Class::new(None, "float8_e4m3fnuz", other(1)),
    Class::new(None, "float8_e5m2", other(1)),
    Class::new(None, "float8_e5m2fnuz", other(1)),
    Class::new(None, "float8_e8m0fnu", other(1)),
];

/// What a pickle may ask for by name; all else is refused.
pub(super) fn global(module: &str, name: &str) -> Option<Global> {
    match (module, name) {
        ("collections", "OrderedDict") => Some(Global::OrderedDict),
        ("torch._utils", "_rebuild_tensor_v2") => Some(Global::TensorV2),
        ("torch._utils", "_rebuild_tensor_v3") => Some(Global::TensorV3),
        ("torch._utils", "_rebuild_parameter") => Some(Global::Parameter),
        ("torch.storage", "UntypedStorage") => Some(Global::Class(&UNTYPED)),
        ("torch", _) => CLASSES
            .iter()
            .find(|class| class.storage == Some(name) || class.kind == name)
            .map(Global::Class),
        _ => None,
    }
}
