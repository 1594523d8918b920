//! What schedulers mean by the words with which they say why a job waits or is over.

use crate::backend::QueueState;

/// What a scheduler means.
pub struct Reason {
    /// In the scheduler's words.
    words: &'static str,
    /// It waits as jobs do.
    pub is_usual: bool,
    /// It may be why a job is over, not only why it waits.
    is_end: bool,
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
    over(
        "ErrImagePull",
        "the image cannot be fetched",
        "check `image` in the cluster file and the cluster's rights to fetch it",
    ),
    over(
        "ImagePullBackOff",
        "the image cannot be fetched",
        "check `image` in the cluster file and the cluster's rights to fetch it",
    ),
    over(
        "CreateContainerConfigError",
        "a secret, volume or setting of the pods is missing",
        "`kubectl describe pod` names it",
    ),
    over(
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
    Reason { words, is_usual: true, is_end: false, means, advice }
}

const fn wrong(words: &'static str, means: &'static str, advice: &'static str) -> Reason {
    Reason { words, is_usual: false, is_end: false, means, advice }
}

const fn over(words: &'static str, means: &'static str, advice: &'static str) -> Reason {
    Reason { words, is_usual: false, is_end: true, means, advice }
}

/// What the words of a scheduler mean, if that is known. Beside the end of a job they may still say what it waited
/// for before: that is of no interest any more.
pub fn reason(state: &QueueState) -> Option<&'static Reason> {
    let may_be = |reason: &&Reason| state.stage.is_alive() || reason.is_end;
    KNOWN.iter().filter(may_be).find(|reason| state.words.contains(reason.words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Stage;

    fn check(words: &str, expected: Option<(bool, &str)>) {
        checked(Stage::Waiting, words, expected);
    }

    fn checked(stage: Stage, words: &str, expected: Option<(bool, &str)>) {
        let state = QueueState { stage, words: words.to_owned(), restarts: 0 };
        let found = reason(&state).map(|reason| (reason.is_usual, reason.words));
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
        // What a job waited for before it was over explains nothing.
        for words in ["CANCELLED (BeginTime)", "CANCELLED (Dependency)"] {
            checked(Stage::Failed, words, Some((false, "CANCELLED")));
        }
        checked(Stage::Failed, "FAILED (Resources)", None);
        checked(Stage::Unknown, "PENDING (Priority)", None);
        for (index, reason) in KNOWN.iter().enumerate() {
            let before = KNOWN[..index].iter().find(|it| reason.words.contains(it.words));
            assert!(before.is_none(), "`{}` is never found", reason.words);
        }
    }
}
