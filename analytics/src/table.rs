//! What a table of facts is, and how its columns are declared.

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

/// Key of a schema's metadata under which its name is.
pub const SCHEMA: &str = "cortex.schema";

/// Rows of one published schema while they are gathered.
pub trait Table: Default {
    /// What its rows are made of.
    type Message;

    /// The schema, with its name under [`SCHEMA`].
    fn schema() -> SchemaRef;

    /// Adds the rows of a message of a camera at this site.
    fn take(&mut self, site: &str, message: &Self::Message);

    /// How many rows are gathered.
    fn rows(&self) -> usize;

    /// The rows gathered, and none from then on.
    fn finish(&mut self) -> RecordBatch;
}

/// Arrow type and builder of a kind of column.
macro_rules! kind {
    (type text) => { ::arrow_array::builder::StringBuilder };
    (type real) => { ::arrow_array::builder::Float32Builder };
    (type count) => { ::arrow_array::builder::UInt64Builder };
    (type size) => { ::arrow_array::builder::UInt32Builder };
    (type flag) => { ::arrow_array::builder::BooleanBuilder };
    (type moment) => { ::arrow_array::builder::TimestampMicrosecondBuilder };
    (new moment) => { ::arrow_array::builder::TimestampMicrosecondBuilder::new().with_timezone("UTC") };
    (new $kind:ident) => { <crate::table::kind!(type $kind)>::new() };
    (of text) => { ::arrow_schema::DataType::Utf8 };
    (of real) => { ::arrow_schema::DataType::Float32 };
    (of count) => { ::arrow_schema::DataType::UInt64 };
    (of size) => { ::arrow_schema::DataType::UInt32 };
    (of flag) => { ::arrow_schema::DataType::Boolean };
    (of moment) => {
        ::arrow_schema::DataType::Timestamp(::arrow_schema::TimeUnit::Microsecond, Some("UTC".into()))
    };
    (null always) => { false };
    (null sometimes) => { true };
}

/// A table from its columns in their published order: name, kind, and whether a row always has a value. `fn take` adds a
/// message.
macro_rules! table {
    ($(#[$doc:meta])* $table:ident of $message:ty = $name:literal, take $take:path {
        $($column:ident $kind:ident $null:ident,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $table {
            $($column: crate::table::kind!(type $kind),)*
        }

        impl Default for $table {
            fn default() -> Self {
                Self { $($column: crate::table::kind!(new $kind),)* }
            }
        }

        impl crate::table::Table for $table {
            type Message = $message;

            fn schema() -> ::arrow_schema::SchemaRef {
                static SCHEMA: ::std::sync::LazyLock<::arrow_schema::SchemaRef> = ::std::sync::LazyLock::new(|| {
                    let columns = vec![$(::arrow_schema::Field::new(
                        stringify!($column),
                        crate::table::kind!(of $kind),
                        crate::table::kind!(null $null),
                    )),*];
                    let name = [(crate::table::SCHEMA.to_owned(), $name.to_owned())];
                    ::arrow_schema::Schema::new_with_metadata(columns, ::std::collections::HashMap::from(name)).into()
                });
                SCHEMA.clone()
            }

            fn take(&mut self, site: &str, message: &$message) {
                $take(self, site, message);
            }

            fn rows(&self) -> usize {
                ::arrow_array::builder::ArrayBuilder::len(&self.camera)
            }

            fn finish(&mut self) -> ::arrow_array::RecordBatch {
                let columns: Vec<::arrow_array::ArrayRef> = vec![$(::std::sync::Arc::new(self.$column.finish())),*];
                ::arrow_array::RecordBatch::try_new(Self::schema(), columns)
                    .expect("schema and columns are declared together, and a row fills every column")
            }
        }
    };
}

pub(crate) use {kind, table};
