//! The proportional share: fair counting of memory that several processes use.

use units::Bytes;

/// Bits that the kernel keeps behind the point (`PSS_SHIFT`).
const SHIFT: u32 = 12;

/// The proportional share of memory of which each part has so many users: every part divided by
/// its number of users, added up.
///
/// `smaps_account()` and `smaps_pte_entry()`, since 2.6.25, keep 12 binary places behind the byte
/// and drop the rest, as here; the kernel then prints whole KiB. Nobody's memory (no user) is in
/// nobody's share.
pub fn proportional_share(parts: &[(Bytes, u64)]) -> Bytes {
    let shifted: u128 = parts
        .iter()
        .filter_map(|&(bytes, users)| (u128::from(bytes.get()) << SHIFT).checked_div(users.into()))
        .fold(0, u128::saturating_add);
    Bytes::new(u64::try_from(shifted >> SHIFT).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kib(kib: u64) -> Bytes {
        Bytes::new(kib << 10)
    }

    /// The example of `docs/ledger.md`.
    #[test]
    fn private_and_shared_memory_add_up_to_250_kib() {
        let parts = [(kib(100), 1), (kib(200), 2), (kib(150), 3)];
        assert_eq!(proportional_share(&parts), kib(250));
    }

    #[test]
    fn the_shares_of_all_users_add_up_to_the_memory_but_for_lost_fractions() {
        for users in 1..100_u64 {
            let sum = proportional_share(&[(kib(4), users)]).get() * users;
            assert!((4096 - users..=4096).contains(&sum), "{users} users: {sum}");
        }
        assert_eq!(proportional_share(&[(kib(4), 0)]), Bytes::ZERO);
        assert_eq!(proportional_share(&[(Bytes::new(u64::MAX), 1); 2]), Bytes::new(u64::MAX));
    }
}
