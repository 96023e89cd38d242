# shellcheck shell=bash
# Before the first effect: what would make a switch lose something is refused, and the message says what to do.

NGINX_AT_LEAST=1.27.4

# One that can't be counted with would end the run in the middle of a switch.
check_settings() {
  local name
  for name in {BLUE,GREEN,NGINX_LOCAL}_PORT {READY,RELOAD,DRAIN}_BOUND WARM_ROUNDS GATE_{PAIRS,BASELINE,AFTER,P99_MS}; do
    check_setting "$name" '0|[1-9][0-9]{0,5}' "a whole number"
  done
  check_setting GATE 'on|off' "on or off"
}

check_setting() { # NAME PATTERN WHAT
  [[ ${!1} =~ ^($2)$ ]] && return
  complain "$1 is '${!1}': write $3 (in $DAMSO_HOME/env, or in the environment)"
  exit 2
}

check_tag() {
  [[ $1 =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]] && return
  complain "'$1' is no tag of an image"
  exit 2
}

# There is a tree that says who serves.
check_set_up() {
  [ ! -e "$LIVE/upstream.conf" ] || return 0
  complain "$(id -un) finds no $LIVE/upstream.conf: this host is not set up. Begin with docs/deploy.md, \"A server, the first time\"; deploy/bin/configure-nginx writes that file"
  return 1
}

check_all() { # TAG
  check_tree && check_upstream && check_contact && be_answers && check_nginx && be_check "$1"
}

# A switch copies the whole tree, the key of the certificate too, and replaces a file of it.
check_tree() {
  local bad
  bad=$(find "$LIVE" -name '.?*' -prune -o ! -readable -print 2>&1) || true
  [ -w "$LIVE" ] || bad=$LIVE
  [ -n "$bad" ] || return 0
  complain "$(id -un) can't use ${bad%%$'\n'*}: as root, run deploy/bin/configure-nginx, which gives nginx's tree to its owner"
  return 1
}

check_upstream() {
  [[ $(colour_in_file) =~ ^(blue|green)$ ]] && return
  complain "$LIVE/upstream.conf names no colour: write it with deploy/bin/configure-nginx"
  return 1
}

# Without a contact the application refuses to start. Who rolls back is not asked: the version before may not know of it.
check_contact() {
  [ "$MIGRATE" = no ] || [ ! -s "$DAMSO_HOME/secrets/vapid_private_key" ] || [ -n "${IN_FILE[VAPID_CONTACT]:-}" ] && return
  complain "VAPID_CONTACT is not set: write into $DAMSO_HOME/env where push services reach you (mailto:… or https://…), or, to send no Web Push, empty $DAMSO_HOME/secrets/vapid_private_key"
  return 1
}

check_nginx() {
  local version longest
  version=$(be_nginx -v 2>&1 | sed -n 's|.*nginx/\([0-9.]*\).*|\1|p')
  if [ "$(printf '%s\n' "$NGINX_AT_LEAST" "$version" | sort -V | head -n 1)" != "$NGINX_AT_LEAST" ]; then
    complain "nginx ${version:-that does not answer} can't be switched without a loss: below $NGINX_AT_LEAST it has no keepalive_min_timeout, and a reload closes kept connections on which a request is arriving. Install $NGINX_AT_LEAST or newer"
    return 1
  fi
  if ! directive keepalive_min_timeout >/dev/null; then
    complain "$LIVE sets no keepalive_min_timeout: a reload would close kept connections on which a request is arriving"
    return 1
  fi
  longest=$(directive worker_shutdown_timeout)
  if [ -n "$longest" ] && [ "$DRAIN_BOUND" -ge "${longest%s}" ]; then
    complain "DRAIN_BOUND is $DRAIN_BOUND s, and nginx cuts sockets $longest after a reload (worker_shutdown_timeout): make it less"
    return 1
  fi
}

directive() { # NAME → its value in the live tree
  grep -rhsE "^[[:space:]]*$1[[:space:]]" "$LIVE" --include='*.conf' --exclude-dir='.*' | sed -E "s/^[[:space:]]*$1[[:space:]]+([^;]*);.*/\1/" | head -n 1 | grep .
}
