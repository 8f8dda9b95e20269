#!/bin/sh
# Trains one run with any command. Needs curl, jq and sha256sum.
# As a command of a worker, RECADMIN_RUN, RECADMIN_URL and RECADMIN_TOKEN are set; else set URL and TOKEN.
set -eu
: "${TRAIN:=$(dirname "$0")/learn}"
api="${RECADMIN_URL:-$URL}/api/v1"
auth="Authorization: Token ${RECADMIN_TOKEN:-${TOKEN:-}}"
# A recadmin that restarts is waited for, a minute in all.
call() { curl -sS --fail-with-body --retry 6 --retry-connrefused -H "$auth" "$@"; }
post() { call "$api/$1" -H 'Content-Type: application/json' -d "$2"; }

work=$(mktemp -d)
trap 'kill ${beats:-} ${trainer:-} 2> /dev/null || true; rm -rf "$work"' EXIT
trap 'exit 1' TERM
run="${RECADMIN_RUN:-$work/run.json}"
[ -n "${RECADMIN_RUN:-}" ] || post "recommenders/$1/updates/claim" '{"worker": "train.sh"}' > "$run"
id=$(jq .id "$run") attempt=$(jq .attempt "$run") base=$(jq '.base_version // empty' "$run")
learn_to=$(jq .next_offset "$run") end=$(jq .holdout.next_offset "$run")

# A sign of life three times a lease, from beside; its answer says whether to go on.
say() { post "updates/$id/progress" "{\"attempt\": $attempt, \"phase\": \"$1\"}"; }
beat() {
    while sleep $(($(jq .lease_seconds "$run") / 3)); do
        [ "$(say training | jq .cancelled)" != true ] || kill $$
    done
}
beat > /dev/null 2>&1 &
beats=$!

# Page by page: the header Next-Offset says where the next one begins.
fetch() {
    from=$1
    while [ -n "$from" ]; do
        call -D "$work/headers" -o "$work/page" \
            "$api/updates/$id/samples?first_offset=$from&next_offset=$2" || return 1
        "$TRAIN" "$3" "$work/page" "$work" &
        trainer=$!
        wait "$trainer" || return 1
        from=$(tr -d '\r' < "$work/headers" | sed -n 's/^[Nn]ext-[Oo]ffset: //p')
    done
}
# An incremental update goes on from the model of its base version, and says what that predicts.
go_on() {
    [ -n "$base" ] || return 0
    model="$api/recommenders/$(jq -r .recommender "$run")/versions/$base/artifact/model"
    call -o "$work/model" "$model" || return 1
    fetch "$learn_to" "$end" predict && mv "$work/scores" "$work/base_scores" && touch "$work/scores"
}

# The holdout has judged, and is learned too: what is served is then as fresh as the samples.
catch_up() { [ "$learn_to" = "$end" ] || fetch "$learn_to" "$end" learn; }

touch "$work/scores" "$work/base_scores"
if ! {
    say learning > /dev/null && go_on &&
    fetch "$(jq .first_offset "$run")" "$learn_to" learn &&
    fetch "$learn_to" "$end" predict && catch_up
}; then
    post "updates/$id/fail" "{\"attempt\": $attempt, \"error\": \"the command failed\"}" > /dev/null
    exit 1
fi

sha=$(sha256sum "$work/model" | cut -d' ' -f1)
call -X PUT -T "$work/model" -H "Content-SHA256: $sha" -H 'Content-Type: application/octet-stream' \
    "$api/updates/$id/artifact?attempt=$attempt&name=model.bin" > /dev/null
jq -n --argjson attempt "$attempt" --argjson judged_from "$learn_to" --argjson next "$end" \
    --arg sha "$sha" --arg base "$base" --arg watermark "$(cat "$work/watermark")" \
    --slurpfile scores "$work/scores" --slurpfile base_scores "$work/base_scores" \
    '{attempt: $attempt, watermark: $watermark, next_offset: $next, artifact: {sha256: $sha},
      predictions: ({first_offset: $judged_from, scores: $scores}
                    + if $base == "" then {} else {base_scores: $base_scores} end)}' > "$work/publish.json"
post "updates/$id/publish" "@$work/publish.json" | jq -r '.state + ": " + .metrics.verdict'
