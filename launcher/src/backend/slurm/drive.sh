
# Whatever was set before: what fails here is looked at here.
set +eu

# Why the scheduler shall start this job again, and whether a signal came while we waited.
again='' signalled='' cancelled='' driver=''
mkdir -p "$run_dir/submit" "$run_dir/logs"

# Asks the driver, once, to save and to end with 76: a second time would mean at once.
ask() {
    if [ -z "$asked" ] && [ -n "$driver" ]; then kill -TERM "$driver" 2>/dev/null; fi
    asked=1
}
asked=''

# The time limit comes near, or the nodes are wanted back: save, and go on later.
trap 'signalled=1; again=${again:-preempted}; ask' USR1
# `knowcoder cancel`: save, and end.
trap 'signalled=1; cancelled=1; ask' INT
# When SLURM ends a job, it has told the driver too. In a job that runs on, it is a notice.
trap 'signalled=1
    if [ "$(timeout 20 squeue -h -j "$SLURM_JOB_ID" -o %T 2>/dev/null)" = RUNNING ]; then
        again=${again:-preempted}
        ask
    fi' TERM

"$program" drive --run-dir "$run_dir" --data-root "$data_root" "${only[@]}" &
driver=$!
if [ -n "$asked" ]; then kill -TERM "$driver"; fi
code=127
while :; do
    signalled=''
    wait "$driver"
    last=$?
    # It was waited for already.
    if [ "$last" = 127 ]; then break; fi
    code=$last
    # A signal ends `wait`, not the driver.
    if [ -z "$signalled" ]; then break; fi
done

# recent_failures: how many jobs of this run ended with 75 lately, this one included.
recent_failures() {
    local now
    now=$(date +%s)
    echo "$now" >>"$run_dir/submit/failures"
    awk -v since=$((now - window)) '$1 > since { count++ } END { print count + 0 }' \
        "$run_dir/submit/failures"
}

case "$code" in
76 | 143) ;;
75) if [ -z "$again" ] && [ "$(recent_failures)" -le "$max_failures" ]; then again=transient; fi ;;
*) again='' ;;
esac

# Who cancels does not want it back, whatever else was asked.
if [ -n "$cancelled" ]; then again=''; fi

if [ "$may_requeue" = 1 ] && [ -n "$again" ]; then
    printf '{"time":"%s","event":"requeued","reason":"%s","job":"%s"}\n' \
        "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$again" "$SLURM_JOB_ID" >>"$run_dir/events.jsonl"
    echo "knowcoder: the driver ended with $code ($again); the job goes on later" >&2
    # Where containers hide `scontrol`, or the job may not be requeued, others take its place.
    if ! timeout 60 scontrol requeue "$SLURM_JOB_ID"; then
        after=afterany:$SLURM_JOB_ID
        export KNOWCODER_FOLLOWS="${KNOWCODER_FOLLOWS:-$SLURM_JOB_ID}"
        for script in "${scripts[@]}"; do
            next=$(timeout 60 sbatch --parsable --dependency="$after" \
                --comment="knowcoder follows $KNOWCODER_FOLLOWS" "$script") || break
            after=afterok:${next%%;*}
        done
    fi
fi
exit "$code"
