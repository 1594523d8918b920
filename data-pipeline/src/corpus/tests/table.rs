//! Parquet files as a hub has them, written here and read.
#![allow(clippy::unwrap_used)]

use super::check;
use arrow::array::{
    ArrayRef, BinaryArray, DictionaryArray, Int64Array, Int64Builder, ListBuilder, RecordBatch,
    StringArray, StringBuilder, StructArray,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use expect_test::expect;
use parquet::arrow::ArrowWriter;
use std::sync::Arc;

/// A file of these columns, in row groups of two rows.
fn packed(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    let mut row = 0;
    while row < batch.num_rows() {
        let length = (batch.num_rows() - row).min(2);
        writer.write(&batch.slice(row, length)).unwrap();
        writer.flush().unwrap();
        row += length;
    }
    writer.close().unwrap();
    bytes
}

fn texts(rows: &[&[&str]]) -> ArrayRef {
    let mut list = ListBuilder::new(StringBuilder::new());
    for row in rows {
        for text in *row {
            list.values().append_value(text);
        }
        list.append(true);
    }
    Arc::new(list.finish())
}

fn numbers(rows: &[&[i64]]) -> ArrayRef {
    let mut list = ListBuilder::new(Int64Builder::new());
    for row in rows {
        list.values().append_slice(row);
        list.append(true);
    }
    Arc::new(list.finish())
}

#[test]
fn columns_of_tokens_and_tags_become_sentences() {
    let tokens = texts(&[&["Ann", "left"], &["in", "Rome"], &["Bob"]]);
    let tags = numbers(&[&[1, 0], &[0, 3], &[1]]);
    let ids: DictionaryArray<Int32Type> = vec!["a", "b", "c"].into_iter().collect();
    let picture =
        BinaryArray::from_vec(vec![b"\xff".as_slice(), b"\xfe".as_slice(), b"\xfd".as_slice()]);
    let file = packed(vec![
        ("id", Arc::new(ids) as ArrayRef),
        ("data.tokens", tokens),
        ("ner_tags", tags),
        ("picture", Arc::new(picture) as ArrayRef),
    ]);
    check(
        "json",
        "[options]\ncontainer = \"parquet\"\nid = \"id\"\ntokens = '\"data.tokens\".*'\ntags = \"ner_tags.*\"\ntag_names = [\"O\", \"B-PER\", \"I-PER\", \"B-LOC\"]\n",
        file,
        expect![[r#"
            a (en): Ann left | Person Ann 0..3
            b (en): in Rome | Location Rome 3..7
            c (en): Bob | Person Bob 0..3"#]],
    );
}

#[test]
fn structs_are_objects_and_rows_that_do_not_fit_have_their_number() {
    let start = Arc::new(Int64Array::from(vec![0, 0, 3])) as ArrayRef;
    let end = Arc::new(Int64Array::from(vec![3, 9, 7])) as ArrayRef;
    let span = StructArray::from(vec![
        (Arc::new(Field::new("start", DataType::Int64, true)), start),
        (Arc::new(Field::new("end", DataType::Int64, true)), end),
    ]);
    let text = StringArray::from(vec!["Ann left", "Bob", "in Rome"]);
    let file =
        packed(vec![("text", Arc::new(text) as ArrayRef), ("span", Arc::new(span) as ArrayRef)]);
    check(
        "json",
        "[options]\ncontainer = \"parquet\"\ntext = \"text\"\n[options.entities]\npath = \"span\"\nlabel = \"=PER\"\nmention = { start = \"start\", end = \"end\" }\n[splits.train]\nfiles = [\"f\"]\nmisfits = 1\n",
        file,
        expect![[r#"
            x/train/1 (en): Ann left | Person Ann 0..3
            x/train/3 (en): in Rome | Person Rome 3..7
            quarantined f:2: `PER`: characters 0..9 leave the text, which has 3"#]],
    );
}

#[test]
fn what_is_no_parquet_is_named() {
    let options = "[options]\ncontainer = \"parquet\"\ntokens = \"tokens.*\"\ntags = \"tags.*\"\n";
    check(
        "json",
        options,
        b"PAR1 and nothing more",
        expect![
            "data/f:1: not readable as Parquet: Parquet error: Invalid Parquet file. Corrupt footer; fetch it again [65]"
        ],
    );
}
