//! How far something reaches that is spread over distances.

use vocabulary::record::inspection::Radii;

/// The distances within which 50, 90 and 99 % of `weights` lie, one for every distance from 0.
pub(super) fn radii(weights: &[f64]) -> Radii {
    let total: f64 = weights.iter().sum();
    let within = |share: f64| {
        let mut sum = 0.0;
        // Added up in the same order, the last sum is the total.
        weights.iter().position(|weight| {
            sum += weight;
            sum >= share * total
        })
    };
    if !total.is_finite() || total <= 0.0 {
        return Radii::default();
    }
    Radii { r50: within(0.5), r90: within(0.9), r99: within(0.99) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn radii_of_a_known_curve() {
        // Halves: half of all at distance 0, a quarter at 1, …
        let halves: Vec<f64> = (0..40).map(|i| 0.5f64.powi(i + 1)).collect();
        assert_eq!(radii(&halves), Radii { r50: Some(0), r90: Some(3), r99: Some(6) });
        assert_eq!(radii(&[1.0; 100]), Radii { r50: Some(49), r90: Some(89), r99: Some(98) });
        assert_eq!(radii(&[0.0, 0.0, 1.0]), Radii { r50: Some(2), r90: Some(2), r99: Some(2) });
        assert_eq!(radii(&[0.0]), Radii::default());
        assert_eq!(radii(&[1.0, f64::NAN]), Radii::default());
    }
}
