# shellcheck shell=bash
# What a deploy is told: by its environment, else by the host's DAMSO_HOME/env, else as it stands here. Times in seconds.

DAMSO_HOME=${DAMSO_HOME:-/srv/damso}
DAMSO_RUN=${DAMSO_RUN:-/run/damso} # in memory: flags, and what processes say of themselves
LIVE=$DAMSO_HOME/nginx
STATE=$DAMSO_HOME/state
DEPLOY=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
DRY_RUN=

read_settings() {
  read_file
  setting BLUE_PORT 8001
  setting GREEN_PORT 8002
  setting NGINX_LOCAL_PORT 8080
  setting HTTPS_PORT 443
  setting ALLOWED_HOSTS localhost

  setting READY_BOUND 120  # from the start of a colour to its first "ready"
  setting RELOAD_BOUND 15  # until every new connection meets nginx's new generation
  setting DRAIN_BOUND 50   # below nginx's worker_shutdown_timeout, which cuts who is left
  setting STOP_BOUND 40    # above gunicorn's graceful timeout

  setting SMOKE_PATHS "/healthz/live /version /api/v1/catalogue"
  setting WARM_ROUNDS 8 # requests of each smoke path to the colour itself before anybody else meets it

  setting GATE on # off: no synthetic pairs, the smoke alone decides
  setting GATE_PAIRS 15
  setting GATE_BASELINE 10
  setting GATE_AFTER 5
  setting GATE_P99_MS 500
  setting SITE_CA "" # a file; by default a certificate that signed itself, else the system's authorities

  local host=${ALLOWED_HOSTS%%,*} port=${HTTPS_PORT##*:}
  setting SITE "https://$host$([ "$port" = 443 ] || printf ':%s' "$port")"
  setting FRONT_ADDRESS "127.0.0.1:$port"
}

make_directories() {
  mkdir -p "$STATE/releases" "$DAMSO_HOME/log" "$DAMSO_RUN" &&
    belongs_to_its_directory "$STATE/releases"
}

declare -A IN_FILE=()

setting() { # NAME DEFAULT
  [ -n "${!1+x}" ] || printf -v "$1" %s "${IN_FILE[$1]:-$2}"
}

read_file() {
  local name value
  [ -f "$DAMSO_HOME/env" ] || return 0
  while IFS='=' read -r name value; do
    case $name in '' | \#*) ;; *) IN_FILE[$name]=$value ;; esac
  done <"$DAMSO_HOME/env"
}
