
# One share of the data; the last to end joins the parts.
exec "$program" data prepare "$run_dir/recipe.lock" --run-dir "$run_dir" --data-root "$data_root" \
    --share "$SLURM_ARRAY_TASK_ID/$shares"
