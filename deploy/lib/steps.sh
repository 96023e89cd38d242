# shellcheck shell=bash
# What the pipeline's scripts share: --help, --dry-run, and a word before every effect.

# shellcheck source=deploy/lib/help.sh
. "$(dirname "${BASH_SOURCE[0]}")/help.sh"

DRY_RUN=
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() {
  printf '%s\n' "$*"
}

fail() { # EXIT_CODE MESSAGE
  printf '%s: %s\n' "$(basename "$0")" "$2" >&2
  exit "$1"
}

# Shows a command and does it; with --dry-run it only shows. Standard input stays the command's.
run() {
  step "$(printf '%q ' "$@")" "$@"
}

step() { # TITLE COMMAND…
  say "${DRY_RUN:+would }$1"
  [ -n "$DRY_RUN" ] || "${@:2}"
}

needs() { # NAME…: settings that must not be empty
  local name
  for name in "$@"; do
    [ -n "${!name:-}" ] || fail 2 "$name is not set; $(basename "$0") --help says what it is"
  done
}

has_program() { # NAME…
  local name
  for name in "$@"; do
    command -v "$name" >/dev/null || fail 2 "there is no $name on this machine: install it"
  done
}

# The tag of this commit's image: the same on every machine, whatever tags of git it has fetched.
tag_of_commit() {
  git -C "$TOP" rev-parse HEAD | cut -c 1-12
}

# An argument that is no option of this script.
take_tag() { # ARGUMENT
  [[ $1 != -* ]] || fail 2 "there is no $1; see --help"
  [ -z "${TAG:-}" ] || fail 2 "one TAG, not '$TAG' and '$1'; see --help"
  check_tag "$1" && TAG=$1
}

check_tag() {
  [[ $1 =~ ^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$ ]] || fail 2 "'$1' is no tag of an image"
}
