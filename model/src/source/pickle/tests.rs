//! Pickles as torch writes them, and as somebody would who wants more than to be read.

use super::super::made::Instructions;
use super::*;
use expect_test::{Expect, expect};

fn check(pickle: &[u8], expected: Expect) {
    expected.assert_eq(&shown(pickle));
}

fn shown(pickle: &[u8]) -> String {
    let items = match state_dict(pickle) {
        Ok(items) => items,
        Err(message) => return message,
    };
    let items = items.iter().map(|(name, item)| match item {
        Item::Other(kind) => format!("{name} is {kind}"),
        Item::Tensor(it) => format!(
            "{name} is {} {:?} {:?} from {} of {} ({:?} bytes)",
            it.kind, it.dims, it.strides, it.offset, it.storage.key, it.storage.bytes
        ),
    });
    items.collect::<Vec<_>>().join("; ")
}

/// A pickle of protocol 2.
fn program() -> Instructions {
    Instructions::default().raw(b"\x80\x02")
}

/// `w`, two by three, of the storage `0`.
fn tensor(it: Instructions) -> Instructions {
    it.tensor(|it| it.storage("FloatStorage", "0", 6), 0, &[2, 3], &[3, 1])
}

#[test]
fn what_torch_writes_is_read() {
    check(b"\x80\x02}.", expect![""]);
    check(
        &Instructions::dict(|it| tensor(it.text("w"))),
        expect!["w is float32 [2, 3] [3, 1] from 0 of 0 (Some(24) bytes)"],
    );
    let half = |it: Instructions| it.storage("HalfStorage", "7", 9);
    check(
        &Instructions::dict(|it| it.text("w").tensor(half, 3, &[], &[])),
        expect!["w is float16 [] [] from 3 of 7 (Some(18) bytes)"],
    );
    // A parameter is its tensor.
    let parameter = |it: Instructions| {
        let call = it.text("w").global("torch._utils", "_rebuild_parameter");
        tensor(call).raw(b"\x88").global("collections", "OrderedDict").raw(b")R\x87R")
    };
    check(
        &Instructions::dict(parameter),
        expect!["w is float32 [2, 3] [3, 1] from 0 of 0 (Some(24) bytes)"],
    );
    // Numbers of a class without a storage of its own.
    let small = |it: Instructions| {
        let call = it.text("w").global("torch._utils", "_rebuild_tensor_v3").raw(b"((");
        let storage = call.text("storage").global("torch.storage", "UntypedStorage").text("0");
        let storage = storage.text("cpu").integer(4).raw(b"tQ");
        let view = storage.integer(0).integers(&[4]).integers(&[1]).raw(b"\x89N");
        view.global("torch", "float8_e4m3fn").raw(b"tR")
    };
    check(
        &Instructions::dict(small),
        expect!["w is float8_e4m3fn [4] [1] from 0 of 0 (Some(4) bytes)"],
    );
}

#[test]
fn a_state_dict_is_an_ordered_dict_with_metadata() {
    let dict = program().global("collections", "OrderedDict").raw(b")Rq\0(");
    let items = tensor(dict.text("w")).raw(b"u}").text("_metadata");
    let metadata = items.global("collections", "OrderedDict").raw(b")R").text("").raw(b"}");
    let pickle = metadata.text("version").raw(b"K\x01sssb.").0;
    check(&pickle, expect!["w is float32 [2, 3] [3, 1] from 0 of 0 (Some(24) bytes)"]);
}

#[test]
fn what_is_no_tensor_is_only_named() {
    let items = |it: Instructions| {
        let it = it.text("a").raw(b"N").text("b").raw(b"\x88").text("c").raw(b"](K\x01K\x02e");
        it.text("d")
            .raw(b"G\0\0\0\0\0\0\0\0")
            .text("e")
            .integers(&[-1])
            .text("f")
            .raw(b"}")
            .raw(b"K\x07N")
    };
    check(
        &Instructions::dict(items),
        expect!["a is None; b is a bool; c is a list; d is a float; e is a tuple; f is a dict"],
    );
    check(b"\x80\x02N.", expect!["holds None, expected a dict of tensors"]);
}

#[test]
fn the_last_of_a_name_holds_and_names_may_share() {
    let twice = |it: Instructions| {
        let first = tensor(it.text("w")).raw(b"q\x05");
        first.text("v").raw(b"h\x05").text("w").raw(b"N")
    };
    check(
        &Instructions::dict(twice),
        expect!["v is float32 [2, 3] [3, 1] from 0 of 0 (Some(24) bytes); w is None"],
    );
}

#[test]
fn nothing_is_called() {
    let run = |it: Instructions| it.text("id").raw(b"\x85R.");
    check(
        &run(program().global("os", "system")).0,
        expect!["asks to call `os.system`; only tensors are read, and nothing is executed"],
    );
    for (module, name) in [
        ("posix", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("torch", "load"),
        ("torch", ""),
        ("torch._utils", "_rebuild_tensor"),
        ("torch.storage", "FloatStorage"),
        ("collections", "OrderedDict.fromkeys"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("subprocess", "Popen"),
    ] {
        let message = shown(&run(program().global(module, name)).0);
        let expected = format!("asks to call `{module}.{name}`; {ONLY}");
        assert_eq!(message, expected);
    }
    check(
        &program().global("\u{1b}[2J", "\u{202e}x").0,
        expect![[
            r"asks to call `\u{1b}[2J.\u{202e}x`; only tensors are read, and nothing is executed"
        ]],
    );
    check(
        &run(program().text("os system")).0,
        expect!["asks to call a text; only tensors are read, and nothing is executed"],
    );
    check(
        &run(program().global("torch", "FloatStorage")).0,
        expect!["asks to call `torch.float32`; only tensors are read, and nothing is executed"],
    );
    check(
        &run(program().global("collections", "OrderedDict")).0,
        expect!["calls `OrderedDict` with arguments that do not fit"],
    );
    check(
        &tensor(program()).raw(b"}b.").0,
        expect!["sets the state of a tensor; only tensors are read, and nothing is executed"],
    );
    check(
        &program().raw(b"}").integers(&[]).raw(b"b.").0,
        expect!["sets the state of a dict; only tensors are read, and nothing is executed"],
    );
}

#[test]
fn instructions_of_other_programs_are_refused_by_name() {
    check(
        b"\x80\x02\x8c\x02os\x8c\x06system\x93.",
        expect![
            "uses the instruction SHORT_BINUNICODE, which torch.save does not write for tensors; only tensors are read, and nothing is executed"
        ],
    );
    let named: [(&[u8], &str); 9] = [
        (b"X\x02\0\0\0osX\x06\0\0\0system\x93.", "STACK_GLOBAL"),
        (b"(X\x02\0\0\0idios\nsystem\n.", "INST"),
        (b"(cos\nsystem\no.", "asks to call `os.system`"),
        (b"\x82\x01.", "EXT1"),
        (b"\x83\x01\0.", "EXT2"),
        (b"\x84\x01\0\0\0.", "EXT4"),
        (b"Pos.system\n.", "PERSID"),
        (b")\x81.", "NEWOBJ"),
        (b"\xfe.", "0xfe"),
    ];
    for (code, name) in named {
        let message = shown(&program().raw(code).0);
        assert!(message.contains(name), "{message}");
    }
    check(b"\x80\x04}.", expect!["is a pickle of protocol 4, torch.save writes 2"]);
}

#[test]
fn only_storages_are_referred_to() {
    let outside = "refers to something outside that is no storage; only tensors are read, and \
                   nothing is executed";
    let outsiders = [
        program().text("http://example.com").raw(b"Q."),
        program().integer(1).raw(b"Q."),
        program().raw(b")Q."),
        program()
            .raw(b"(")
            .text("module")
            .global("torch", "FloatStorage")
            .text("0")
            .text("cpu")
            .integer(1)
            .raw(b"tQ."),
        program()
            .raw(b"(")
            .text("storage")
            .text("torch.FloatStorage")
            .text("0")
            .text("cpu")
            .integer(1)
            .raw(b"tQ."),
        program()
            .raw(b"(")
            .text("storage")
            .global("collections", "OrderedDict")
            .text("0")
            .text("cpu")
            .integer(1)
            .raw(b"tQ."),
    ];
    for pickle in outsiders {
        assert_eq!(shown(&pickle.0), outside);
    }
    check(
        &program().storage("FloatStorage", "0", -1).0,
        expect!["has a size of -1, expected 0 or more"],
    );
    check(
        &program().storage("FloatStorage", "0", i64::MAX).0,
        expect!["has a storage of 9223372036854775807 numbers, which are more bytes than can be"],
    );
}

#[test]
fn shapes_are_small_tuples_of_sizes() {
    let of = |dims: &[i64], strides: &[i64]| {
        shown(&program().tensor(|it| it.storage("FloatStorage", "0", 6), 0, dims, strides).0)
    };
    assert_eq!(of(&[-2], &[1]), "has a size of -2, expected 0 or more");
    assert_eq!(of(&[2], &[-1]), "has a size of -1, expected 0 or more");
    assert_eq!(of(&[1; 9], &[1; 9]), "has a tensor of 9 dimensions, expected at most 8");
    let call = program().global("torch._utils", "_rebuild_tensor_v2").raw(b"(");
    let call = call.storage("FloatStorage", "0", 6).integer(0).text("six").integers(&[1]);
    check(&call.raw(b"tR.").0, expect!["gives a tensor a text for its shape, expected a tuple"]);
}

#[test]
fn torn_pickles_are_refused() {
    let whole = Instructions::dict(|it| tensor(it.text("w")));
    for length in 0..whole.len() {
        assert!(state_dict(&whole[..length]).is_err(), "{length} bytes of {}", whole.len());
    }
    check(b"\x80\x02X\xff\xff\xff\xffno", expect!["breaks off"]);
    check(b"\x80\x02cos", expect!["breaks off"]);
    check(b"\x80\x02X\x01\0\0\0\xff.", expect!["has a text that is no UTF-8"]);
    check(b"\x80\x02\x8a\x09123456789.", expect!["has a number of 9 bytes, expected at most 8"]);
    check(b"\x80\x02h\x07.", expect!["recalls 7, never kept"]);
    check(b"\x80\x02q\0.", expect!["takes more from its stack than it put there"]);
    check(b"\x80\x02\x87.", expect!["takes more from its stack than it put there"]);
    check(b"\x80\x02t.", expect!["closes what it never opened"]);
    check(
        b"\x80\x02NN(Q",
        expect![
            "refers to something outside that is no storage; only tensors are read, and nothing is executed"
        ],
    );
    check(b"\x80\x02}(Nu.", expect!["sets a key without a value"]);
    check(b"\x80\x02N(NNu.", expect!["sets a key of what is no dict"]);
    check(b"\x80\x02}Na.", expect!["appends to a dict, expected a list"]);
    // A mark whose values were taken from under it.
    check(b"\x80\x02N(\x85(tsu.", expect!["sets a key of what is no dict"]);
}

/// Neither what is deep nor what is shared costs more than its bytes.
#[test]
fn bombs_do_nothing() {
    // A million tuples, each around the one before it.
    let nest = [b"\x80\x02)".as_slice(), &[0x85; 1_000_000], b"."].concat();
    check(&nest, expect!["holds a tuple, expected a dict of tensors"]);
    // Each tuple twice in the next: a walk through all would never end.
    let mut laughs = b"\x80\x02}X\x01\0\0\0a)".to_vec();
    for _ in 0..100_000 {
        laughs.extend(b"q\0h\0\x86");
    }
    laughs.extend(b"s.");
    check(&laughs, expect!["a is a tuple"]);
    // A dict that is its own value.
    check(b"\x80\x02}q\0X\x01\0\0\0ah\0s.", expect!["a is a dict"]);
    // Marks, memos and instructions without end.
    check(
        &[b"\x80\x02".as_slice(), &[b'('; 1 << 22]].concat(),
        expect!["is a pickle of more than 1048576 instructions"],
    );
    check(
        &[b"\x80\x02".as_slice(), &[b'N'; 1 << 22]].concat(),
        expect!["is a pickle of more than 1048576 instructions"],
    );
    // A memo's number is no size of a table.
    check(b"\x80\x02}r\xff\xff\xff\xff.", expect![""]);
    // One long shape for many tensors.
    let long = vec![1; 100_000];
    let call = program().global("torch._utils", "_rebuild_tensor_v2").raw(b"(");
    let call = call.storage("FloatStorage", "0", 6).integer(0).integers(&long).integers(&[1]);
    check(&call.raw(b"tR.").0, expect!["has a tensor of 100000 dimensions, expected at most 8"]);
}
