# shellcheck shell=bash
# The colours as containers (deploy/compose/compose.yaml), which find their tags in DAMSO_HOME/state. Everything that a
# deploy does to processes is here; tests/deploy/backend-processes.sh is the same for bare ones.

PROJECT=${COMPOSE_PROJECT_NAME:-damso}
MIGRATES_WITHIN=1800 # seconds a migration of an earlier run, which was killed, may take to its end
SCHEDULER_STARTS_WITHIN=60

compose() {
  "$DEPLOY/bin/compose" "$@" 9>&-
}

# The engine and its Compose.
be_answers() {
  local why
  why=$({ docker version && compose version; } 2>&1 >/dev/null 9>&-) && return
  complain "the containers can't be looked at: ${why##*$'\n'}"
  return 1
}

# The image is here, or can be fetched, and so are the secrets that its containers are given.
be_check() { # TAG
  be_check_secrets || return 1
  setting IMAGE damso
  docker image inspect "$IMAGE:$1" >/dev/null 2>&1 9>&- || step "fetch $IMAGE:$1" docker pull -q "$IMAGE:$1" 9>&- && return
  complain "there is no image $IMAGE:$1, neither here nor in its registry"
  return 1
}

be_check_secrets() {
  local name
  while read -r name; do
    [ ! -e "$DAMSO_HOME/secrets/$name" ] || continue
    complain "$DAMSO_HOME/secrets/$name is missing: as root, run deploy/bin/make-secrets, which makes it or says what to write there"
    return 1
  done < <(secrets_of_application)
}

# As compose.yaml lists them; some may be newer than this host.
secrets_of_application() { # → names, one a line
  sed -n '/^x-app:/,/^  tmpfs:/ s/^    - //p' "$DEPLOY/compose/compose.yaml"
}

be_start() { # COLOUR TAG, which is in STATE/COLOUR
  compose up -d --no-deps --force-recreate "$1"
}

be_stop() { # COLOUR
  compose stop "$1"
}

be_up() { # COLOUR
  [ -n "$(container "$1")" ]
}

container() { # SERVICE → the id of its running container
  docker ps -q --no-trunc --filter "label=com.docker.compose.project=$PROJECT" --filter "label=com.docker.compose.service=$1" \
    --filter label=com.docker.compose.oneoff=False --filter status=running 9>&-
}

# As it was when the colour started, whatever the host's file says by now.
be_database_url() { # COLOUR
  docker exec "$(container "$1")" cat /run/secrets/database_url 9>&-
}

be_logs() { # COLOUR
  compose logs --no-log-prefix --tail 20 "$1"
}

# Two at once would meet in the middle of a table: one that a killed run has left goes on to its end first.
be_migrate() { # TAG
  local name=$PROJECT-migrate
  timeout "$MIGRATES_WITHIN" docker wait "$name" >/dev/null 2>&1 9>&- || true
  docker rm "$name" >/dev/null 2>&1 9>&- || true
  TAG=$1 compose run --rm --no-deps -T --name "$name" manage migrate --no-input </dev/null &&
    TAG=$1 compose run --rm --no-deps -T --name "$name" manage ensure_indexes </dev/null
}

be_manage() { # TAG ARGUMENT…
  TAG=$1 compose run --rm --no-deps -T manage "${@:2}" </dev/null
}

# With the standard input and output of the caller.
be_gate() { # TAG ARGUMENT…
  TAG=$1 compose run --rm --no-deps -T --entrypoint python -v "$LIVE/tls/certificate.pem:$LIVE/tls/certificate.pem:ro" \
    manage -m deploy.gate "${@:2}"
}

be_scheduler() { # TAG
  local until=$((SECONDS + SCHEDULER_STARTS_WITHIN))
  setting IMAGE damso
  IMAGE_SCHEDULER=$IMAGE:$1 compose up -d --no-deps --force-recreate scheduler || return 1
  until compose logs --no-log-prefix scheduler 2>/dev/null | grep -q 'every'; do
    if ! be_scheduler_up || [ "$SECONDS" -ge "$until" ]; then
      complain "the scheduler does not run with $1; its last words:"
      be_logs scheduler
      return 1
    fi
    sleep 0.5
  done
}

be_scheduler_up() {
  be_up scheduler
}

be_nginx() {
  compose exec -T nginx nginx "$@" </dev/null
}

be_nginx_start() {
  local until=$((SECONDS + RELOAD_BOUND))
  compose up -d --no-deps nginx || return 1
  until [ -n "$(generation_in_force)" ]; do
    [ "$SECONDS" -lt "$until" ] || return 1
    sleep 0.2
  done
}
