//! What a worker's VM may keep, in bytes: accounts that all routes and all filters of the VM draw on.
//!
//! The bounds of routes are for their own sake, and there may be thousands of routes; what keeps a VM alive is that everything whose
//! size times number has no bound of its own is paid for here before it is made. An allocation that fails traps the VM, and every
//! stream of its worker with it.
//!
//! Invariants: an account is never beyond its bound but for what is there anyhow ([`Account::take_anyway`]), never below zero, and
//! never beyond that of the account that it is a part of; who is no more has given back what it had.
//! Trade-off: payloads are counted, and neither what the allocator needs around them nor that a buffer that grows may be twice as
//! large as what is in it; so the bounds are a quarter of what a VM has.
//! Source: Envoy gives a VM 1 GiB of linear memory, of the 4 GiB that wasm32 could have (proxy-wasm-cpp-host, `limits.h`).

mod unseen;

use crate::{HeadView, RequestView};
use core::cell::Cell;
use core::ops::Deref;
use std::rc::Rc;
pub use unseen::Unseen;

/// What a VM keeps: requests that wait, answers that are given out, kept, or copied as they pass.
pub const MOST_KEPT: u64 = 256 << 20;
/// What a VM's own replies take in Envoy's memory until their clients have read them.
pub const MOST_UNREAD: u64 = 256 << 20;
/// The longest answer to a call that is taken into a VM. Envoy itself reads no more of one than 32 MiB.
pub const MOST_ANSWER: usize = 64 << 20;
/// What a request that is held takes besides its head.
const OVERHEAD: usize = 512;
/// What each of its headers does.
const HEADER_OVERHEAD: usize = 32;

/// The accounts of one VM.
#[derive(Clone, Debug)]
pub struct Memory {
    /// What is in the VM.
    pub kept: Account,
    /// What is in Envoy on its behalf.
    pub unread: Account,
}

impl Default for Memory {
    fn default() -> Self {
        Self::bounded(MOST_KEPT, MOST_UNREAD)
    }
}

impl Memory {
    /// Accounts with these bounds.
    pub fn bounded(kept: u64, unread: u64) -> Self {
        Self { kept: Account::new(kept), unread: Account::new(unread) }
    }
}

/// So many bytes, of which some are taken. A clone is the same account.
#[derive(Clone, Debug)]
pub struct Account(Rc<Book>);

#[derive(Debug)]
struct Book {
    most: u64,
    taken: Cell<u64>,
    /// What it is a part of.
    whole: Option<Account>,
}

impl Drop for Book {
    fn drop(&mut self) {
        if let Some(whole) = &self.whole {
            whole.give_back(self.taken.get());
        }
    }
}

impl Account {
    /// An account of so many bytes.
    pub fn new(most: u64) -> Self {
        Self(Rc::new(Book { most, taken: Cell::default(), whole: None }))
    }

    /// A part of this one, of so many bytes at most. What is taken of it is given back when nobody has it any more.
    #[must_use]
    pub fn part(&self, most: u64) -> Self {
        Self(Rc::new(Book { most, taken: Cell::default(), whole: Some(self.clone()) }))
    }

    /// The bytes that are taken.
    pub fn taken(&self) -> u64 {
        self.0.taken.get()
    }

    /// Whether so many bytes are left.
    pub fn has_room(&self, bytes: u64) -> bool {
        let fits = self.taken().saturating_add(bytes) <= self.0.most;
        fits && self.0.whole.as_ref().is_none_or(|whole| whole.has_room(bytes))
    }

    /// Whether so many bytes could be had if nothing were taken.
    pub fn could_have(&self, bytes: u64) -> bool {
        bytes <= self.0.most && self.0.whole.as_ref().is_none_or(|whole| whole.could_have(bytes))
    }

    /// Takes so many bytes; `false`: they are not left, and nothing is taken.
    pub fn take(&self, bytes: u64) -> bool {
        let may = self.has_room(bytes);
        if may {
            self.take_anyway(bytes);
        }
        may
    }

    /// Takes so many bytes whatever the bound is: what they are for is there already.
    pub fn take_anyway(&self, bytes: u64) {
        self.0.taken.set(self.taken().saturating_add(bytes));
        if let Some(whole) = &self.0.whole {
            whole.take_anyway(bytes);
        }
    }

    /// So many bytes are free again.
    pub fn give_back(&self, bytes: u64) {
        // Who gives back more than was taken has counted wrongly, and others must not suffer for it.
        let bytes = bytes.min(self.taken());
        self.0.taken.set(self.taken() - bytes);
        if let Some(whole) = &self.0.whole {
            whole.give_back(bytes);
        }
    }

    /// So many bytes, free again when the reservation is dropped; `None`: they are not left.
    pub fn reserve(&self, bytes: u64) -> Option<Reservation> {
        self.take(bytes).then(|| Reservation { account: self.clone(), bytes })
    }
}

/// Bytes of an account, for as long as it lives.
#[derive(Debug)]
pub struct Reservation {
    account: Account,
    bytes: u64,
}

impl Reservation {
    /// So many bytes more; `false`: they are not left.
    pub fn grow(&mut self, bytes: u64) -> bool {
        let may = self.account.take(bytes);
        if may {
            self.bytes = self.bytes.saturating_add(bytes);
        }
        may
    }

    /// How many it has.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.account.give_back(self.bytes);
    }
}

/// Something that is paid for as long as it lives: the head of a request that waits.
#[derive(Debug)]
pub struct Paid<T> {
    value: T,
    _paid: Reservation,
}

impl<T: HeadView> Paid<T> {
    /// A head, and a key beside it of so many bytes; `None`: there is no room for them.
    pub fn head(value: T, key: usize, account: &Account) -> Option<Self> {
        let paid = account.reserve(head_bytes(&value).saturating_add(length(key)))?;
        Some(Self { value, _paid: paid })
    }
}

/// What a request's head takes while it is held.
pub fn head_bytes(head: &impl HeadView) -> u64 {
    let pairs = head.pairs().map(|(name, value)| name.len() + value.len() + HEADER_OVERHEAD);
    length(pairs.sum::<usize>() + OVERHEAD)
}

impl<T> Deref for Paid<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: RequestView> RequestView for Paid<T> {
    fn header_values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.value.header_values(name)
    }

    fn source_ip(&self) -> Option<Vec<u8>> {
        self.value.source_ip()
    }
}

impl<T: HeadView> HeadView for Paid<T> {
    fn pairs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.value.pairs()
    }
}

/// Puts a piece behind what is there, which is never to be more than `most`. The buffer grows twofold, as any does, but not beyond
/// that, and says so where others trap. `false`: nothing has changed.
pub fn append(buffer: &mut Vec<u8>, piece: &[u8], most: usize) -> bool {
    let whole = buffer.len().saturating_add(piece.len());
    if whole > most {
        return false;
    }
    if whole > buffer.capacity() {
        let wanted = buffer.capacity().saturating_mul(2).clamp(whole, most);
        if buffer.try_reserve_exact(wanted - buffer.len()).is_err() {
            return false;
        }
    }
    buffer.extend_from_slice(piece);
    true
}

/// An empty buffer for so many bytes; `None`: there is no memory for it.
pub fn buffer(bytes: usize) -> Option<Vec<u8>> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(bytes).ok()?;
    Some(buffer)
}

/// A number of bytes as accounts have it.
pub fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
