# shellcheck shell=bash
# In place of containers: an "image" is the program IMAGES/TAG, called with what its container would do (serve, migrate,
# manage, scheduler, gate). A process is known by its id and the time it started, so that nobody else's is ever hit.
#
# KILL_AT=N kills the run with -9 just before its N-th step begins; nothing in the deploy itself knows of that.

STEPS_BEGUN=0
kill_when_due() {
  # bash asks a second time when it enters the function.
  [[ $BASH_COMMAND == step\ * && ${FUNCNAME[1]:-} != step ]] || return 0
  STEPS_BEGUN=$((STEPS_BEGUN + 1))
  [ "$STEPS_BEGUN" != "$KILL_AT" ] || kill -9 $$
}
if [ -n "${KILL_AT:-}" ]; then
  set -o functrace
  trap kill_when_due DEBUG
fi

be_answers() {
  true
}

be_check() {
  [ -x "$IMAGES/$1" ] && return
  complain "there is no image $1"
  return 1
}

be_start() { # COLOUR TAG
  be_stop "$1" && start_process "$1" "$2" serve
}

be_stop() {
  local id until=$((SECONDS + STOP_BOUND))
  id=$(id_of "$1") || return 0
  kill -TERM "$id" || true
  while be_up "$1"; do
    if [ "$SECONDS" -ge "$until" ]; then kill -KILL "$id"; fi
    sleep 0.02
  done
  rm -f "$DAMSO_RUN/$1.process"
}

be_up() {
  id_of "$1" >/dev/null
}

be_database_url() { # COLOUR
  cat "/proc/$(id_of "$1")/fd/7"
}

be_logs() {
  tail -n 20 "$DAMSO_HOME/log/$1.log"
}

be_migrate() {
  "$IMAGES/$1" migrate 9>&-
}

be_manage() { # TAG ARGUMENT…
  "$IMAGES/$1" manage "${@:2}" 9>&-
}

be_gate() { # TAG ARGUMENT…
  exec "$IMAGES/$1" gate "${@:2}"
}

be_scheduler() { # TAG
  be_stop scheduler && rm -f "$DAMSO_HOME/log/scheduler.log" && start_process scheduler "$1" scheduler || return 1
  until grep -qs every "$DAMSO_HOME/log/scheduler.log"; do
    be_up scheduler || return 1
    sleep 0.02
  done
}

be_scheduler_up() {
  be_up scheduler
}

be_nginx() {
  "$NGINX_PROGRAM" "$@" 9>&-
}

be_nginx_start() {
  "$NGINX_PROGRAM" -c "$LIVE/nginx.conf" 9>&- </dev/null
  local until=$((SECONDS + RELOAD_BOUND))
  until [ -n "$(generation_in_force)" ]; do
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.02
  done
  note_started "$(cat "$NGINX_PID")"
}

# It keeps the secret it was started with, open as 7: a container keeps it mounted.
start_process() { # NAME TAG WHAT
  local settings=() secret=${COLOUR_DATABASE_URL_FILE:-$DAMSO_HOME/secrets/database_url}
  [ -e "$secret" ] || secret=/dev/null
  case $1 in blue | green) settings=(COLOUR="$1" BIND="127.0.0.1:$(port_of "$1")" DRAIN_DIR="$DAMSO_RUN") ;; esac
  env "${settings[@]}" "$IMAGES/$2" "$3" >>"$DAMSO_HOME/log/$1.log" 2>&1 9>&- 7<"$secret" </dev/null &
  printf '%s %s\n' $! "$(started_at $!)" >"$DAMSO_RUN/$1.process"
  note_started $!
}

# For whoever cuts the power (host.py) or clears up (reaper.py).
note_started() { # ID
  printf '%s %s\n' "$1" "$(started_at "$1")" >>"$DAMSO_HOME/started"
}

id_of() { # NAME
  local id started
  { read -r id started <"$DAMSO_RUN/$1.process"; } 2>/dev/null || return 1
  [ -n "$started" ] && [ "$(started_at "$id")" = "$started" ] && printf %s "$id"
}

# Field 22 of /proc/PID/stat, in clock ticks since boot; a zombie has ended.
started_at() {
  awk '$3 != "Z" { print $22 }' "/proc/$1/stat" 2>/dev/null
}
