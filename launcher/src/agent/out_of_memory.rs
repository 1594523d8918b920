//! Whether the system ended processes because memory ran out.

/// How many it had ended at a moment, where it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kills(Option<u64>);

impl Kills {
    /// Until now.
    pub fn now() -> Self {
        Self(count(&std::fs::read_to_string("/proc/vmstat").unwrap_or_default()))
    }

    /// Whether there are more now.
    pub fn are_more(self) -> bool {
        matches!((self.0, Self::now().0), (Some(before), Some(now)) if now > before)
    }
}

fn count(vmstat: &str) -> Option<u64> {
    vmstat.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_is_found_by_its_name() {
        assert_eq!(count("nr_free_pages 7\noom_kill 3\noom_kill_disabled 9\n"), Some(3));
        assert_eq!(count("nr_free_pages 7\n"), None);
        assert!(!Kills::now().are_more());
    }
}
