//! The command line; what each command takes stands beside the command.

use crate::{check, diff, doctor, explain, render, routing_tests, status};
use clap::{Parser, Subcommand};

/// Says what a Switchyard document does, makes the files that bring it to Envoy, and looks at what a running Envoy makes of it.
#[derive(Debug, Parser)]
#[command(name = "switchyard", version, after_help = AFTER_HELP, max_term_width = 120)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER_HELP: &str = "Examples:
  switchyard check switchyard.yaml                                   what is wrong with a document, or hurts
  switchyard explain switchyard.yaml --request 'GET /cart' -H 'x-user: alice'
  switchyard test routing.yaml --fail-under 100
  switchyard diff old.yaml new.yaml                                  which requests go elsewhere
  switchyard render istio switchyard.yaml --site site.yaml           files to apply
  switchyard doctor http://127.0.0.1:9901                            what is wrong with a running Envoy

Exit codes: 0 nothing is wrong, 1 something was found, 2 the command could not do its work.
Colours are for terminals; NO_COLOR=1 turns them off.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Finds what is wrong with documents, alone or inside Envoy bootstraps and Kubernetes manifests, and what is legal and hurts.
    Check(check::Arguments),
    /// Tells what becomes of a request, and why.
    Explain(explain::Arguments),
    /// Runs tests of routing, and says which routes none of them meets.
    Test(routing_tests::Arguments),
    /// Compares two documents by what they do: requests that go elsewhere, keys that move, endpoints, policies.
    Diff(diff::Arguments),
    /// Makes the files that bring a document to Envoy, Istio or Envoy Gateway.
    Render(render::Arguments),
    /// Tells what runs in an Envoy, by its admin interface; changes nothing.
    Status(status::Arguments),
    /// Finds what is wrong with a running Envoy, by its admin interface; changes nothing.
    Doctor(doctor::Arguments),
    /// Prints the JSON Schema of the document.
    Schema,
    /// Prints what makes a shell complete the arguments of this program.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Prints the man page, in roff: the program's, or a command's with all that it takes.
    Man {
        /// The command whose page it is.
        command: Option<String>,
    },
}
