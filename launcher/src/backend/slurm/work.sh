
# Whatever was set before: what fails here is looked at here.
set +eu

# Whether this task shall begin again, and whether a signal came while we waited.
again='' signalled='' cancelled='' worker='' asked=''

# Asks the worker, once, to save and to end with 76: a second time would mean at once.
ask() {
    if [ -z "$asked" ] && [ -n "$worker" ]; then kill -TERM "$worker" 2>/dev/null; fi
    asked=1
}

# The time limit comes near, or the node is wanted back: save, and go on later.
trap 'signalled=1; again=1; ask' USR1
# Save, and end.
trap 'signalled=1; cancelled=1; ask' INT
# When SLURM ends a task, it has told the worker too. In one that runs on, it is a notice.
trap 'signalled=1
    if [ "$(timeout 20 squeue -h -j "${SLURM_ARRAY_JOB_ID}_$task" -o %T 2>/dev/null)" = RUNNING ]; then
        again=1
        ask
    fi' TERM

echo "--- task $task, job $SLURM_JOB_ID, restart ${SLURM_RESTART_COUNT:-0}, $(date -u +%FT%TZ) ---" >&2
"${command[@]}" &
worker=$!
if [ -n "$asked" ]; then kill -TERM "$worker"; fi
code=127
while :; do
    signalled=''
    wait "$worker"
    last=$?
    # It was waited for already.
    if [ "$last" = 127 ]; then break; fi
    code=$last
    # A signal ends `wait`, not the worker.
    if [ -z "$signalled" ]; then break; fi
done

case "$code" in
76 | 143) ;;
*) again='' ;;
esac

# The other tasks of the array go on: only this one is put back.
if [ "$may_requeue" = 1 ] && [ -n "$again" ] && [ -z "$cancelled" ] && ! is_ended "${SLURM_ARRAY_JOB_ID}_$task"; then
    echo "knowcoder: the worker ended with $code; this task goes on later" >&2
    timeout 60 scontrol requeue "${SLURM_ARRAY_JOB_ID}_$task" ||
        hand_over --parsable --array="$task" --dependency="afterany:$SLURM_JOB_ID" "$script"
fi
exit "$code"
