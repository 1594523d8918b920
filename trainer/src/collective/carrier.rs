//! Who carries the sums of a run.

use std::fmt;

/// `collective` of a cluster file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carrier {
    /// NCCL for several ranks with GPUs of NVIDIA's, else TCP.
    #[default]
    Auto,
    /// The ring over TCP, through the memory of the host.
    Tcp,
    /// NCCL.
    Nccl,
}

impl Carrier {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::Tcp, Self::Nccl];

    /// The one called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|carrier| carrier.name() == name)
    }

    /// Its name in cluster files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Tcp => "tcp",
            Self::Nccl => "nccl",
        }
    }

    /// Whether NCCL carries the sums of so many ranks that compute on `device`.
    pub fn is_nccl(self, device: &str, world: usize) -> bool {
        world > 1 && device == "cuda" && self != Self::Tcp
    }

    /// Refuses what cannot be: NCCL between ranks that have no GPU.
    pub fn check(self, device: &str) -> Result<(), String> {
        if self != Self::Nccl || device == "cuda" {
            return Ok(());
        }
        Err(format!(
            "the cluster file says collective = \"nccl\", but run.device is `{device}`: NCCL sums on GPUs of \
             NVIDIA's only; set run.device = \"cuda\", or leave `collective` out"
        ))
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_ranks_with_gpus_take_nccl_unless_told_otherwise() {
        let chosen = |carrier: Carrier| {
            [("flex", 4), ("cuda", 1), ("cuda", 4), ("wgpu", 4)]
                .map(|(device, world)| carrier.is_nccl(device, world))
        };
        assert_eq!(chosen(Carrier::Auto), [false, false, true, false]);
        assert_eq!(chosen(Carrier::Nccl), [false, false, true, false]);
        assert_eq!(chosen(Carrier::Tcp), [false; 4]);
        assert!(Carrier::Nccl.check("flex").is_err() && Carrier::Nccl.check("cuda").is_ok());
        assert!(Carrier::Auto.check("flex").is_ok() && Carrier::Tcp.check("cuda").is_ok());
        assert_eq!(Carrier::named("nccl"), Some(Carrier::Nccl));
        assert_eq!(Carrier::named("mpi"), None);
    }
}
