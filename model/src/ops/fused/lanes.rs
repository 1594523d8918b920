//! Loops over slices, compiled for the vectors that the processor turns out to have.
//!
//! The program is built for any x86-64; what is inside `vectorised!` is compiled three times and
//! the widest that runs here is called. Sums are kept in `LANES` separate numbers, which lets the
//! compiler use vectors and makes the result the same on every processor.

#![allow(
    clippy::needless_range_loop,
    reason = "with a constant number of turns the compiler makes vectors of these loops"
)]

/// Partial sums of a reduction.
const LANES: usize = 32;

macro_rules! vectorised {
    ($(#[$doc:meta])* pub fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        pub fn $name($($arg: $type),*) $(-> $out)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn plain($($arg: $type),*) $(-> $out)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512dq,avx512bw,avx512vl,fma")]
                #[allow(clippy::too_many_arguments)]
                fn v4($($arg: $type),*) $(-> $out)? {
                    plain($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn v3($($arg: $type),*) $(-> $out)? {
                    plain($($arg),*)
                }
                if std::is_x86_feature_detected!("avx512f")
                    && std::is_x86_feature_detected!("avx512dq")
                    && std::is_x86_feature_detected!("avx512bw")
                    && std::is_x86_feature_detected!("avx512vl")
                    && std::is_x86_feature_detected!("fma")
                {
                    // SAFETY: the processor has what the function was compiled for.
                    return unsafe { v4($($arg),*) };
                }
                if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
                    // SAFETY: as above.
                    return unsafe { v3($($arg),*) };
                }
            }
            plain($($arg),*)
        }
    };
}
pub(super) use vectorised;

/// `Σ f(a, b)` over two slices of one length.
#[inline(always)]
fn sum_of(a: &[f32], b: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a_parts, b_parts) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let mut rest = 0.0;
    for (x, y) in a_parts.remainder().iter().zip(b_parts.remainder()) {
        rest += f(*x, *y);
    }
    for (x, y) in a_parts.zip(b_parts) {
        for i in 0..LANES {
            lanes[i] += f(x[i], y[i]);
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// `eˣ`, accurate to about two units in the last place; below -87 it is the smallest normal number, above 88 it stays.
///
/// Source: Cephes, `expf.c`: the argument is split into `n ln 2 + r`, a polynomial gives `eʳ`.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.3, 88.0);
    // Adding 1.5 · 2²³ leaves the nearest integer in the low bits.
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 5e-1;
    let whole = p * r * r + r + 1.0;
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    whole * f32::from_bits(power)
}

vectorised! {
    /// `Σ a b`.
    pub fn dot(a: &[f32], b: &[f32]) -> f32 {
        sum_of(a, b, |x, y| x * y)
    }
}

vectorised! {
    /// `Σ a`.
    pub fn total(a: &[f32]) -> f32 {
        sum_of(a, a, |x, _| x)
    }
}

vectorised! {
    /// The largest value, or minus infinity.
    pub fn largest(a: &[f32]) -> f32 {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        let parts = a.chunks_exact(LANES);
        let mut most = f32::NEG_INFINITY;
        for x in parts.remainder() {
            most = if *x > most { *x } else { most };
        }
        for x in parts {
            for i in 0..LANES {
                lanes[i] = if x[i] > lanes[i] { x[i] } else { lanes[i] };
            }
        }
        for lane in lanes {
            most = if lane > most { lane } else { most };
        }
        most
    }
}

vectorised! {
    /// `a = e^(a - shift)`; returns the sum.
    pub fn exponentials(a: &mut [f32], shift: f32) -> f32 {
        let mut lanes = [0f32; LANES];
        let mut parts = a.chunks_exact_mut(LANES);
        for x in &mut parts {
            for i in 0..LANES {
                x[i] = exp(x[i] - shift);
                lanes[i] += x[i];
            }
        }
        let mut rest = 0.0;
        for x in parts.into_remainder() {
            *x = exp(*x - shift);
            rest += *x;
        }
        lanes.iter().sum::<f32>() + rest
    }
}

vectorised! {
    /// `a = a factor`.
    pub fn scale(a: &mut [f32], factor: f32) {
        for x in a {
            *x *= factor;
        }
    }
}

vectorised! {
    /// `a = a factor + term`.
    pub fn scale_and_add(a: &mut [f32], factor: f32, term: f32) {
        for x in a {
            *x = *x * factor + term;
        }
    }
}

vectorised! {
    /// `a = a + b`.
    pub fn add(a: &mut [f32], b: &[f32]) {
        for (x, y) in a.iter_mut().zip(b) {
            *x += y;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_accurate() {
        for i in -8700..8800 {
            let x = i as f32 * 0.01 + 0.003;
            let expected = f64::from(x).exp();
            let error = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(error < 3e-7, "exp({x}) is wrong by {error}");
        }
        assert!(exp(-1e9) < 1e-37 && exp(f32::NEG_INFINITY) < 1e-37);
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn reductions_see_every_value() {
        for n in [0, 1, 31, 32, 33, 100] {
            let a: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let squares: f32 = (0..n).map(|i| (i * i) as f32).sum();
            assert_eq!(dot(&a, &a), squares);
            assert_eq!(total(&a), a.iter().sum::<f32>());
            assert_eq!(largest(&a), if n == 0 { f32::NEG_INFINITY } else { (n - 1) as f32 });
            let mut b = a.clone();
            let sum = exponentials(&mut b, n as f32);
            assert!((sum - b.iter().sum::<f32>()).abs() <= 1e-6 * sum);
        }
    }
}
