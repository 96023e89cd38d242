# shellcheck shell=bash
# Every step is told twice: in words on standard output, and as ECS JSON, a line each, in DAMSO_HOME/log/deploy.json.

STEPS=0

say() {
  tell info "$1"
}

complain() {
  tell error "$1"
}

# TITLE COMMAND…: tells the title, then does it. With --dry-run it only tells.
step() {
  local title=$1
  shift
  STEPS=$((STEPS + 1))
  if [ -n "$DRY_RUN" ]; then
    printf 'would %s\n' "$title"
  else
    tell info "step $STEPS: $title" "$title"
    "$@"
  fi
}

tell() { # LEVEL MESSAGE [ACTION]
  local now ms
  now=$EPOCHREALTIME # seconds.microseconds; the locale chooses the mark
  ms=${now: -6:3} now=${now%[.,]*}
  printf '%(%H:%M:%S)T.%s %s\n' "$now" "$ms" "$2"
  TZ=UTC printf '{"@timestamp":"%(%Y-%m-%dT%H:%M:%S)T.%sZ","log.level":"%s","message":%s,"ecs.version":"8.11.0","service.name":"damso-deploy","event.dataset":"damso.deploy","event.action":%s,"process.pid":%d,"labels":{"tag":%s,"from":%s,"to":%s}}\n' \
    "$now" "$ms" "$1" "$(json "$2")" "$(json "${3:-}")" $$ \
    "$(json "${TAG:-}")" "$(json "${FROM:-}")" "$(json "${TO:-}")" >>"$DAMSO_HOME/log/deploy.json"
}

json() {
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  printf '"%s"' "${text//[[:cntrl:]]/ }"
}
