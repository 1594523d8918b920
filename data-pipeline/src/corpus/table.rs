//! Rows of a Parquet file as JSON values: columns are members, lists and structs nest.
//!
//! A file is read batch by batch, so that what is held beside the sentences is a part of one row
//! group, whatever the size of the file.

use crate::Error;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::array_value_to_string;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Map, Value};
use std::fmt::Display;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Rows that are values at once.
const BATCH: usize = 512;

/// Gives `take` each row with its number from 1, or what is wrong with it.
pub(crate) fn each_row(
    path: &Path,
    mut take: impl FnMut(usize, Result<Value, String>) -> Result<(), Error>,
) -> Result<(), Error> {
    let file = File::open(path).map_err(Error::read(path))?;
    let open = || {
        ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.with_batch_size(BATCH).build())
            .map_err(|error| error.to_string())
    };
    let mut batches = guarded(open).map_err(|fault| unreadable(path, 1, &fault))?;
    let mut number = 0;
    loop {
        let next = || batches.next().transpose().map_err(|error| error.to_string());
        let batch = guarded(next).map_err(|fault| unreadable(path, number + 1, &fault))?;
        let Some(batch) = batch else { return Ok(()) };
        for row in 0..batch.num_rows() {
            number += 1;
            take(number, guarded(|| record(&batch, row)))?;
        }
    }
}

/// What `work` gives. The library asserts what a damaged file does not keep; of whoever reads files
/// of others, that is an error and no bug. Nothing that a panic left half-done is used again.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
        Err(format!("the file is damaged ({})", said.unwrap_or("no reason given")))
    })
}

/// What a file that is no Parquet, or is packed in a way that we do not unpack, gets.
fn unreadable(path: &Path, row: usize, error: &dyn Display) -> Error {
    let text = error.to_string();
    let way_out = match text.contains("Disabled feature") {
        true => "write it again with zstd or without compression",
        false => "fetch it again",
    };
    Error::data(path, row, format!("not readable as Parquet: {text}; {way_out}"))
}

/// All columns of a row.
fn record(batch: &RecordBatch, row: usize) -> Result<Value, String> {
    let schema = batch.schema();
    let mut members = Map::new();
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        let name = field.name();
        let found = value(column.as_ref(), row).map_err(|fault| format!("`{name}`: {fault}"))?;
        members.insert(name.clone(), found);
    }
    Ok(Value::Object(members))
}

/// What an array holds at `row`. Bytes, pictures for instance, have no form as text and are null;
/// of dates and the like it is the text that Arrow writes.
fn value(array: &dyn Array, row: usize) -> Result<Value, String> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Null
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Value::Null,
        DataType::Boolean => Value::from(array.as_boolean().value(row)),
        DataType::Int8 => number::<Int8Type>(array, row),
        DataType::Int16 => number::<Int16Type>(array, row),
        DataType::Int32 => number::<Int32Type>(array, row),
        DataType::Int64 => number::<Int64Type>(array, row),
        DataType::UInt8 => number::<UInt8Type>(array, row),
        DataType::UInt16 => number::<UInt16Type>(array, row),
        DataType::UInt32 => number::<UInt32Type>(array, row),
        DataType::UInt64 => number::<UInt64Type>(array, row),
        DataType::Float32 => number::<Float32Type>(array, row),
        DataType::Float64 => number::<Float64Type>(array, row),
        DataType::Utf8 => Value::from(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => Value::from(array.as_string::<i64>().value(row)),
        DataType::Utf8View => Value::from(array.as_string_view().value(row)),
        DataType::List(_) => items(array.as_list::<i32>().value(row).as_ref())?,
        DataType::LargeList(_) => items(array.as_list::<i64>().value(row).as_ref())?,
        DataType::FixedSizeList(_, _) => items(array.as_fixed_size_list().value(row).as_ref())?,
        DataType::Struct(fields) => {
            let mut members = Map::new();
            for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                members.insert(field.name().clone(), value(column.as_ref(), row)?);
            }
            Value::Object(members)
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            let key = value(dictionary.keys(), row)?;
            let index = key.as_u64().and_then(|key| usize::try_from(key).ok());
            match index.filter(|index| *index < dictionary.values().len()) {
                Some(index) => value(dictionary.values().as_ref(), index)?,
                None => return Err(format!("{key} is no entry of its dictionary")),
            }
        }
        _ => Value::from(array_value_to_string(array, row).map_err(|error| error.to_string())?),
    })
}

fn number<T>(array: &dyn Array, row: usize) -> Value
where
    T: ArrowPrimitiveType,
    T::Native: Into<Value>,
{
    array.as_primitive::<T>().value(row).into()
}

fn items(array: &dyn Array) -> Result<Value, String> {
    let items: Result<Vec<Value>, String> = (0..array.len()).map(|row| value(array, row)).collect();
    Ok(Value::Array(items?))
}
