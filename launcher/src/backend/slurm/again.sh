
# is_ended JOB: whether somebody has ended it, or SLURM begins with it again by itself: one that is being ended and
# neither ran out of time nor was preempted. SLURM would put it back into the queue all the same.
is_ended() {
    local said
    said=$(timeout 20 scontrol -o show job "$1" 2>/dev/null)
    case "$said" in
    *" Reason=TimeLimit "* | *" PreemptTime="[0-9]*) return 1 ;;
    *" JobState=COMPLETING "* | *" JobState=CANCELLED "*) return 0 ;;
    *) return 1 ;;
    esac
}

# The controller keeps the environment of a job: it gets none of our secrets, and nothing that was of this job.
hand_over() (
    for name in $(compgen -e); do
        case "${name^^}" in
        *TOKENIZER*) ;;
        *TOKEN* | *SECRET* | *PASSWORD* | *PASSWD* | *PASSPHRASE* | *CREDENTIAL* | *API_KEY* | *APIKEY* | *ACCESS_KEY* | SLURM_RESTART_COUNT)
            unset "$name"
            ;;
        esac
    done
    exec timeout 60 sbatch "$@"
)
