//! Lines of CSV as RFC 4180 has them.

/// A line of fields; those that hold separators are quoted, and so are, with an apostrophe, those
/// that some spreadsheets would run as formulas.
pub(crate) fn line(out: &mut String, fields: impl Iterator<Item = String>) {
    for (place, field) in fields.enumerate() {
        if place > 0 {
            out.push(',');
        }
        // A field that begins like a formula would be run by some spreadsheets.
        let formula = field.starts_with(['=', '+', '-', '@']);
        if formula || field.contains([',', '"', '\n', '\r']) {
            out.push('"');
            if formula {
                out.push('\'');
            }
            out.push_str(&field.replace('"', "\"\""));
            out.push('"');
        } else {
            out.push_str(&field);
        }
    }
    out.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_that_hold_separators_or_formulas_are_quoted() {
        let mut out = String::new();
        let fields = ["a", "b,c", "d\"e", "=1+1", ""].map(str::to_owned);
        line(&mut out, fields.into_iter());
        assert_eq!(out, "a,\"b,c\",\"d\"\"e\",\"'=1+1\",\r\n");
    }
}
