# shellcheck shell=bash
# Who serves: the colour in LIVE/upstream.conf, once nginx answers that file's generation.

CONNECTIONS_IN_A_ROW=20 # old workers of nginx go on accepting for a while after a reload
NEXT=$LIVE/.switch      # inside the tree, which is what nginx's container sees

generation_in_file() {
  sed -n 's/.*default "\([^"]*\)".*/\1/p' "$LIVE/upstream.conf"
}

colour_in_file() {
  local generation
  generation=$(generation_in_file)
  printf %s "${generation%%-*}"
}

# As nginx says itself; as the file says if nginx does not answer.
colour_that_serves() {
  local generation
  generation=$(generation_in_force)
  [ -n "$generation" ] || generation=$(generation_in_file)
  printf %s "${generation%%-*}"
}

# Nothing if nginx does not answer.
generation_in_force() {
  curl -fsS -m 2 "http://127.0.0.1:$NGINX_LOCAL_PORT/__gen" 2>/dev/null || true
}

# Writes the file on a copy of the tree, lets nginx test that, moves it into place and makes nginx read it.
point_at() { # COLOUR [GENERATION]
  step "write upstream.conf for $1 on a copy and test it" write_next "$1" "${2:-$1-$(date +%s%N)}" &&
    step "move upstream.conf into place" move_next &&
    step "reload nginx" reload
}

write_next() { # COLOUR GENERATION
  local generation=$2
  if ! make_next || ! copy_tree; then
    complain "$LIVE can't be copied to $NEXT, see above. What is left of $NEXT may be another user's: as root, remove it"
    return 1
  fi
  sed -i -E "s/server 127\.0\.0\.1:[0-9]+/server 127.0.0.1:$(port_of "$1")/; s/default \"[^\"]*\"/default \"$generation\"/" \
    "$NEXT/upstream.conf"
  if ! grep -q "server 127.0.0.1:$(port_of "$1") " "$NEXT/upstream.conf" || ! grep -q "\"$generation\"" "$NEXT/upstream.conf"; then
    complain "$LIVE/upstream.conf is not as it was shipped: neither its server nor its generation could be set"
    return 1
  fi
  if ! be_nginx -t -q -c "$NEXT/nginx.conf"; then
    complain "nginx refuses the configuration, see above; it is in $NEXT"
    return 1
  fi
}

make_next() {
  rm -rf "$NEXT" && mkdir "$NEXT" && belongs_to_its_directory "$NEXT"
}

copy_tree() {
  find "$LIVE" -mindepth 1 -maxdepth 1 ! -name '.*' -exec cp -a -t "$NEXT" {} +
}

move_next() {
  sync -d "$NEXT/upstream.conf" &&
    mv -f "$NEXT/upstream.conf" "$LIVE/upstream.conf" &&
    sync "$LIVE" &&
    rm -rf "$NEXT"
}

# nginx's own answer is the only proof: `nginx -s reload` ends with 0 also when the master then refuses.
reload() {
  local wanted until=$((SECONDS + RELOAD_BOUND))
  wanted=$(generation_in_file)
  be_nginx -s reload -c "$LIVE/nginx.conf" || return 1
  until everybody_meets "$wanted"; do
    if [ "$SECONDS" -ge "$until" ]; then
      complain "nginx answers $(generation_in_force), not $wanted: it did not take the new configuration (see its error log)"
      return 1
    fi
    sleep 0.05
  done
}

# GENERATION: so many connections in a row, each a new one, are answered by it.
everybody_meets() {
  local answers
  answers=$(curl -fsS -m 5 -H 'Connection: close' "http://127.0.0.1:$NGINX_LOCAL_PORT/__gen?[1-$CONNECTIONS_IN_A_ROW]" 2>/dev/null) || return 1
  [ "$(sort -u <<<"$answers")" = "$1" ] && [ "$(wc -l <<<"$answers")" = "$CONNECTIONS_IN_A_ROW" ]
}

# Through nginx, as members come in: every path answers, and it is this version that does.
smoke() { # TAG
  local answer path urls=()
  for path in $SMOKE_PATHS; do urls+=(-o /dev/null "$SITE$path"); done
  if ! answer=$(ask_site -w '%{http_code} %{url_effective} %{errormsg}\n' "${urls[@]}"); then
    complain "smoke: $(grep -v '^200 ' <<<"$answer" | head -n 1)"
    return 1
  fi
  answer=$(ask_site "$SITE/version" || true)
  if [ "$(field "$answer" version)" != "$1" ]; then
    complain "smoke: $SITE/version answers '$answer', not $1"
    return 1
  fi
}

ask_site() { # ARGUMENT…
  local ca
  ca=$(site_ca)
  curl -fs -m 20 --fail-early --connect-to "::$FRONT_ADDRESS" ${ca:+--cacert "$ca"} "$@"
}

site_ca() {
  local certificate=$LIVE/tls/certificate.pem
  if [ -n "$SITE_CA" ]; then
    printf %s "$SITE_CA"
  elif openssl verify -CAfile "$certificate" "$certificate" >/dev/null 2>&1; then # it signed itself
    printf %s "$certificate"
  fi
}
