//! What schedulers mean by the words with which they say why a job waits or is over.

/// What a scheduler means.
pub struct Reason {
    /// In the scheduler's words.
    words: &'static str,
    /// It waits as jobs do.
    pub is_usual: bool,
    /// What it means; follows "which means that".
    pub means: &'static str,
    /// What to do, for the run `RUN`.
    pub advice: &'static str,
}

const WAIT: &str = "wait, or ask for less: fewer nodes or a shorter time begin earlier";

const AGAIN: &str = "`knowcoder resume RUN` continues it from its newest checkpoint";

/// What is known, longer words before those that they contain.
static KNOWN: [Reason; 33] = [
    wrong(
        "DependencyNeverSatisfied",
        "the job before it failed, so that it will never begin",
        "`knowcoder cancel RUN` takes it away; the logs of the job before it say what failed; then \
         `knowcoder resume RUN`",
    ),
    usual("Dependency", "it begins when the job before it is done", "wait"),
    usual("Priority", "other jobs come first", WAIT),
    usual("Resources", "it is next, and as many nodes as it asks for are not free yet", WAIT),
    wrong(
        "ReqNodeNotAvail",
        "nodes that it needs are down, drained or reserved, for maintenance perhaps",
        "`sinfo -R` says why; a shorter time may fit before a maintenance, other nodes may be free",
    ),
    wrong(
        "PartitionTimeLimit",
        "it asks for more time than its partition gives",
        "lower the time in the cluster file, `knowcoder cancel RUN`, `knowcoder resume RUN --cluster FILE`",
    ),
    wrong(
        "PartitionNodeLimit",
        "it asks for more nodes than its partition gives",
        "lower `nodes` in the cluster file, `knowcoder cancel RUN`, `knowcoder resume RUN --cluster FILE`",
    ),
    wrong("PartitionDown", "its partition takes no jobs now", "wait, or choose another partition"),
    wrong(
        "PartitionInactive",
        "its partition takes no jobs now",
        "wait, or choose another partition",
    ),
    usual(
        "QOSMax",
        "a limit of its quality of service is reached",
        "wait until other jobs of yours end",
    ),
    usual("QOSGrp", "a limit of its quality of service is reached", "wait until other jobs end"),
    usual(
        "AssocGrp",
        "a limit of its account is reached",
        "wait until other jobs of the account end",
    ),
    usual(
        "AssocMax",
        "a limit of its account is reached",
        "wait until other jobs of the account end",
    ),
    wrong("JobHeldUser", "its owner holds it back", "`scontrol release JOB` lets it go"),
    wrong("JobHeldAdmin", "an administrator holds it back", "ask the administrators"),
    usual("BeginTime", "it begins a while after it was given back", "wait a minute or two"),
    wrong(
        "BadConstraints",
        "no node is as it asks",
        "correct constraint, GPUs and memory in the cluster file, then submit it again",
    ),
    usual("Reservation", "it waits for a reservation to begin", "wait"),
    usual("Licenses", "a licence that it asks for is not free", "wait"),
    wrong(
        "ErrImagePull",
        "the image cannot be fetched",
        "check `image` in the cluster file and the cluster's rights to fetch it",
    ),
    wrong(
        "ImagePullBackOff",
        "the image cannot be fetched",
        "check `image` in the cluster file and the cluster's rights to fetch it",
    ),
    wrong(
        "CreateContainerConfigError",
        "a secret, volume or setting of the pods is missing",
        "`kubectl describe pod` names it",
    ),
    wrong(
        "CrashLoopBackOff",
        "its pods end again and again",
        "`knowcoder logs RUN` shows what they said",
    ),
    usual("Insufficient", "no node has as much left as its pods ask for", WAIT),
    usual("Unschedulable", "no node can take its pods now", WAIT),
    usual("uspended", "it is suspended, as a queue does until it is its turn", "wait"),
    over(
        "OUT_OF_MEMORY",
        "its memory ran out",
        "ask for more memory or run fewer ranks a node, then `knowcoder resume RUN --cluster FILE`",
    ),
    over("TIMEOUT", "its time was up before it could save and be queued again", AGAIN),
    over("NODE_FAIL", "a node of it failed", AGAIN),
    over("BOOT_FAIL", "a node of it did not start", AGAIN),
    over("PREEMPTED", "other jobs took its nodes", AGAIN),
    over("CANCELLED", "somebody, or an administrator, cancelled it", AGAIN),
    over("Evicted", "its node had too little room or memory", AGAIN),
];

const fn usual(words: &'static str, means: &'static str, advice: &'static str) -> Reason {
    Reason { words, is_usual: true, means, advice }
}

const fn wrong(words: &'static str, means: &'static str, advice: &'static str) -> Reason {
    Reason { words, is_usual: false, means, advice }
}

const fn over(words: &'static str, means: &'static str, advice: &'static str) -> Reason {
    wrong(words, means, advice)
}

/// What `words` of a scheduler mean, if that is known.
pub fn reason(words: &str) -> Option<&'static Reason> {
    KNOWN.iter().find(|reason| words.contains(reason.words))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, expected: Option<(bool, &str)>) {
        let found = reason(words).map(|reason| (reason.is_usual, reason.words));
        assert_eq!(found, expected, "{words}");
    }

    #[test]
    fn the_more_telling_words_count() {
        check("PENDING (Resources)", Some((true, "Resources")));
        check("PENDING (DependencyNeverSatisfied)", Some((false, "DependencyNeverSatisfied")));
        check("PENDING (Dependency)", Some((true, "Dependency")));
        check("PENDING (ReqNodeNotAvail, UnavailableNodes:b)", Some((false, "ReqNodeNotAvail")));
        check(
            "FailedScheduling: 0/3 nodes: 3 Insufficient nvidia.com/gpu",
            Some((true, "Insufficient")),
        );
        check("Suspended", Some((true, "uspended")));
        check("RUNNING", None);
        for (index, reason) in KNOWN.iter().enumerate() {
            let before = KNOWN[..index].iter().find(|it| reason.words.contains(it.words));
            assert!(before.is_none(), "`{}` is never found", reason.words);
        }
    }
}
