# shellcheck shell=bash
# Synthetic pairs that chat through the switch (deploy/gate): started here, told how far the switch is, asked what it saw.

GATE_IN=      # file descriptor of its orders; empty when no gate is at work
GATE_PID=
GATE_SAID=$STATE/gate.said # where no colour may write: one of them is judged
GATE_COMES=90 # seconds until it must have said how the baseline was, beside GATE_BASELINE
GATE_ENDS=60  # until it must have judged, beside GATE_AFTER

# TAG: opens the pairs and measures the baseline. Ends with 1 if that forbids a deploy.
gate_begin() {
  local pairs ca
  pairs=$(be_manage "$1" synthetic_pairs --open "$GATE_PAIRS") || return 1
  ca=$(site_ca)
  gate_forget || return 1
  exec {GATE_IN}> >(exec 9>&- && gate_logs && be_gate "$1" --site "$SITE" --address "$FRONT_ADDRESS" ${ca:+--ca "$ca"} \
    --baseline "$GATE_BASELINE" --after "$GATE_AFTER" --p99-ms "$GATE_P99_MS" >>"$GATE_SAID")
  GATE_PID=$!
  gate_tell "$pairs"
  gate_wait_for '^baseline' $((GATE_COMES + GATE_BASELINE))
  if ! grep -q '^baseline good' "$GATE_SAID"; then
    gate_wait_for '^proof' "$GATE_ENDS"
    gate_keep_proof "$1"
    complain "the gate refuses: how it is now nothing could be proved. $(gate_reasons)"
    return 1
  fi
}

# What an earlier gate said, it may be as another user, is not what this one says.
gate_forget() {
  if rm -f "$GATE_SAID" && : >"$GATE_SAID" && belongs_to_its_directory "$GATE_SAID"; then return; fi
  complain "the gate can't be heard: $GATE_SAID can't be written anew. As root, remove it"
  return 1
}

# A gate whose complaints can't be kept judges all the same.
gate_logs() {
  local log=$DAMSO_HOME/log/gate.log
  { exec 2>>"$log" && belongs_to_its_directory "$log"; } || true
}

gate_tell() { # ORDER
  [ -z "$GATE_IN" ] || (trap '' PIPE && printf '%s\n' "$1" >&"$GATE_IN") 2>/dev/null || true
}

gate_is_bad() {
  [ -n "$GATE_IN" ] && grep -q '^bad' "$GATE_SAID"
}

# TAG: lets it judge. Ends with 1 if something was lost, with the proof written either way.
gate_judge() {
  gate_tell drained
  gate_wait_for '^proof' $((GATE_ENDS + GATE_AFTER))
  gate_keep_proof "$1"
  if grep -q '^bad' "$GATE_SAID" || ! grep -q '^proof {"good": true' "$GATE_SAID"; then
    complain "the gate saw a loss: $(gate_reasons)"
    return 1
  fi
}

# TAG: whatever it is doing, it ends; the pairs' rooms close. Nothing happens when there is no gate.
gate_end() {
  [ -n "$GATE_IN" ] || return 0
  exec {GATE_IN}>&-
  GATE_IN=
  gate_wait_until_gone
  be_manage "$1" synthetic_pairs --close >/dev/null || complain "the pairs' rooms are still open; the next gate closes them"
}

gate_wait_until_gone() {
  local until=$((SECONDS + GATE_ENDS))
  while kill -0 "$GATE_PID" 2>/dev/null; do
    if [ "$SECONDS" -ge "$until" ]; then kill -KILL "$GATE_PID" 2>/dev/null || true; fi
    sleep 0.05
  done
}

gate_reasons() {
  sed -nE 's/^(baseline )?bad: //p' "$GATE_SAID" | head -n 5 | paste -sd ';' | grep . || echo "it ended without a word, see $DAMSO_HOME/log/gate.log"
}

gate_keep_proof() { # TAG
  local proof
  proof=$(sed -n 's/^proof //p' "$GATE_SAID")
  [ -n "$proof" ] || return 0
  put "releases/$1-$(date -u +%Y%m%dT%H%M%SZ).json" "$proof" || complain "the proof could not be kept, see above: $proof"
}

gate_wait_for() { # PATTERN SECONDS
  local until=$((SECONDS + $2))
  until grep -q "$1" "$GATE_SAID"; do
    kill -0 "$GATE_PID" 2>/dev/null || return 0
    [ "$SECONDS" -lt "$until" ] || return 0
    sleep 0.1
  done
}
