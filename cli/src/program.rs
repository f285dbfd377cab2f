//! What the program says of itself: the document's JSON Schema, completions for shells, its man page.

use crate::{Arguments, Exit};
use anyhow::{Result, bail};
use clap::CommandFactory as _;
use std::io::Write;

/// The JSON Schema of the document.
pub(crate) fn schema(out: &mut impl Write) -> Result<Exit> {
    write!(out, "{}", switchyard_config::schema_json())?;
    Ok(Exit::Good)
}

/// What makes a shell complete the program's arguments.
pub(crate) fn completions(shell: clap_complete::Shell, out: &mut impl Write) -> Result<Exit> {
    // The generator panics where its writer fails.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "switchyard", &mut text);
    out.write_all(&text)?;
    Ok(Exit::Good)
}

/// The man page of the program, or of the command of this name, in roff.
///
/// # Errors
/// When there is no such command.
pub(crate) fn man(name: Option<&str>, out: &mut impl Write) -> Result<Exit> {
    let mut program = Arguments::command();
    // So that a command knows the program that it belongs to.
    program.build();
    let page = match name {
        None => program,
        Some(name) => {
            let known = || program.get_subcommands().filter(|one| one.get_name() != "help");
            let Some(command) = known().find(|one| one.get_name() == name) else {
                let names: Vec<_> = known().map(clap::Command::get_name).collect();
                bail!("there is no command {name:?}; there are {}", names.join(", "));
            };
            command.clone()
        }
    };
    clap_mangen::Man::new(page).render(out)?;
    Ok(Exit::Good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_with_all_that_it_takes() {
        let page = |name: Option<&str>| {
            let mut out = Vec::new();
            man(name, &mut out).map(|_| String::from_utf8(out).unwrap())
        };
        let all = page(None).unwrap();
        let mut program = Arguments::command();
        program.build();
        for command in program.get_subcommands().filter(|one| one.get_name() != "help") {
            let name = command.get_name();
            assert!(all.contains(&format!("switchyard\\-{name}(1)")), "{name}: {all}");
            let text = page(Some(name)).unwrap();
            assert!(text.contains(&format!("switchyard {name}")), "{name}: {text}");
            for long in command.get_arguments().filter_map(|argument| argument.get_long()) {
                assert!(text.contains(&long.replace('-', "\\-")), "{name}: --{long} is not in {text}");
            }
        }
        let error = page(Some("chekc")).unwrap_err().to_string();
        assert!(error.starts_with("there is no command \"chekc\"; there are check, explain,"), "{error}");
    }
}
