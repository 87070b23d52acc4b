//! What names the subjects of a sync.

/// The columns that name the subjects of one sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyShape {
    pub columns: Vec<KeyColumn>,
}

impl KeyShape {
    /// The names of the columns, in their order.
    pub fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| column.name.clone()).collect()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumn {
    pub name: String,
    /// The type as SQL writes it, `bigint` or `shop."Size"`; what a text parameter is cast to.
    pub sql_type: String,
    /// Whether the values are written bare in JSON, as whole numbers are, and not as strings.
    pub bare_in_json: bool,
}
