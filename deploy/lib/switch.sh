# shellcheck shell=bash
# The switch, step by step. Whatever fails before nginx is pointed elsewhere changes nothing; whatever fails after that
# is taken back. The order of the steps, and the races it excludes: docs/decisions.

deploy() { # TAG
  check_set_up || return 1
  choose "$1"
  check_all "$TAG" &&
    step "write down what is about to happen" journal start &&
    { bring_up && switch || return 1; }
}

rollback() {
  local tag
  tag=$(get previous tag)
  if [ -z "$tag" ]; then
    complain "no version served before this one"
    return 1
  fi
  GATE=off # it would ask a version that may be broken how well it serves
  MIGRATE=no
  deploy "$tag"
}

MIGRATE=yes TAG='' FROM='' TO='' PREVIOUS=''

choose() { # TAG
  TAG=$1
  FROM=$(colour_that_serves)
  TO=$(other "$FROM")
  PREVIOUS=$(tag_of "$FROM")
  [ "$PREVIOUS" != "$TAG" ] || PREVIOUS=$(get previous tag) # the same again: what was before stays what was before
}

bring_up() {
  if migrate && step "start $TO with $TAG" start_idle && step "warm $TO" warm "$TO" && begin_gate && before_switch; then
    return
  fi
  complain "nothing was switched: $FROM serves as before"
  give_up
  return 1
}

# IDLE_DATABASE_URL_FILE: the new colour's URL while all others keep the one in secrets/database_url (move-database).
start_idle() {
  COLOUR_DATABASE_URL_FILE=${IDLE_DATABASE_URL_FILE:-} start_colour "$TO" "$TAG"
}

migrate() {
  [ "$MIGRATE" = no ] || step "migrate with $TAG, expanding only" be_migrate "$TAG"
}

begin_gate() {
  if [ "$GATE" = off ] || ! is_ready "$FROM"; then
    GATE=off # also when nobody serves yet whose times could be the measure
    return
  fi
  step "let synthetic pairs chat, and measure" gate_begin "$TAG"
}

# BEFORE_SWITCH, a command as one writes it in a shell: what must be done between the proof that the new colour runs and
# the switch (move-database).
before_switch() {
  [ -z "${BEFORE_SWITCH:-}" ] || step "do what was asked for before the switch" run_before_switch
}

run_before_switch() {
  under_lock bash -c "exec $BEFORE_SWITCH"
}

switch() {
  local before
  before=$(generation_in_file)
  step "write down that nginx is about to be pointed at $TO" journal switch || { give_up; return 1; }
  if ! point_at "$TO"; then
    # With the generation of before: a master that refused to reload still answers that, and all is as it was.
    [ "$(generation_in_file)" = "$before" ] || point_at "$FROM" "$before" || complain "nginx did not take the way back: see its error log"
    give_up
    return 1
  fi
  gate_tell switched
  if prove && end_gate && step "move the scheduler to $TAG" move_scheduler "$TAG"; then
    finish
  else
    go_back
    return 1
  fi
}

prove() {
  step "smoke through nginx" smoke "$TAG" &&
    step "write down that $FROM is about to be drained" journal drain &&
    step "drain $FROM" drain "$FROM" &&
    judge
}

drain() {
  raise_flag "$1" && wait_drained "$1"
}

judge() {
  [ "$GATE" = off ] || step "let the gate judge" gate_judge "$TAG"
}

end_gate() {
  [ "$GATE" = off ] || step "end the gate" gate_end "$TAG"
}

# Until it runs nothing is known of it, so that whoever puts things in order starts it.
move_scheduler() { # TAG
  put scheduler "tag=" && be_scheduler "$1" && put scheduler "tag=$1"
}

finish() {
  if ! { step "remember $PREVIOUS as the version before" put previous "tag=$PREVIOUS" &&
    step "stop $FROM" stop_colour "$FROM" &&
    step "write down that all is done" journal idle; }; then
    complain "$TO serves $TAG, but it could not be finished, see above: mend that, then run deploy --recover"
    return 1
  fi
  [ -n "$DRY_RUN" ] || say "$TO serves $TAG; deploy/bin/rollback goes back to ${PREVIOUS:-nothing}"
}

# Before the switch, or after a way back: who served serves, the other one goes.
give_up() {
  gate_end "$TAG"
  be_stop "$TO" || true
  journal idle
}

# After the switch: to the colour that drains, which takes sockets again as soon as its flag is down.
go_back() {
  local was=$FROM
  complain "$TAG does not stay: back to $FROM"
  step "write down that nginx is about to be pointed back" journal back
  step "let $FROM take members again" lower_flag "$FROM"
  if ! wait_ready "$FROM" || ! point_at "$FROM"; then
    complain "$FROM can't take over: $TO still serves. Look at both, then run deploy --recover"
    gate_end "$TAG"
    return 1
  fi
  gate_end "$TAG"
  settle_scheduler "$FROM" || true
  step "drain $TO" drain "$TO"
  step "stop $TO" stop_colour "$TO"
  step "write down that all is as before" journal idle
  say "$was serves $(tag_of "$was") again"
}
