//! The cheapest pairing of rows and columns.

/// Pairs rows with columns so that the sum of costs is least (Kuhn 1955, Munkres 1957; the O(n^3) form with
/// potentials). Pairs that cost `limit` or more are left out. `cost[row][column]`, in any unit.
pub fn assign(cost: &[Vec<f32>], limit: f32) -> Vec<(usize, usize)> {
    let (rows, columns) = (cost.len(), cost.first().map_or(0, Vec::len));
    if rows == 0 || columns == 0 {
        return Vec::new();
    }
    // Every row gets a column of its own at the price of staying alone, so no bad pair is forced.
    let at = |row: usize, column: usize| {
        let price = cost[row].get(column).copied().unwrap_or(limit);
        f64::from(if price.is_finite() { price.min(limit) } else { limit })
    };
    let width = columns + rows;
    let (mut u, mut v) = (vec![0.0; rows + 1], vec![0.0; width + 1]);
    let (mut row_of, mut way) = (vec![0_usize; width + 1], vec![0_usize; width + 1]);
    for row in 1..=rows {
        row_of[0] = row;
        let mut column = 0;
        let (mut least, mut used) = (vec![f64::INFINITY; width + 1], vec![false; width + 1]);
        loop {
            used[column] = true;
            let (current, mut delta, mut next) = (row_of[column], f64::INFINITY, 0);
            for j in 1..=width {
                if !used[j] {
                    let reduced = at(current - 1, j - 1) - u[current] - v[j];
                    if reduced < least[j] {
                        least[j] = reduced;
                        way[j] = column;
                    }
                    if least[j] < delta {
                        delta = least[j];
                        next = j;
                    }
                }
            }
            for j in 0..=width {
                if used[j] {
                    u[row_of[j]] += delta;
                    v[j] -= delta;
                } else {
                    least[j] -= delta;
                }
            }
            column = next;
            if row_of[column] == 0 {
                break;
            }
        }
        while column != 0 {
            let previous = way[column];
            row_of[column] = row_of[previous];
            column = previous;
        }
    }
    (1..=columns)
        .filter(|column| row_of[*column] > 0)
        .map(|column| (row_of[column] - 1, column - 1))
        .filter(|(row, column)| cost[*row][*column] < limit)
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn price(cost: &[Vec<f32>], pairs: &[(usize, usize)], limit: f32) -> f32 {
        pairs.iter().map(|(row, column)| cost[*row][*column]).sum::<f32>()
            + limit * (cost.len() - pairs.len()) as f32
    }

    /// Tries everything.
    fn least(cost: &[Vec<f32>], row: usize, used: &mut Vec<bool>, limit: f32) -> f32 {
        if row == cost.len() {
            return 0.0;
        }
        let mut best = limit + least(cost, row + 1, used, limit);
        for column in 0..used.len() {
            if !used[column] && cost[row][column] < limit {
                used[column] = true;
                best = best.min(cost[row][column] + least(cost, row + 1, used, limit));
                used[column] = false;
            }
        }
        best
    }

    proptest! {
        #[test]
        fn nothing_is_cheaper(cost in (1..5_usize, 1..5_usize).prop_flat_map(|(rows, columns)|
            proptest::collection::vec(proptest::collection::vec(0.0..1.0_f32, columns), rows))) {
            let pairs = assign(&cost, 0.8);
            let expected = least(&cost, 0, &mut vec![false; cost[0].len()], 0.8);
            prop_assert!((price(&cost, &pairs, 0.8) - expected).abs() < 1e-4);
        }
    }
}
