#!/bin/sh
# image.sh CODE WHAT …: what the image of the version in the directory CODE does, with bare processes (PYTHON).
set -eu

# Both commands in one process: Django takes longer to start than either of them takes.
MIGRATE="
import django
from django.core.management import call_command
django.setup()
call_command('migrate', '--no-input', verbosity=0)
call_command('ensure_indexes')
"

cd "$1"
what=$2
shift 2
case $what in
  serve) exec "$PYTHON" -m gunicorn -c deploy/gunicorn.conf.py ;;
  migrate) exec "$PYTHON" -c "$MIGRATE" ;;
  manage) exec "$PYTHON" manage.py "$@" ;;
  scheduler) exec "$PYTHON" manage.py run_scheduler ;;
  gate) exec "$PYTHON" -m deploy.gate "$@" ;;
esac
