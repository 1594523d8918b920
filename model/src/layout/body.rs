//! How attention that keeps what its backward pass needs is computed, and who decides it.

use super::AttentionBody;
use crate::ops;
use burn::tensor::{DType, Tensor};
use std::sync::OnceLock;

/// The environment variable that says how GPUs compute attention: `flash`, `library`, `chunked` or
/// `auto`.
pub const VARIABLE: &str = "KNOWCODER_ATTENTION";

impl AttentionBody {
    /// What [`VARIABLE`] says; `None` where the device decides.
    pub fn from_environment() -> Result<Option<Self>, String> {
        Self::parse(std::env::var(VARIABLE).ok().as_deref())
    }

    /// The same, asked once in a process; what cannot be is left to the device.
    pub fn asked() -> Option<Self> {
        static ASKED: OnceLock<Option<AttentionBody>> = OnceLock::new();
        *ASKED.get_or_init(|| Self::from_environment().ok().flatten())
    }

    fn parse(value: Option<&str>) -> Result<Option<Self>, String> {
        match value {
            None | Some("" | "auto") => Ok(None),
            Some("flash") => Ok(Some(Self::Flash)),
            Some("library") => Ok(Some(Self::Library)),
            Some("chunked") => Ok(Some(Self::Chunked)),
            Some(other) => Err(format!(
                "{VARIABLE} is `{other}`, expected `flash`, `library`, `chunked` or `auto`"
            )),
        }
    }
}

/// Where values are, as far as it decides how they are attended to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Builds without a GPU's kernels are in one place alone; the tests are the same.
#[cfg_attr(not(feature = "cuda"), allow(dead_code))]
pub(super) enum Place {
    /// Without kernels: a CPU, or a tape.
    Plain,
    /// A GPU whose flash kernels compute in the type of the values.
    Kernels,
    /// A GPU whose flash kernels round f32 to TF32, whatever products may do.
    Rounds,
}

impl Place {
    /// Where `like` is.
    pub(super) fn of(like: &Tensor<3>) -> Self {
        #[cfg(feature = "cuda")]
        if ops::kernels::on_cuda(&like.device()) && ops::kernels::serves(like) {
            return Self::Rounds;
        }
        #[cfg(feature = "kernels")]
        if ops::kernels::serves(like) {
            return Self::Kernels;
        }
        let _ = like;
        Self::Plain
    }

    /// What computes attention over values of this type here: `chosen` for a layout, or what was `asked` for on
    /// GPUs, or what is fastest and as exact as the type.
    pub(super) fn body(
        self,
        (chosen, asked): (Option<AttentionBody>, Option<AttentionBody>),
        dtype: DType,
        rotary: bool,
    ) -> AttentionBody {
        let own = match self {
            Self::Plain => AttentionBody::Tape,
            Self::Rounds if dtype == DType::F32 => AttentionBody::Chunked,
            Self::Kernels | Self::Rounds => AttentionBody::Flash,
        };
        let asked = asked.filter(|_| self != Self::Plain);
        match chosen.or(asked).unwrap_or(own) {
            // No kernel takes ALiBi's biases.
            AttentionBody::Flash | AttentionBody::Library
                if !rotary || !ops::flash_takes(dtype) =>
            {
                AttentionBody::Chunked
            }
            body => body,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use AttentionBody::{Chunked, Flash, Library, Tape};

    #[test]
    fn the_variable_says_one_of_four() {
        assert_eq!(AttentionBody::parse(None).unwrap(), None);
        for (value, expected) in [
            ("", None),
            ("auto", None),
            ("flash", Some(Flash)),
            ("library", Some(Library)),
            ("chunked", Some(Chunked)),
        ] {
            assert_eq!(AttentionBody::parse(Some(value)).unwrap(), expected, "{value}");
        }
        assert_eq!(
            AttentionBody::parse(Some("fast")).unwrap_err(),
            "KNOWCODER_ATTENTION is `fast`, expected `flash`, `library`, `chunked` or `auto`"
        );
    }

    #[test]
    fn a_gpu_takes_what_is_asked_for_and_else_what_is_exact() {
        let of = |place: Place, chosen, asked, dtype| place.body((chosen, asked), dtype, true);
        let (f32, bf16) = (DType::F32, DType::BF16);
        assert_eq!(of(Place::Plain, None, None, f32), Tape);
        assert_eq!(of(Place::Kernels, None, None, f32), Flash);
        assert_eq!(of(Place::Rounds, None, None, bf16), Flash);
        // TF32 is not what `dtype = "f32"` says.
        assert_eq!(of(Place::Rounds, None, None, f32), Chunked);
        for place in [Place::Kernels, Place::Rounds] {
            assert_eq!(of(place, None, Some(Chunked), bf16), Chunked);
            assert_eq!(of(place, None, Some(Flash), f32), Flash);
            assert_eq!(of(place, None, Some(Library), bf16), Library);
            // A layout's own choice comes first.
            assert_eq!(of(place, Some(Tape), Some(Chunked), bf16), Tape);
        }
        // On the CPU there is nothing to choose.
        assert_eq!(of(Place::Plain, None, Some(Chunked), f32), Tape);
        assert_eq!(of(Place::Plain, Some(Chunked), None, f32), Chunked);
        // ALiBi, or a type that no kernel takes.
        for asked in [Flash, Library] {
            assert_eq!(Place::Kernels.body((None, Some(asked)), bf16, false), Chunked);
        }
        assert_eq!(of(Place::Kernels, None, None, DType::F64), Chunked);
    }
}
