#!/bin/bash
# Of the official entrypoint what compose.yaml uses: a new data directory gets root's password, a database and a user.
set -euo pipefail

DATA=/var/lib/mysql
TEMPORARY=$DATA/first-start.sock

main() {
  [ "$1" = mysqld ] || exec "$@"
  shift
  if [ ! -d $DATA/mysql ]; then first_start; fi
  exec mariadbd --datadir=$DATA "$@"
}

first_start() {
  mariadb-install-db --datadir=$DATA --skip-test-db --auth-root-authentication-method=normal >/dev/null
  mariadbd --datadir=$DATA --skip-networking --socket=$TEMPORARY &
  local server=$!
  until mariadb-admin --socket=$TEMPORARY -uroot ping >/dev/null 2>&1; do sleep 0.2; done
  mariadb --socket=$TEMPORARY -uroot <<SQL
CREATE DATABASE \`$MYSQL_DATABASE\` CHARACTER SET utf8mb4;
CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$(<"$MYSQL_PASSWORD_FILE")';
GRANT ALL ON \`$MYSQL_DATABASE\`.* TO '$MYSQL_USER'@'%';
CREATE USER 'root'@'%' IDENTIFIED BY '$(<"$MYSQL_ROOT_PASSWORD_FILE")';
GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;
ALTER USER 'root'@'localhost' IDENTIFIED BY '$(<"$MYSQL_ROOT_PASSWORD_FILE")';
SQL
  kill $server
  wait $server
}

main "$@"
