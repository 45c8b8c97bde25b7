//! Least squares: what each of several things costs, from sums of them that were measured.

/// One measurement: how much of each thing there was, and what all of them cost.
#[derive(Clone, Debug)]
pub(crate) struct Point<const N: usize> {
    pub(crate) amounts: [f64; N],
    pub(crate) cost: f64,
}

/// What each thing costs, such that the errors, as shares of what was measured, are least: a small measurement says as
/// much as a large one.
pub(crate) fn fit<const N: usize>(points: &[Point<N>]) -> [f64; N] {
    let mut normal = [[0.0; N]; N];
    let mut right = [0.0; N];
    for Point { amounts, cost } in points {
        for row in 0..N {
            for column in 0..N {
                normal[row][column] += amounts[row] * amounts[column] / (cost * cost);
            }
            right[row] += amounts[row] / cost;
        }
    }
    solve(normal, right)
}

/// The largest error of a fit, as a share of what was measured.
pub(crate) fn largest_error<const N: usize>(points: &[Point<N>], costs: &[f64; N]) -> f64 {
    let error = |point: &Point<N>| {
        let fitted: f64 = point.amounts.iter().zip(costs).map(|(amount, cost)| amount * cost).sum();
        (fitted / point.cost - 1.0).abs()
    };
    points.iter().map(error).fold(0.0, f64::max)
}

/// Gaussian elimination; what doesn't depend on anything isn't a number.
fn solve<const N: usize>(mut left: [[f64; N]; N], mut right: [f64; N]) -> [f64; N] {
    for at in 0..N {
        let by_size = |a: &usize, b: &usize| left[*a][at].abs().total_cmp(&left[*b][at].abs());
        let pivot = (at..N).max_by(by_size).expect("there is a row");
        left.swap(at, pivot);
        right.swap(at, pivot);
        let row = left[at];
        for below in at + 1..N {
            let factor = left[below][at] / row[at];
            for (entry, above) in left[below].iter_mut().zip(row) {
                *entry -= factor * above;
            }
            right[below] -= factor * right[at];
        }
    }
    let mut solution = [0.0; N];
    for at in (0..N).rev() {
        let known: f64 = (at + 1..N).map(|column| left[at][column] * solution[column]).sum();
        solution[at] = (right[at] - known) / left[at][at];
    }
    solution
}
