# shellcheck shell=bash
# What survives a reboot. Who serves is not among it: that is a fact, looked up in nginx (upstream.sh). The journal only
# explains what a killed run was about to do.
#
#   STATE/journal           phase, from, to, tag, previous, at
#   STATE/blue, STATE/green the tag a colour was last started with; STATE/scheduler likewise
#   STATE/previous          the tag that --rollback goes to
#   STATE/lock              held by the run at work; the kernel lets go of it however that ends
#   STATE/before-switch     held by a deploy's BEFORE_SWITCH (move-database), also when that outlives its deploy
#   STATE/releases/         a proof for each deploy that passed the gate or was refused by it
#   STATE/gate.said         what the gate of the last deploy said (gate.sh)

LOCK_PATIENCE=2          # seconds
BEFORE_SWITCH_WITHIN=600 # seconds it may go on for, whose deploy was killed

# Ends the run with 75 if another one is at work. Whoever is started and stays is started with 9>&-; what a killed run
# was just asking holds the lock for a moment more.
alone() {
  refuse_what_is_not_ours
  # Whoever starts a deploy may hold it already.
  [ /proc/self/fd/9 -ef "$STATE/lock" ] || exec 9>"$STATE/lock" || end_for lock
  belongs_to_its_directory "$STATE/lock"
  wait_for_lock
  rm -f "$STATE"/.tmp.* # what killed runs had not written to the end
}

# The same for a dry run, which leaves no trace: where no lock is nobody is at work.
alone_without_a_trace() {
  refuse_what_is_not_ours
  [ -e "$STATE/lock" ] || return 0
  [ /proc/self/fd/9 -ef "$STATE/lock" ] || exec 9<"$STATE/lock" || end_for lock
  wait_for_lock
}

wait_for_lock() {
  if ! flock -w "$LOCK_PATIENCE" 9; then
    complain "another deploy is at work here: see deploy --status"
    exit 75
  fi
  if ! wait_for_before_switch; then
    complain "it did not end within $BEFORE_SWITCH_WITHIN s: see move-database status"
    exit 75
  fi
}

# None begins while we hold STATE/lock.
wait_for_before_switch() {
  if [ ! -e "$STATE/before-switch" ] || flock -s -n "$STATE/before-switch" true; then return; fi
  complain "what a killed deploy ran before its switch (move-database) is still at work: waiting for its end"
  flock -s -w "$BEFORE_SWITCH_WITHIN" "$STATE/before-switch" true
}

# Held from before its first moment, so that there is none in which nobody holds a lock for it.
under_lock() { # COMMAND…
  (
    exec 8>"$STATE/before-switch"
    belongs_to_its_directory "$STATE/before-switch"
    flock 8
    exec "$@" 9>&-
  )
}

# FILE KEY=VALUE…: whole or not at all, and still there after a power cut.
put() {
  local unfinished
  unfinished=$(mktemp "$STATE/.tmp.XXXXXX") &&
    printf '%s\n' "${@:2}" >"$unfinished" &&
    chmod 644 "$unfinished" &&
    belongs_to_its_directory "$unfinished" &&
    sync -d "$unfinished" &&
    mv -fT "$unfinished" "$STATE/$1" &&
    sync "$STATE"
}

# Also after a run as root (move-database): the next deploy is another user's.
belongs_to_its_directory() { # PATH
  [ "$EUID" != 0 ] || chown -h --reference="$(dirname "$1")" "$1"
}

# Ends the run with 1: what can't be read must not be taken for what was never written.
refuse_what_is_not_ours() {
  local name
  for name in journal blue green scheduler previous; do
    [ -r "$STATE/$name" ] || [ ! -e "$STATE/$name" ] || end_for "$name"
  done
  [ -w "$STATE/lock" ] || [ ! -e "$STATE/lock" ] || end_for lock
}

end_for() { # NAME
  complain "$STATE/$1 is another user's: as root, chown --reference=$STATE $STATE/$1 && chmod 644 $STATE/$1"
  exit 1
}

get() { # FILE KEY
  local key value
  [ -f "$STATE/$1" ] || return 0
  while IFS='=' read -r key value; do
    [ "$key" != "$2" ] || printf %s "$value"
  done <"$STATE/$1"
}

journal() { # PHASE
  put journal "phase=$1" "from=$FROM" "to=$TO" "tag=$TAG" "previous=$PREVIOUS" "at=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
}

phase() {
  local found
  found=$(get journal phase)
  printf %s "${found:-idle}"
}
