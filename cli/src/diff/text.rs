//! A difference as text, what may hurt first.

use super::difference::Difference;
use super::endpoints::Change;
use super::requests::{Goes, PLACES};
use super::settings::SettingChange;
use serde_json::Value;
use std::io::{self, Write};

/// Writes a difference.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(difference: &Difference, out: &mut impl Write) -> io::Result<()> {
    if difference.is_empty() {
        return writeln!(out, "no difference");
    }
    requests(difference, out)?;
    keys(difference, out)?;
    endpoints(difference, out)?;
    list(out, "taken out", &difference.removed)?;
    let settings: Vec<_> = difference.settings.iter().map(setting).collect();
    list(out, "settings", &settings)?;
    list(out, "new", &difference.added)?;
    list(out, "notes", &difference.notes)
}

fn title(out: &mut impl Write, title: &str) -> io::Result<()> {
    writeln!(out, "{title}")
}

fn list(out: &mut impl Write, name: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    title(out, name)?;
    lines.iter().try_for_each(|line| writeln!(out, "  {line}"))
}

fn requests(difference: &Difference, out: &mut impl Write) -> io::Result<()> {
    if difference.requests.is_empty() {
        return Ok(());
    }
    title(out, &format!("requests that go elsewhere, of {} that were tried", difference.samples))?;
    for one in &difference.requests {
        let more = if one.samples > 1 { format!("  and {} like it", one.samples - 1) } else { String::new() };
        let sections: Vec<_> = one.differs.iter().filter(|name| !PLACES.contains(&name.as_str())).collect();
        let sections = sections.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let otherwise = if sections.is_empty() { String::new() } else { format!("; another {sections}") };
        let [old, new] = [&one.old, &one.new].map(|place| goes(place.as_ref(), &one.differs));
        writeln!(out, "  {}{more}\n      {old} -> {new}{otherwise}", one.example)?;
    }
    Ok(())
}

/// A place, with those parts of it that differ.
fn goes(goes: Option<&Goes>, differs: &[String]) -> String {
    let Some(goes) = goes else { return "no route".to_owned() };
    let has = |name: &str| differs.iter().any(|one| one == name);
    let cluster = match has("cluster") {
        true => format!(", Envoy's cluster {}", goes.clusters.join(" or ")),
        false => String::new(),
    };
    let steered = match (has("mode"), goes.is_steered) {
        (false, _) => "",
        (true, true) => ", steered",
        (true, false) => ", in shadow: Envoy goes its own way",
    };
    format!("{}{cluster} (route {}){steered}", goes.upstreams.join(" or "), goes.route)
}

fn keys(difference: &Difference, out: &mut impl Write) -> io::Result<()> {
    if difference.keys.is_empty() {
        return Ok(());
    }
    title(out, "keys that move")?;
    for one in &difference.keys {
        writeln!(out, "  {}: {:.1} %", one.of, one.percent)?;
        for (from, to, percent) in &one.ways {
            writeln!(out, "      {percent:>5.1} %  {from} -> {to}")?;
        }
    }
    Ok(())
}

fn endpoints(difference: &Difference, out: &mut impl Write) -> io::Result<()> {
    let lines = difference.endpoints.iter().map(|one| {
        let sign = match one.what {
            Change::Removed => '-',
            Change::Changed => '~',
            Change::Added => '+',
        };
        let fields =
            if one.fields.is_empty() { String::new() } else { format!("  {}", one.fields.join(", ")) };
        format!("{sign} {} {}{fields}", one.upstream, one.address)
    });
    list(out, "endpoints", &lines.collect::<Vec<_>>())
}

fn setting(change: &SettingChange) -> String {
    let text = |value: &Option<Value>| value.as_ref().map_or_else(|| "unset".to_owned(), ToString::to_string);
    let SettingChange { of, setting } = change;
    format!("{of}: {}: {} -> {}", setting.path, text(&setting.old), text(&setting.new))
}
