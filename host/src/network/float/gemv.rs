//! The two orders in which MLAS multiplies a vector by a matrix, neither of them fused (`MlasSgemmKernelM1Avx` and
//! `MlasSgemmKernelM1TransposeBAvx`): the special case of one row or one column in [`super::sgemm`].

/// Lanes of an AVX register.
const LANES: usize = 8;

/// The scalar product of pairs when the elements of one output are not adjacent: groups of four products are summed and then added to the
/// result, then a group of two, then one. `initial` is what the output held, or zero.
pub(super) fn grouped(initial: f32, pairs: impl ExactSizeIterator<Item = (f32, f32)>) -> f32 {
    let count = pairs.len();
    let mut products = pairs.map(|(x, y)| x * y);
    let mut value = initial;
    let mut add = |group: usize| value += products.by_ref().take(group).reduce(|a, b| a + b).unwrap_or(0.0);
    for _ in 0..count / 4 {
        add(4);
    }
    if count & 2 != 0 {
        add(2);
    }
    if count & 1 != 0 {
        add(1);
    }
    value
}

/// The scalar product of pairs when the elements of one output are adjacent: product `i` goes to lane `i % 8`, then the lanes are added up.
///
/// Outputs are computed by fours, the rest by twos, the rest alone, and each adds its lanes in another order: `index` is the place of this
/// output among `count`. `initial` is what the output held, or zero.
pub(super) fn lanes(initial: f32, pairs: impl Iterator<Item = (f32, f32)>, index: usize, count: usize) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for (i, (x, y)) in pairs.enumerate() {
        lanes[i % LANES] += x * y;
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    let sum = if index < count / 4 * 4 {
        (((a + b) + c) + d) + (((e + f) + g) + h)
    } else if index < count / 2 * 2 {
        ((a + c) + (e + g)) + ((b + d) + (f + h))
    } else {
        ((a + b) + (c + d)) + ((e + f) + (g + h))
    };
    sum + initial
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A unit more or less of it is rounded off.
    const B: f32 = 16_777_216.0;

    #[test]
    fn lanes_are_added_in_the_order_of_the_place() {
        // Of 7 outputs, 0 to 3 are a group of four, 4 and 5 a group of two, and 6 is alone.
        let at = |index| lanes(0.0, [(1.0, 1.0), (1.0, B), (1.0, 1.0), (1.0, -B)].into_iter(), index, 7);
        assert_eq!([0, 3, 4, 5, 6].map(at), [0.0, 0.0, 2.0, 2.0, 1.0]);
    }

    #[test]
    fn groups_are_summed_before_they_are_added() {
        let of = |count| grouped(B, (0..count).map(|_| (1.0, 1.0)));
        // Four ones are added at once, two as well; a single one falls on a tie, which goes to the multiple of four.
        assert_eq!([1, 2, 3, 4, 6, 7].map(of), [B, B + 2.0, B + 4.0, B + 4.0, B + 6.0, B + 8.0]);
    }
}
