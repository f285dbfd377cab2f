//! Sorting by one instance of the library's sort, whatever is sorted.
//!
//! The library's sorts are compiled anew for each type and order: twenty-six of them were a tenth of switchyard.wasm. Here positions are
//! sorted, which are numbers whatever they are of, and then the items are put there. Invariant: the sort is stable.
//! Trade-off: a list of positions and a call per comparison. What has very many items (the points of a ring) takes the library's own.

use core::cmp::Ordering;

/// Sorts `items`; those that are equal stay in the order that they had.
///
/// ```
/// let mut headers = [("b", 1), ("a", 2), ("b", 0)];
/// switchyard_core::sort::sort_by(&mut headers, |one, other| one.0.cmp(other.0));
/// assert_eq!(headers, [("a", 2), ("b", 1), ("b", 0)]);
/// ```
pub fn sort_by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    if items.len() < 2 {
        return;
    }
    let order = positions(items.len(), &mut |one, other| match (items.get(one), items.get(other)) {
        (Some(one), Some(other)) => compare(one, other),
        _ => Ordering::Equal,
    });
    put(order, &mut |one, other| items.swap(one, other));
}

/// Sorts `items` by their own order.
pub fn sort<T: Ord>(items: &mut [T]) {
    sort_by(items, T::cmp);
}

/// The positions of so many items, in the items' order.
#[inline(never)]
fn positions(count: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut positions: Vec<_> = (0..count).collect();
    positions.sort_unstable_by(|one, other| compare(*one, *other).then(one.cmp(other)));
    positions
}

/// Swaps items until each place has the item whose position `order` says for it: along each cycle, once.
#[inline(never)]
fn put(mut order: Vec<usize>, swap: &mut dyn FnMut(usize, usize)) {
    for start in 0..order.len() {
        let mut at = start;
        while let Some(from) = order.get_mut(at).map(|from| core::mem::replace(from, at)) {
            if from == start || from == at {
                break;
            }
            swap(at, from);
            at = from;
        }
    }
}
