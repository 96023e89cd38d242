# shellcheck shell=bash
# Every step is told twice: in words on standard output, and as ECS JSON, a line each, in DAMSO_HOME/log/deploy.json.
# Telling fails no deploy: neither a full disk nor a log of another user's.

STEPS=0
LOG=$DAMSO_HOME/log/deploy.json
LOG_LOST=

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
  printf '%(%H:%M:%S)T.%s %s\n' "$now" "$ms" "$2" || true
  [ -n "$DRY_RUN" ] || log "$now" "$ms" "$@" || lose_log
}

log() { # SECONDS MILLISECONDS LEVEL MESSAGE [ACTION]
  { TZ=UTC printf '{"@timestamp":"%(%Y-%m-%dT%H:%M:%S)T.%sZ","log.level":"%s","message":%s,"ecs.version":"8.11.0","service.name":"damso-deploy","event.dataset":"damso.deploy","event.action":%s,"process.pid":%d,"labels":{"tag":%s,"from":%s,"to":%s}}\n' \
    "$1" "$2" "$3" "$(json "$4")" "$(json "${5:-}")" $$ \
    "$(json "${TAG:-}")" "$(json "${FROM:-}")" "$(json "${TO:-}")" >>"$LOG"; } 2>/dev/null &&
    belongs_to_its_directory "$LOG"
}

lose_log() {
  [ -z "$LOG_LOST" ] && [ -d "$(dirname "$LOG")" ] || return 0 # before the first effect there may be none
  LOG_LOST=yes
  echo "warning: $LOG can not be written, going on without it. Is it another user's? As root, chown --reference=$(dirname "$LOG") $LOG" || true
}

json() {
  local text=${1//\\/\\\\}
  text=${text//\"/\\\"}
  printf '"%s"' "${text//[[:cntrl:]]/ }"
}
