//! What a class's docstring says: a description and examples.

/// Description and examples; lines may be broken, and a text without labels is a description.
pub(super) fn docstring(text: &str) -> (String, Vec<String>) {
    let (mut description, mut examples) = (String::new(), String::new());
    let mut part = &mut description;
    for line in text.lines().map(str::trim) {
        let mut line = line;
        if let Some(rest) = line.strip_prefix("Description:") {
            (part, line) = (&mut description, rest.trim());
        } else if let Some(rest) = line.strip_prefix("Examples:") {
            (part, line) = (&mut examples, rest.trim());
        }
        if !part.is_empty() && !line.is_empty() {
            part.push(' ');
        }
        part.push_str(line);
    }
    (description, split_examples(&examples))
}

/// The examples of a line: separated by `, ` or `、`, except inside parentheses.
pub(crate) fn split_examples(line: &str) -> Vec<String> {
    let depth = |depth: usize, c: char| match c {
        '(' => depth + 1,
        ')' => depth.saturating_sub(1),
        _ => depth,
    };
    // A smiley among the examples must not swallow the rest.
    let balanced = line.chars().fold(0, depth) == 0;
    let (mut examples, mut start, mut level) = (Vec::new(), 0, 0);
    for (at, c) in line.char_indices() {
        level = depth(level, c);
        let length = match c {
            ',' if line[at..].starts_with(", ") => 2,
            '、' => '、'.len_utf8(),
            _ => continue,
        };
        if level == 0 || !balanced {
            examples.push(&line[start..at]);
            start = at + length;
        }
    }
    examples.push(line[start..].trim_end_matches(','));
    examples.into_iter().filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_separated_outside_parentheses() {
        assert_eq!(split_examples("a, b (c, d), e"), ["a", "b (c, d)", "e"]);
        assert_eq!(split_examples("(李明, 华为)、(王芳, 阿里)"), ["(李明, 华为)", "(王芳, 阿里)"]);
        assert_eq!(split_examples("13,572, :(, x"), ["13,572", ":(", "x"]);
        assert_eq!(split_examples("fired, hired,"), ["fired", "hired"]);
        assert_eq!(split_examples(""), [""; 0]);
    }
}
