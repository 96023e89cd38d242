# shellcheck shell=bash
# What a script says of itself is its header.

show_help() {
  sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"
}

refuse_arguments() {
  show_help >&2
  exit 2
}
