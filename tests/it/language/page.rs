//! The blocks of a page of documentation.

/// A configuration as the page shows it, and what is shown right after it.
#[derive(Debug)]
pub struct Example {
    /// Of its first line in the page, counted from 1.
    pub line: usize,
    pub toml: String,
    pub shows: Shows,
}

#[derive(Debug)]
pub enum Shows {
    Nothing,
    /// A document that it yields.
    Document(String),
    /// What `walsift check` says: the example is marked as one that is refused.
    Refusal(String),
}

/// All blocks that are marked as TOML, in the order of the page.
pub fn examples(page: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut lines = page.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let body = lines.by_ref().map(|(line, _)| line).take_while(|line| *line != "```");
        let text: String = body.flat_map(|line| [line, "\n"]).collect();
        match (language, found.last_mut()) {
            ("toml" | "toml refused", _) => found.push(Example {
                line: number + 1,
                toml: text,
                shows: match language {
                    "toml" => Shows::Nothing,
                    _ => Shows::Refusal(String::new()),
                },
            }),
            ("json", Some(example)) => match &mut example.shows {
                nothing @ Shows::Nothing => *nothing = Shows::Document(text),
                _ => panic!("line {number}: nothing yields this"),
            },
            ("text", Some(example)) => {
                if let Shows::Refusal(refusal) = &mut example.shows
                    && refusal.is_empty()
                {
                    *refusal = text;
                }
            }
            ("sh" | "sql" | "text", _) => {}
            _ => panic!("line {number}: a block of {language:?}"),
        }
    }
    found
}
