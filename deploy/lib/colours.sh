# shellcheck shell=bash
# Blue and green: asked at their own ports, drained by their flag (docs/operations.md, "Draining").

port_of() {
  if [ "$1" = blue ]; then printf %s "$BLUE_PORT"; else printf %s "$GREEN_PORT"; fi
}

other() {
  if [ "$1" = blue ]; then printf green; else printf blue; fi
}

tag_of() {
  get "$1" tag
}

# COLOUR PATH…: as nginx would ask, on a new connection each.
ask_colour() {
  local colour=$1 path urls=()
  shift
  for path in "$@"; do urls+=("http://127.0.0.1:$(port_of "$colour")$path"); done
  curl -fs -m 10 --fail-early -H 'Connection: close' -H "Host: ${SITE#*://}" -H "X-Forwarded-Proto: ${SITE%%://*}" "${urls[@]}"
}

is_ready() {
  ask_colour "$1" /healthz/ready >/dev/null
}

# The process at that port is of this colour and of this version.
answers_as() { # COLOUR TAG
  local answer
  answer=$(ask_colour "$1" /version) || return 1
  [ "$(field "$answer" colour)" = "$1" ] && [ "$(field "$answer" version)" = "$2" ]
}

field() { # JSON NAME → its string value
  sed -n "s/.*\"$2\": *\"\([^\"]*\)\".*/\1/p" <<<"$1"
}

wait_ready() { # COLOUR
  local until=$((SECONDS + READY_BOUND))
  until is_ready "$1"; do
    be_up "$1" || return 1
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.1
  done
}

start_colour() { # COLOUR TAG
  lower_flag "$1"
  rm -f "$DAMSO_RUN/$1".w.*
  put "$1" "tag=$2" || return 1
  if ! be_start "$1" "$2" || ! wait_ready "$1"; then
    complain "$1 did not become ready with $2 within $READY_BOUND s; its last words:"
    be_logs "$1"
    return 1
  fi
  if ! answers_as "$1" "$2"; then
    complain "who answers at port $(port_of "$1") is not $1 with $2: $(ask_colour "$1" /version)"
    return 1
  fi
}

# Every worker opens its connections and reads its files before a member waits for that.
warm() { # COLOUR
  local round paths=()
  for ((round = 0; round < WARM_ROUNDS; round++)); do
    # shellcheck disable=SC2206 # a list of words
    paths+=($SMOKE_PATHS)
  done
  if ! ask_colour "$1" "${paths[@]}" >/dev/null; then
    complain "$1 does not answer all of $SMOKE_PATHS"
    return 1
  fi
}

drains() { # COLOUR
  [ -e "$DAMSO_RUN/$1.drain" ]
}

raise_flag() {
  touch "$DAMSO_RUN/$1.drain"
}

lower_flag() {
  rm -f "$DAMSO_RUN/$1.drain"
}

# Until no socket and no request is left, or the bound is reached: then the stop sends away who stayed. Or until the gate
# has seen a loss, which it is for it to judge.
wait_drained() { # COLOUR
  local until=$((SECONDS + DRAIN_BOUND)) left
  while be_up "$1"; do
    left=$(left_on "$1")
    [ "$left" != "0 0 0" ] || break
    if [ "$SECONDS" -ge "$until" ]; then
      say "after $DRAIN_BOUND s these are left on $1 (processes that don't drain, sockets, requests): $left"
      break
    fi
    ! gate_is_bad || break
    sleep 0.2
  done
}

# COLOUR → how many processes do not drain yet, and the sockets and requests of all. One that says nothing is gone.
left_on() {
  python3 -S -E "$DEPLOY/lib/left_on.py" "$DAMSO_RUN" "$1"
}

stop_colour() { # COLOUR
  be_stop "$1" || return 1
  lower_flag "$1"
}
