//! Inner products of one probe with many packed templates.

/// Writes the product of `probe` with each template of `packed` (as many values each) to `out`. Sums must stay below 2^31.
pub(super) fn of(probe: &[i16], packed: &[i8], out: &mut [i32]) {
    #[cfg(target_arch = "x86_64")]
    if probe.len().is_multiple_of(2 * x86::LANES)
        && let Some(simd) = pulp::x86::V3::try_new()
    {
        return simd.vectorize(x86::Products { simd, probe, packed, out });
    }
    plain(probe, packed, out);
}

fn plain(probe: &[i16], packed: &[i8], out: &mut [i32]) {
    for (out, template) in out.iter_mut().zip(packed.chunks_exact(probe.len())) {
        *out = probe.iter().zip(template).map(|(a, b)| i32::from(*a) * i32::from(*b)).sum();
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    //! With AVX2: the compiler makes one multiplication a value of the plain loop, where the processor has one instruction
    //! for sixteen of them and the sums of pairs.

    use pulp::{NullaryFnOnce, cast, x86::V3};

    /// Values that one instruction multiplies.
    pub(super) const LANES: usize = 16;

    pub(super) struct Products<'a> {
        pub(super) simd: V3,
        pub(super) probe: &'a [i16],
        pub(super) packed: &'a [i8],
        pub(super) out: &'a mut [i32],
    }

    impl NullaryFnOnce for Products<'_> {
        type Output = ();

        #[inline(always)] // into the function that may use the instructions
        fn call(self) {
            let (avx, avx2) = (self.simd.avx, self.simd.avx2);
            let pairs = self.probe.as_chunks::<LANES>().0.as_chunks::<2>().0;
            for (out, template) in self.out.iter_mut().zip(self.packed.chunks_exact(self.probe.len())) {
                let template = template.as_chunks::<LANES>().0.as_chunks::<2>().0;
                // Two sums, so that one instruction need not wait for the one before.
                let mut sums = [avx._mm256_setzero_si256(); 2];
                for (probe, template) in pairs.iter().zip(template) {
                    for (sum, (probe, template)) in sums.iter_mut().zip(probe.iter().zip(template)) {
                        let template = avx2._mm256_cvtepi8_epi16(cast(*template));
                        let products = avx2._mm256_madd_epi16(cast(*probe), template);
                        *sum = avx2._mm256_add_epi32(*sum, products);
                    }
                }
                let lanes: [i32; 8] = cast(avx2._mm256_add_epi32(sums[0], sums[1]));
                *out = lanes.iter().sum();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_way_gives_the_same_products(
            probe in proptest::collection::vec(-32_000..=32_000_i16, 64),
            packed in proptest::collection::vec(-127..=127_i8, 64 * 5),
            dimension in prop_oneof![Just(64_usize), Just(32), Just(16), Just(5)],
        ) {
            let count = packed.len() / dimension;
            let (mut quick, mut simple) = (vec![0; count], vec![0; count]);
            of(&probe[..dimension], &packed[..count * dimension], &mut quick);
            plain(&probe[..dimension], &packed[..count * dimension], &mut simple);
            prop_assert_eq!(quick, simple);
        }
    }
}
