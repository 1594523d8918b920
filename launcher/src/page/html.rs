//! Text and numbers as a reader of the page wants them.

/// Text that is safe between tags and in attributes; control characters become visible.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + text.len() / 8);
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(letter),
            // The pictures of control characters: U+2400 and on.
            '\0'..='\x1f' => safe.extend(char::from_u32(0x2400 + u32::from(letter))),
            '\x7f'..='\u{9f}' => safe.push('\u{fffd}'),
            _ => safe.push(letter),
        }
    }
    safe
}

/// A whole number in groups of three: 12,345.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A large number in few characters: 950, 12.3 k, 4.56 M.
pub fn compact(number: f64) -> String {
    match number.abs() {
        size if size >= 999.5e12 => format!("{} P", figure(number / 1e15)),
        size if size >= 999.5e9 => format!("{} T", figure(number / 1e12)),
        size if size >= 999.5e6 => format!("{} G", figure(number / 1e9)),
        size if size >= 999.5e3 => format!("{} M", figure(number / 1e6)),
        size if size >= 999.5 => format!("{} k", figure(number / 1e3)),
        _ => figure(number),
    }
}

/// A number of any size with three significant digits, without zeros that say nothing.
pub fn figure(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let size = number.abs();
    if !(1e-3..1e6).contains(&size) {
        let text = format!("{number:.2e}");
        return text.replace(".00e", "e").replace("0e", "e").replace("e-", "e−");
    }
    let decimals = (2 - size.log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{number:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// Ascending whole numbers, neighbours as spans: 3, 5, 17–19; after a dozen the rest is counted.
pub fn steps(numbers: &[u64]) -> String {
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match spans.last_mut() {
            Some((_, last)) if *number <= last.saturating_add(1) => *last = *number,
            _ => spans.push((*number, *number)),
        }
    }
    // Two neighbours are not shorter as a span.
    let told = |(first, last): &(u64, u64)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}–{last}"),
    };
    let text: Vec<String> = spans.iter().take(12).map(told).collect();
    let left: u64 = spans.iter().skip(12).map(|(first, last)| last - first + 1).sum();
    match left {
        0 => text.join(", "),
        left => format!("{} and {left} more", text.join(", ")),
    }
}

/// A number of bytes with its binary unit: 950 B, 1.23 GiB.
pub fn bytes(number: f64) -> String {
    let (size, unit) = binary_unit(number);
    format!("{} {unit}", figure(number / size))
}

/// The unit that tells so many bytes best, and how many bytes it has.
pub fn binary_unit(number: f64) -> (f64, &'static str) {
    let units = [(1024f64.powi(4), "TiB"), (1024f64.powi(3), "GiB"), (1024f64.powi(2), "MiB")];
    units
        .into_iter()
        .chain([(1024.0, "KiB")])
        .find(|(size, _)| number.abs() >= *size)
        .unwrap_or((1.0, "B"))
}

/// A percentage with one decimal; a dash where there is none.
pub fn percent(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.1}"))
}

/// A time span in its two largest units: 3 min 20 s.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..10 => format!("{} s", figure(seconds.max(0.0))),
        10..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        3600..86400 => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
        _ => format!("{} d {} h", whole / 86400, whole % 86400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_escapes() {
        assert_eq!(
            escape("<script>alert('x' & \"y\")</script>\0\u{85}\n李"),
            "&lt;script&gt;alert(&#39;x&#39; &amp; &quot;y&quot;)&lt;/script&gt;␀\u{fffd}\n李"
        );
    }

    #[test]
    fn numbers_are_short() {
        let counts = [0, 999, 1000, 1234567].map(count);
        assert_eq!(counts, ["0", "999", "1,000", "1,234,567"]);
        let compacts = [0.0, 950.0, 1234.0, 12345.0, 999999.0, 2e9, 3.12e14].map(compact);
        assert_eq!(compacts, ["0", "950", "1.23 k", "12.3 k", "1 M", "2 G", "312 T"]);
        let figures = [0.0, 0.25, 3e-4, 1.25e-5, 12.345, 3.0, 1234.5, -0.5].map(figure);
        assert_eq!(figures, ["0", "0.25", "3e−4", "1.25e−5", "12.3", "3", "1234", "-0.5"]);
        let sizes = [0.0, 950.0, 1536.0, 3.5e9, 9e13].map(bytes);
        assert_eq!(sizes, ["0 B", "950 B", "1.5 KiB", "3.26 GiB", "81.9 TiB"]);
        assert_eq!(steps(&[]), "");
        assert_eq!(steps(&[3, 5, 6, 17, 18, 19]), "3, 5, 6, 17–19");
        let even: Vec<u64> = (0..20).map(|i| 2 * i).collect();
        assert_eq!(steps(&even), "0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22 and 8 more");
        let durations = [0.25, 59.0, 200.0, 7260.0, 90000.0].map(duration);
        assert_eq!(durations, ["0.25 s", "59 s", "3 min 20 s", "2 h 1 min", "1 d 1 h"]);
    }
}
