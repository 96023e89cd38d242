# shellcheck shell=bash
# How scripts on the host reach MySQL (mariadb-client) and the message log (manage.py), with the secrets of DAMSO_HOME.
# Passwords go through files that only we may read, never through arguments, which everybody on a host can see.

# shellcheck source=deploy/lib/help.sh
. "$(dirname "${BASH_SOURCE[0]}")/help.sh"

DAMSO_HOME=${DAMSO_HOME:-/srv/damso}

setting() { # NAME DEFAULT: from the environment, else from the host's env, else the default
  local value=
  [ ! -f "$DAMSO_HOME/env" ] || value=$(sed -n "s/^$1=//p" "$DAMSO_HOME/env" | tail -n 1)
  printf %s "${!1:-${value:-$2}}"
}

# A secret in a file of its own, as the containers get it; DATABASE_URL in the environment wins.
DATABASE_URL_FILE=${DATABASE_URL_FILE:-$DAMSO_HOME/secrets/database_url}
DATABASE_CA_FILE=${DATABASE_CA_FILE:-$DAMSO_HOME/secrets/database_ca}
# manage.py of the version that serves; `manage_with DIRECTORY command…` lets it see a directory of the host.
MANAGE=${MANAGE:-}

# Turns a URL into an options file for mariadb, mariadb-dump: options_file FILE URL [CA]. Prints the database's name.
options_file() {
  (umask 077 && : >"$1")
  python3 - "$1" "${3:-}" 3<<<"$2" <<'PYTHON'
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

url = urlsplit(open(3).read().strip())
if url.scheme not in ("mysql", "mariadb") or not url.hostname or not url.path.strip("/"):
    sys.exit("The database's URL is not understood: write mysql://USER:PASSWORD@HOST:3306/DATABASE.")


def quoted(value):
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


lines = [
    "[client]",
    "protocol=tcp",
    f"host={quoted(url.hostname)}",
    f"port={url.port or 3306}",
    f"user={quoted(unquote(url.username or 'root'))}",
    f"password={quoted(unquote(url.password or ''))}",
    "default-character-set=utf8mb4",
]
if sys.argv[2]:
    lines += [f"ssl-ca={quoted(sys.argv[2])}", "ssl-verify-server-cert"]
lines += ["[mariadb]", "connect-timeout=10"]
Path(sys.argv[1]).write_text("\n".join(lines) + "\n")
print(unquote(url.path.strip("/")))
PYTHON
}

has_client() {
  command -v mariadb-dump >/dev/null || fail "mariadb-dump is missing: install mariadb-client."
}

database_url() {
  if [ -n "${DATABASE_URL:-}" ]; then
    printf '%s\n' "$DATABASE_URL"
  elif [ -r "$DATABASE_URL_FILE" ]; then
    cat "$DATABASE_URL_FILE"
  else
    fail "$DATABASE_URL_FILE can not be read, and DATABASE_URL is not set: which MySQL?"
  fi
}

# The certificate authority of the server, if there is one: then it is TLS, and the server's name is checked.
database_ca() {
  if [ -s "$DATABASE_CA_FILE" ]; then printf '%s\n' "$DATABASE_CA_FILE"; fi
}

# manage_with DIRECTORY COMMAND…: manage.py, which finds that directory of the host at the same place.
manage_with() {
  local directory=$1
  shift
  if [ -n "$MANAGE" ]; then
    $MANAGE "$@"
  else
    "$HERE/bin/compose" run --rm -T --no-deps --volume "$directory:$directory" manage "$@"
  fi
}

say() {
  printf '%s\n' "$*" >&2
}

fail() {
  say "$*"
  exit 1
}
