//! Attempts per second over an outage, one line per side, as SVG.
//!
//! Invariant: the same timelines give the same bytes. Lines differ in dashes as well as in colour.

use std::fmt::Write as _;

use super::outage::{AFTER, BEFORE, DOWN, STEP, Timeline};
use super::paced::OFFERED;
use super::sides::Side;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 340.0;
/// Where the lines are: left, right, top, bottom.
const LEFT: f64 = 64.0;
const RIGHT: f64 = WIDTH - 16.0;
const TOP: f64 = 48.0;
const BOTTOM: f64 = HEIGHT - 48.0;
/// Attempts per second between two lines of the grid, at most this many of them.
const GRID: f64 = 200.0;
const GRID_LINES: f64 = 8.0;

/// A side's name, colour and dashes.
fn style(side: Side) -> (&'static str, &'static str, &'static str) {
    match side {
        Side::Native => ("Envoy's own policy", "#555555", "6 3"),
        Side::Router => ("engine router", "#0072b2", "none"),
        Side::Filter => ("engine filter", "#d55e00", "2 2"),
    }
}

/// Seconds since the outage began, from left to right.
fn x(seconds: f64) -> f64 {
    let whole = (BEFORE + DOWN + AFTER).as_secs_f64();
    LEFT + (seconds + BEFORE.as_secs_f64()) / whole * (RIGHT - LEFT)
}

/// Attempts per second, from the bottom up to `top`.
fn y(attempts: f64, top: f64) -> f64 {
    BOTTOM - attempts / top * (BOTTOM - TOP)
}

/// Two lines of the grid apart: 200, or a multiple of it when that would be too many.
fn grid(most: f64) -> f64 {
    (most / GRID / GRID_LINES).ceil().max(1.0) * GRID
}

/// The chart.
pub(super) fn svg(sides: &[(Side, Timeline)]) -> String {
    let most = sides.iter().flat_map(|(_, timeline)| timeline).max().copied().unwrap_or(0);
    let most = (most as f64 / STEP.as_secs_f64()).max(OFFERED);
    let step = grid(most);
    let top = (most / step).ceil() * step;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\" fill=\"#222222\">\n\
         <title>Attempts per second during a total outage</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n"
    );
    axes(&mut svg, step, top);
    for (number, (side, timeline)) in sides.iter().enumerate() {
        line(&mut svg, *side, timeline, top);
        legend(&mut svg, number, style(*side));
    }
    legend(&mut svg, sides.len(), ("requests offered", "#999999", "1 4"));
    svg.push_str("</svg>\n");
    svg
}

/// Writing to a String cannot fail.
fn add(svg: &mut String, element: std::fmt::Arguments<'_>) {
    let _ = writeln!(svg, "{element}");
}

fn axes(svg: &mut String, step: f64, top: f64) {
    let (begin, width) = (x(0.0), x(DOWN.as_secs_f64()) - x(0.0));
    let height = BOTTOM - TOP;
    add(
        svg,
        format_args!(
            "<rect x=\"{begin:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height}\" fill=\"#f3f3f3\"/>"
        ),
    );
    let middle = begin + width / 2.0;
    text(svg, (middle, TOP + 16.0), "middle", "outage");
    for line in 0..=(top / step) as u32 {
        let attempts = f64::from(line) * step;
        let at = y(attempts, top);
        rule(svg, (LEFT, at), (RIGHT, at), ("#dddddd", "none"));
        text(svg, (LEFT - 8.0, at + 4.0), "end", &attempts.to_string());
    }
    let from = -(BEFORE.as_secs_f64() as i32);
    for second in from..=(DOWN + AFTER).as_secs_f64() as i32 {
        let at = x(f64::from(second));
        rule(svg, (at, BOTTOM), (at, BOTTOM + 4.0), ("#222222", "none"));
        text(svg, (at, BOTTOM + 18.0), "middle", &second.to_string());
    }
    let offered = y(OFFERED, top);
    rule(svg, (LEFT, offered), (RIGHT, offered), ("#999999", "1 4"));
    rule(svg, (LEFT, BOTTOM), (RIGHT, BOTTOM), ("#222222", "none"));
    text(svg, (f64::midpoint(LEFT, RIGHT), HEIGHT - 10.0), "middle", "seconds since the outage began");
    let at = f64::midpoint(TOP, BOTTOM);
    add(
        svg,
        format_args!(
            "<text transform=\"translate(14 {at}) rotate(-90)\" text-anchor=\"middle\">attempts per second</text>"
        ),
    );
}

fn rule(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64), (colour, dashes): (&str, &str)) {
    add(
        svg,
        format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\" \
             stroke-dasharray=\"{dashes}\"/>"
        ),
    );
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, text: &str) {
    add(svg, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"));
}

/// Each step's attempts stand at its middle.
fn line(svg: &mut String, side: Side, timeline: &[u64], top: f64) {
    let step = STEP.as_secs_f64();
    let points: Vec<String> = timeline
        .iter()
        .enumerate()
        .map(|(number, count)| {
            let seconds = (number as f64 + 0.5) * step - BEFORE.as_secs_f64();
            format!("{:.1},{:.1}", x(seconds), y(*count as f64 / step, top))
        })
        .collect();
    let (_, colour, dashes) = style(side);
    let points = points.join(" ");
    add(
        svg,
        format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" \
             stroke-dasharray=\"{dashes}\"/>"
        ),
    );
}

fn legend(svg: &mut String, number: usize, (name, colour, dashes): (&str, &str, &str)) {
    let left = LEFT + number as f64 * 160.0;
    rule(svg, (left, 24.0), (left + 28.0, 24.0), (colour, dashes));
    text(svg, (left + 34.0, 28.0), "start", name);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_side_has_a_line_and_a_name_and_the_axes_say_what_they_are() {
        let sides = Side::ALL.map(|side| (side, vec![80; 60]));
        let svg = svg(&sides);
        assert_eq!(svg.matches("<polyline").count(), 3);
        for text in ["attempts per second<", "seconds since the outage began", "engine filter", "outage<"] {
            assert!(svg.contains(text), "{text}");
        }
        assert_eq!(svg, super::svg(&sides));
    }

    #[test]
    fn points_stand_where_the_axes_say() {
        assert_eq!([x(-1.0), x(5.0), y(0.0, 1_000.0), y(1_000.0, 1_000.0)], [LEFT, RIGHT, BOTTOM, TOP]);
        let mut svg = String::new();
        line(&mut svg, Side::Native, &[0, 100], 1_000.0);
        assert!(svg.contains("points=\"69.3,292.0 80.0,48.0\""), "{svg}");
    }

    #[test]
    fn the_grid_has_at_most_eight_lines() {
        assert_eq!([grid(900.0), grid(1_600.0), grid(1_601.0), grid(0.0)], [200.0, 200.0, 400.0, 200.0]);
    }
}
