//! What names the subjects of a sync.

/// The columns that name the subjects of one sync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyShape {
    pub columns: Vec<KeyColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyColumn {
    pub name: String,
    /// The type as SQL writes it, `bigint` or `shop."Size"`; what a text parameter is cast to.
    pub sql_type: String,
    /// Whether the values are written bare in JSON, as whole numbers are, and not as strings.
    pub bare_in_json: bool,
}
