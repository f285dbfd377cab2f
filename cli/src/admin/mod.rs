//! Asks an Envoy's admin interface, read only, and makes a picture of what it says.
//!
//! Invariant: nothing but GET is sent, to four paths ([`PATHS`]); every answer is bounded in length and in time, and what is no answer of an
//! Envoy is an error that says what it is and what to do.
//! Trade-off: the four answers come one after the other, so what changes in between may not fit together.

mod address;
mod client;
mod cluster;
mod dump;
mod metrics;
mod picture;
mod plugin;
mod rejected;
mod server;

pub use address::Address;
pub use client::{Client, MOST_BYTES, PATHS};
pub use cluster::Cluster;
pub use metrics::{Metrics, Series};
pub use picture::Picture;
pub use plugin::{Place, Running, fingerprint};
pub use rejected::Rejected;
pub use server::Server;

/// What takes an Envoy's admin as its argument.
#[derive(Clone, Debug, clap::Args)]
pub struct Asked {
    /// Envoy's admin: http://HOST:PORT, or HOST:PORT; a path before Envoy's own is kept.
    #[arg(value_name = "URL")]
    pub url: String,
    /// Seconds that each answer is waited for.
    #[arg(long, default_value_t = 5, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
}

impl Asked {
    /// Asks it, with something that turns on standard error where that is a terminal.
    ///
    /// # Errors
    /// When it does not answer as an Envoy does.
    pub fn picture(&self) -> anyhow::Result<Picture> {
        let address: Address = self.url.parse()?;
        // Draws nothing where standard error is no terminal.
        let bar = indicatif::ProgressBar::new_spinner();
        bar.enable_steady_tick(std::time::Duration::from_millis(100));
        let client = Client::new(address, std::time::Duration::from_secs(self.timeout));
        let picture = client.picture(|path| bar.set_message(format!("asking {}{path}", client.address())));
        bar.finish_and_clear();
        picture
    }
}
