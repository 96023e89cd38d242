# shellcheck shell=bash
# By facts: which colours are up, which is ready, what the file says, what nginx answers. At the end the file, nginx and
# a ready colour agree, the other colour is down, and the scheduler is of the version that serves.

# Before a deploy, which goes on also if nobody can be made to serve: the version it brings may be the cure.
recover_if_needed() {
  if [ -n "$DRY_RUN" ] || was_never_deployed || is_in_order; then return; fi
  recover || complain "not all could be put in order; going on"
}

is_in_order() {
  local serving
  serving=$(colour_in_file)
  [ "$(phase)" = idle ] && [ "$(generation_in_force)" = "$(generation_in_file)" ] && is_ready "$serving" &&
    ! be_up "$(other "$serving")"
}

was_never_deployed() {
  [ -z "$(tag_of blue)$(tag_of green)" ]
}

recover() {
  if was_never_deployed; then
    say "nothing was ever deployed here"
    return
  fi
  say "found: phase $(phase), upstream.conf says $(generation_in_file), nginx answers $(generation_in_force)"
  take_journal
  [ ! -e "$NEXT" ] || step "remove what a killed run left: $NEXT" rm -rf "$NEXT" || true
  local serving
  serving=$(colour_in_file)
  if ! serves "$serving"; then
    complain "$serving does not serve"
    serving=$(other "$serving")
    serves "$serving" || serving=$(other "$serving")
    start_if_down "$serving" || return 1
  fi
  agree_on "$serving" || return 1
  if ! step "smoke through nginx" smoke "$(tag_of "$serving")" && serves "$(other "$serving")"; then
    serving=$(other "$serving")
    complain "$(other "$serving") fails its smoke, $serving is there: back to it"
    agree_on "$serving" || return 1
  fi
  step "write down who serves: $serving" settle_journal "$serving" &&
    settle_scheduler "$serving" &&
    retire "$(other "$serving")" &&
    step "write down that all is in order" journal idle || return 1
  [ -n "$DRY_RUN" ] || say "$serving serves $(tag_of "$serving")"
}

take_journal() {
  FROM=$(get journal from)
  TO=$(get journal to)
  TAG=$(get journal tag)
  PREVIOUS=$(get journal previous)
}

# It was started and is, or becomes, ready.
serves() { # COLOUR
  be_up "$1" || return 1
  if drains "$1"; then
    step "let $1 take members again" lower_flag "$1"
    [ -z "$DRY_RUN" ] || return 0
  fi
  wait_ready "$1"
}

# What is up and not ready waits for its stores: starting it again would only cut its sockets.
start_if_down() { # COLOUR
  ! serves "$1" || return 0
  if be_up "$1"; then
    complain "$1 is up and not ready: ask http://127.0.0.1:$(port_of "$1")/healthz/ready why. Nothing was changed"
    return 1
  fi
  step "start $1 with $(tag_of "$1")" start_colour "$1" "$(tag_of "$1")"
}

# COLOUR: the file names it, and nginx has read the file.
agree_on() {
  if [ -z "$(generation_in_force)" ]; then step "start nginx" be_nginx_start || return 1; fi
  if [ "$(colour_in_file)" != "$1" ]; then
    point_at "$1"
  elif [ "$(generation_in_force)" != "$(generation_in_file)" ]; then
    step "reload nginx" reload
  fi
}

# If the killed run had switched, what served before is what a rollback goes to.
settle_journal() { # COLOUR
  if [ "$(phase)" != idle ] && [ "$1" = "$TO" ] && [ -n "$PREVIOUS" ]; then
    put previous "tag=$PREVIOUS" || return 1
  fi
}

# One that was started before the database's URL changed writes where nobody reads (move-database).
settle_scheduler() { # COLOUR
  if be_scheduler_up && [ "$(get scheduler tag)" = "$(tag_of "$1")" ] && ! is_older_than_secret scheduler; then return; fi
  step "move the scheduler to $(tag_of "$1")" move_scheduler "$(tag_of "$1")"
}

is_older_than_secret() { # NAME in STATE
  [ -e "$DAMSO_HOME/secrets/database_url" ] && [ ! "$STATE/$1" -nt "$DAMSO_HOME/secrets/database_url" ]
}

retire() { # COLOUR
  if be_up "$1"; then
    step "drain $1" drain "$1" && step "stop $1" stop_colour "$1"
  elif drains "$1"; then
    step "forget that $1, which is down, was to drain" lower_flag "$1"
  fi
}
