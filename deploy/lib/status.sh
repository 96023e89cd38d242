# shellcheck shell=bash

status() {
  check_set_up && be_answers || return 1
  printf 'upstream.conf  %s\n' "$(generation_in_file)"
  printf 'nginx answers  %s\n' "$(generation_in_force)"
  printf 'phase          %s%s\n' "$(phase)" "$(described_journal)"
  printf 'scheduler      tag=%s up=%s\n' "$(get scheduler tag)" "$(yes_or_no be_scheduler_up)"
  printf 'previous       %s\n' "$(get previous tag)"
  local colour sockets requests
  for colour in blue green; do
    read -r _ sockets requests <<<"$(left_on "$colour")"
    printf '%-14s port=%s tag=%s up=%s ready=%s draining=%s sockets=%s requests=%s\n' "$colour" "$(port_of "$colour")" \
      "$(tag_of "$colour")" "$(yes_or_no be_up "$colour")" "$(yes_or_no is_ready "$colour")" \
      "$(yes_or_no drains "$colour")" "$sockets" "$requests"
  done
}

described_journal() {
  [ "$(phase)" = idle ] || printf ': %s to %s with %s, since %s' "$(get journal from)" "$(get journal to)" "$(get journal tag)" "$(get journal at)"
}

yes_or_no() {
  if "$@"; then printf yes; else printf no; fi
}
