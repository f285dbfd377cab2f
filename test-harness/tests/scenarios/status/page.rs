//! The page in a real Chromium: it draws what the JSON says while an endpoint is ejected and comes back, for light and dark readers, on wide screens and on
//! phones, and complains of nothing.

use super::{Outcome, bad, shown};
use anyhow::Context as _;
use serde_json::json;
use std::path::Path;
use switchyard_test_harness::prelude::*;

/// Lines of text that are hard to read: whose contrast with what is behind them is below WCAG's 4.5. And what has no name for who does not see it.
const FLAWS: &str = r##"
const rgb = text => (text.match(/[\d.]+/g) || []).map(Number);
const behind = node => {
  for (; node; node = node.parentElement) {
    const colour = rgb(getComputedStyle(node).backgroundColor);
    if (colour.length && colour[3] !== 0) return colour;
  }
  return rgb(getComputedStyle(document.documentElement).colorScheme.includes("dark") ? "18,18,18" : "255,255,255");
};
const light = colour => colour.slice(0, 3).map(part => {
  part /= 255;
  return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
}).reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
const flaws = [];
for (const node of document.body.querySelectorAll("*")) {
  if (!node.checkVisibility() || ["SCRIPT", "NOSCRIPT"].includes(node.tagName)) continue;
  const hasText = [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
  if (hasText) {
    const [one, other] = [light(rgb(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < 4.5) flaws.push(contrast.toFixed(2) + " of " + node.textContent.slice(0, 40));
  }
  const named = node.getAttribute("aria-label") || node.textContent.trim();
  if ((["BUTTON", "A"].includes(node.tagName) || ["img", "region"].includes(node.getAttribute("role"))) && !named) flaws.push("no name: " + node.outerHTML.slice(0, 80));
  if (node.tagName === "TABLE" && (!node.caption || !node.querySelector("th[scope=col]"))) flaws.push("no caption: " + node.outerHTML.slice(0, 80));
  if (node.style.animation || node.tabIndex > 0) flaws.push("order or movement: " + node.outerHTML.slice(0, 80));
}
if (!document.documentElement.lang || !document.title) flaws.push("no language or title");
if (document.querySelectorAll("h1").length !== 1 || document.querySelectorAll("main").length !== 1) flaws.push("no one heading or main part");
return flaws;
"##;

/// The state of an endpoint, in the page's words; null while the page does not have it.
fn state_of(upstream: &Upstream) -> String {
    format!(
        r##"const row = [...document.querySelectorAll("#upstreams tbody tr")].find(row => row.cells[0].textContent === "{}");
        return row && row.cells.length > 1 ? row.cells[1].textContent : null;"##,
        upstream.address()
    )
}

/// Waits until the page says so of this endpoint, by its own refreshing.
async fn until_said(envoy: &Envoy, browser: &Browser, upstream: &Upstream, word: &str) -> Outcome {
    let script = state_of(upstream);
    envoy
        .until(&format!("the page to say {word:?}"), async || {
            let said = browser.run(&script).await?;
            Ok(said.as_str().is_some_and(|said| said.starts_with(word)).then_some(()))
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_draws_what_happens_for_every_reader_and_complains_of_nothing() -> Outcome {
    let upstreams = Upstreams::start(3).await?;
    let quick = json!({ "base_ejection_time": "3s", "max_ejection_time": "3s" });
    let envoy = Envoy::start(shown(&upstreams, &ejecting(&upstreams, &quick))).await?;
    let bad = bad(&upstreams)?;
    send(&envoy, 60).await?;
    let browser = Browser::start().await?;
    browser.reader("light", 1200).await?;
    let page = format!("http://{}/status", envoy.listener_address("metrics").await?);
    browser.open(&page).await?;
    until_said(&envoy, &browser, bad, "in rotation").await?;
    bad.behave(Behaviour::status(500)).await?;
    send(&envoy, 60).await?;
    until_said(&envoy, &browser, bad, "ejected").await?;
    pictures(&browser).await?;
    bad.behave(Behaviour::status(200)).await?;
    envoy
        .until("the page to say that it is back", async || {
            send(&envoy, 20).await?;
            let said = browser.run(&state_of(bad)).await?;
            Ok((said == "in rotation").then_some(()))
        })
        .await?;
    let told = browser.run(r##"return document.querySelector("#transitions tbody").textContent"##).await?;
    assert!(told.as_str().is_some_and(|told| told.contains("consecutive_5xx: 3 consecutive 5xx")), "{told}");
    assert_eq!(browser.console().await?, Vec::<String>::new(), "nothing on the console");
    Ok(())
}

/// Looks at the page as each reader has it, and leaves a picture of it in target/screenshots.
async fn pictures(browser: &Browser) -> Outcome {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .context("no workspace")?
        .join("target/screenshots");
    std::fs::create_dir_all(&folder)?;
    let mut backgrounds = Vec::new();
    for scheme in ["light", "dark"] {
        for width in [1200, 360] {
            browser.reader(scheme, width).await?;
            assert_eq!(browser.run(FLAWS).await?, json!([]), "{scheme} at {width}");
            let wide = browser.run("return document.documentElement.scrollWidth").await?;
            assert!(wide.as_u64().is_some_and(|wide| wide <= u64::from(width)), "{wide} of {width} pixels");
            std::fs::write(folder.join(format!("status-{scheme}-{width}.png")), browser.screenshot().await?)?;
        }
        backgrounds.push(browser.run("return getComputedStyle(document.body).backgroundColor").await?);
    }
    assert_ne!(backgrounds.first(), backgrounds.last());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_refusal_are_no_markup_in_the_page() -> Outcome {
    const NAME: &str =
        "<img src=x onerror=document.title='taken'>\"'&</script><script>document.title='taken'</script>";
    let upstreams = Upstreams::start(1).await?;
    let good = balanced(&upstreams, &json!({ "policy": "round_robin" }));
    let envoy = Envoy::start(shown(&upstreams, &good).live_listeners()).await?;
    let mut bad = good.clone();
    bad["routes"][0]["upstream"] = json!(NAME);
    let listener = shown(&upstreams, &bad).listener_named("ingress")?;
    assert!(envoy.update_listener(&listener).await?.is_err(), "the update is refused");
    let browser = Browser::start().await?;
    browser.open(&format!("http://{}/status", envoy.listener_address("metrics").await?)).await?;
    envoy
        .until("the refusal to be drawn", async || {
            let drawn = browser.run("return document.querySelector('#configurations').textContent").await?;
            Ok(drawn.as_str().is_some_and(|drawn| drawn.contains("<img src=x onerror=")).then_some(()))
        })
        .await?;
    let found =
        browser.run("return [document.images.length, document.scripts.length, document.title]").await?;
    assert_eq!(found, json!([0, 1, "Switchyard: status"]));
    assert_eq!(browser.console().await?, Vec::<String>::new());
    Ok(())
}
