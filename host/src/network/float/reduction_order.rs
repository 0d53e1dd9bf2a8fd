//! The orders in which onnxruntime combines the elements of a reduction.

/// Lanes of the SSE registers that Eigen uses in onnxruntime's build.
const LANES: usize = 4;

/// Eigen's reduction of a contiguous row in registers of 4, two at a time.
///
/// `offset` is the position of the row in its buffer, in elements: the registers start at multiples of 4 of the buffer (which
/// onnxruntime aligns), and the elements before and after them are combined last. A row without a full aligned register is
/// combined in plain order. An empty row gives zero.
pub(super) fn packets(row: &[f32], offset: usize, combine: fn(f32, f32) -> f32) -> f32 {
    let start = offset.wrapping_neg() % LANES;
    let Some((head, body)) = row.split_at_checked(start).filter(|(_, body)| body.len() >= LANES) else {
        return row.iter().copied().reduce(combine).unwrap_or(0.0);
    };
    let mut registers = body.chunks_exact(LANES);
    let tail = registers.remainder();
    let load = |register: &[f32]| std::array::from_fn(|lane| register.get(lane).copied().unwrap_or(0.0));
    let join = |a: [f32; LANES], b: [f32; LANES]| std::array::from_fn(|lane| combine(a[lane], b[lane]));
    let mut even: [f32; LANES] = registers.next().map_or([0.0; LANES], load);
    if let Some(register) = registers.next() {
        let mut odd: [f32; LANES] = load(register);
        let mut last = None;
        while let Some(first) = registers.next() {
            let Some(second) = registers.next() else {
                last = Some(first);
                break;
            };
            even = join(even, load(first));
            odd = join(odd, load(second));
        }
        even = join(even, odd);
        if let Some(last) = last {
            even = join(even, load(last));
        }
    }
    let value = combine(combine(even[0], even[2]), combine(even[1], even[3]));
    head.iter().chain(tail).fold(value, |value, &x| combine(value, x))
}

/// The sum of column `column` of a `rows x columns` block as a matrix product of a row of ones and the block (MLAS,
/// `MlasSgemmKernelM1Avx`): four rows are added up before they are added to the sum, then two rows, then one.
pub(super) fn ones_product(block: &[f32], columns: usize, column: usize) -> f32 {
    let mut rows = block.chunks_exact(columns.max(1)).map(|row| row.get(column).copied().unwrap_or(0.0));
    let count = rows.len();
    let mut sum = 0.0f32;
    let mut add = |group: usize| sum += rows.by_ref().take(group).reduce(|a, b| a + b).unwrap_or(0.0);
    for _ in 0..count / 4 {
        add(4);
    }
    if count & 2 != 0 {
        add(2);
    }
    if count & 1 != 0 {
        add(1);
    }
    sum
}

/// The maxima of the columns of a `rows x columns` block, each in Eigen's order; `offset` is the position of `out` in its buffer.
///
/// Columns that fill an aligned register of the output are combined by fours, the others row by row. Only a NaN can tell the
/// difference.
pub(super) fn column_maxima(block: &[f32], columns: usize, offset: usize, combine: fn(f32, f32) -> f32, out: &mut [f32]) {
    let start = (offset.wrapping_neg() % LANES).min(columns);
    let end = start + (columns - start) / LANES * LANES;
    let rows = block.len() / columns.max(1);
    for (column, out) in out.iter_mut().enumerate() {
        let at = |row: usize| block.get(row * columns + column).copied().unwrap_or(0.0);
        let (mut value, mut row) = (at(0), 1);
        if (start..end).contains(&column) {
            while row < (rows.max(1) - 1) / 4 * 4 {
                value = combine(value, combine(combine(at(row), at(row + 1)), combine(at(row + 2), at(row + 3))));
                row += 4;
            }
        }
        *out = (row..rows).fold(value, |value, row| combine(value, at(row)));
    }
}
