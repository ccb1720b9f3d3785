//! Rectangles as large as their weights, as square as they can be.
//!
//! Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000): rows are laid along the shorter side
//! of what is left, and a row takes the next rectangle as long as that makes its worst one squarer.

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) w: f64,
    pub(super) h: f64,
}

/// One rectangle a weight; they fill `whole`. Weights are positive and descending.
pub(super) fn treemap(weights: &[f64], whole: Rect) -> Vec<Rect> {
    let sum: f64 = weights.iter().sum();
    let mut out = Vec::with_capacity(weights.len());
    if weights.is_empty() || sum <= 0.0 {
        return out;
    }
    let scale = whole.w * whole.h / sum;
    let mut left = whole;
    let mut rest = weights;
    while !rest.is_empty() {
        let side = left.w.min(left.h);
        let mut taken = 1;
        let mut area = rest[0] * scale;
        while let Some(next) = rest.get(taken) {
            let more = area + next * scale;
            let before = worst(rest[0] * scale, rest[taken - 1] * scale, area, side);
            if worst(rest[0] * scale, next * scale, more, side) > before {
                break;
            }
            area = more;
            taken += 1;
        }
        let (row, after) = rest.split_at(taken);
        left = lay(row, scale, area, left, &mut out);
        rest = after;
    }
    out
}

/// The worst proportion of a row along `side` between its largest and smallest rectangle.
fn worst(largest: f64, smallest: f64, area: f64, side: f64) -> f64 {
    let thick = area / side;
    let ratio = |part: f64| {
        let long = part / thick;
        (thick / long).max(long / thick)
    };
    ratio(largest).max(ratio(smallest))
}

/// Lays a row along the shorter side; what is left.
fn lay(row: &[f64], scale: f64, area: f64, left: Rect, out: &mut Vec<Rect>) -> Rect {
    if left.w >= left.h {
        let w = if left.h > 0.0 { area / left.h } else { 0.0 };
        let mut y = left.y;
        for part in row {
            let h = if w > 0.0 { part * scale / w } else { 0.0 };
            out.push(Rect { x: left.x, y, w, h });
            y += h;
        }
        Rect { x: left.x + w, w: (left.w - w).max(0.0), ..left }
    } else {
        let h = if left.w > 0.0 { area / left.w } else { 0.0 };
        let mut x = left.x;
        for part in row {
            let w = if h > 0.0 { part * scale / h } else { 0.0 };
            out.push(Rect { x, y: left.y, w, h });
            x += w;
        }
        Rect { y: left.y + h, h: (left.h - h).max(0.0), ..left }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: Rect = Rect { x: 0.0, y: 0.0, w: 6.0, h: 4.0 };

    #[test]
    fn areas_are_weights_and_fill_the_whole() {
        let weights = [6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0];
        let rects = treemap(&weights, WHOLE);
        for (rect, weight) in rects.iter().zip(weights) {
            assert!((rect.w * rect.h - weight).abs() < 1e-9, "{rect:?}");
            assert!(rect.x + rect.w < 6.0 + 1e-9 && rect.y + rect.h < 4.0 + 1e-9, "{rect:?}");
        }
    }

    /// The figures of the paper: two sixes share the left half as squares of 3 by 2.
    #[test]
    fn rectangles_are_nearly_square() {
        let rects = treemap(&[6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0], WHOLE);
        assert_eq!(rects[0], Rect { x: 0.0, y: 0.0, w: 3.0, h: 2.0 });
        assert_eq!(rects[1], Rect { x: 0.0, y: 2.0, w: 3.0, h: 2.0 });
    }

    #[test]
    fn nothing_has_no_rectangles() {
        assert_eq!(treemap(&[], WHOLE), []);
        assert_eq!(treemap(&[0.0], WHOLE), []);
    }
}
