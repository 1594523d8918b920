
# Whatever was set before: what fails here is looked at here.
set +eu

# Why the scheduler shall start this job again, and whether a signal came while we waited.
again='' signalled='' cancelled='' driver=''
mkdir -p "$run_dir/submit" "$run_dir/logs"
notice="$run_dir/submit/notice"
rm -f "$notice" "$notice.signal"
echo "--- job $SLURM_JOB_ID, restart ${SLURM_RESTART_COUNT:-0}, $(date -u +%FT%TZ) ---" >&2

# note SIGNAL: what came, for the driver, which finds out what it means.
note() {
    # Whoever cancels is heard, whatever comes behind.
    if [ -n "$cancelled" ]; then set -- INT; fi
    echo "$1" >"$notice.new" && mv -f "$notice.new" "$notice"
}

# Asks the driver, once, to save and to end with 76: a second time would mean at once.
ask() {
    if [ -z "$asked" ] && [ -n "$driver" ]; then kill -TERM "$driver" 2>/dev/null; fi
    asked=1
}
asked=''

# The time limit comes near, or the nodes are wanted back: save, and go on later.
trap 'signalled=1; again=${again:-preempted}; note USR1; ask' USR1
# `knowcoder cancel`: save, and end.
trap 'signalled=1; cancelled=1; note INT; ask' INT
# When SLURM ends a job, it has told the driver too. In a job that runs on, it is a notice.
trap 'signalled=1
    if [ "$(timeout 20 squeue -h -j "$SLURM_JOB_ID" -o %T 2>/dev/null)" = RUNNING ]; then
        again=${again:-preempted}
        note TERM
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

# away: nodes that must not be given to this run again, those of the cluster file and those that were
# cordoned since somebody handed the run over; nothing where none was cordoned.
away() {
    awk -v list="$exclude" '
        /"event":"submitted"/ { count = 0 }
        /"event":"cordoned"/ && match($0, /"name":"[^"]+"/) {
            names[count++] = substr($0, RSTART + 8, RLENGTH - 9)
        }
        END {
            for (i = 0; i < count; i++) list = list (list == "" ? "" : ",") names[i]
            if (count) print list
        }' "$run_dir/events.jsonl" 2>/dev/null
}

# What the driver found out, and whether it wants the job back although no signal came to us.
meaning='' wish=''
if [ -f "$notice" ]; then read -r meaning wish <"$notice"; fi
rm -f "$notice" "$notice.signal"
if [ "$wish" = requeue ]; then again=${again:-$meaning}; fi

case "$code" in
76 | 143) if [ -n "$again" ] && [ "$meaning" = time-limit ]; then again=$meaning; fi ;;
75) if [ -z "$again" ] && [ "$(recent_failures)" -le "$max_failures" ]; then again=transient; fi ;;
*) again='' ;;
esac

# Who cancels does not want it back, whatever else was asked.
if [ -n "$again" ] && { [ -n "$cancelled" ] || is_ended "$SLURM_JOB_ID"; }; then again=''; fi

if [ "$may_requeue" = 1 ] && [ -n "$again" ]; then
    away=$(away)
    # With fewer nodes than the job needs it would wait for ever: a cordoned one is better than none.
    if [ -n "$away" ] &&
        ! timeout 20 sbatch --test-only --exclude="$away" "${scripts[0]}" >/dev/null 2>&1; then
        away=''
    fi
    printf '{"time":"%s","event":"requeued","reason":"%s","job":"%s","exclude":"%s"}\n' \
        "$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)" "$again" "$SLURM_JOB_ID" "$away" >>"$run_dir/events.jsonl"
    echo "knowcoder: the driver ended with $code ($again); the job goes on later" >&2
    # Where containers hide `scontrol`, or the job may not be requeued, others take its place.
    if timeout 60 scontrol requeue "$SLURM_JOB_ID"; then
        # Options of a job that runs cannot be changed, those of one that waits can; between the two SLURM
        # ends this script, and with it whatever it has just started: so it is tried again.
        for ((attempt = 0; attempt < 25; attempt++)); do
            if [ -z "$away" ]; then break; fi
            timeout 10 scontrol update JobId="$SLURM_JOB_ID" ExcNodeList="$away" && break
            sleep 0.2
        done
    else
        after=afterany:$SLURM_JOB_ID
        export KNOWCODER_FOLLOWS="${KNOWCODER_FOLLOWS:-$SLURM_JOB_ID}"
        for script in "${scripts[@]}"; do
            next=$(hand_over --parsable --dependency="$after" ${away:+--exclude="$away"} \
                --comment="knowcoder follows $KNOWCODER_FOLLOWS" "$script") || break
            after=afterok:${next%%;*}
        done
    fi
fi

# behind: the jobs that wait for this one to be done.
behind() {
    timeout 20 squeue -h --me -t PENDING -o '%A %E' 2>/dev/null |
        awk -v id="$SLURM_JOB_ID" '$2 ~ "(^|[^0-9])" id "([^0-9]|$)" { print $1 }'
}

# They were handed over before any node was cordoned.
if [ "$code" = 0 ] && [ "${#scripts[@]}" -gt 1 ]; then
    away=$(away)
    if [ -n "$away" ] &&
        timeout 20 sbatch --test-only --exclude="$away" "${scripts[1]}" >/dev/null 2>&1; then
        for next in $(behind); do
            if timeout 10 scontrol update JobId="$next" ExcNodeList="$away"; then
                echo "knowcoder: job $next, which goes on behind this one, gets no part of $away" >&2
            fi
        done
    fi
fi
exit "$code"
