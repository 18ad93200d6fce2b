#!/usr/bin/env bash
# Upgrades a production database from cron or a pipeline: the plan is written, shown, and then deployed as it was shown.
#
#   DATABASE_URL=postgresql://deployer@db.example.com/shop deployment/migrate_prod.sh [plan|deploy] [OPTION OF migrate …]
#
# plan     writes PLAN and shows it; the database is only read. Without a word, plan and deploy follow each other.
# deploy   deploys PLAN, and refuses it if the database or a file has changed since.
#
# PLAN (plan.json) is the file of the plan; MIGRATE (migrate) the program, such as .venv/bin/migrate.
# The password comes from the environment (PGPASSWORD, or a URL in DATABASE_URL), and stands on no command line.
# Exit codes: 0 fine, 1 a check or a revision is not safe, 2 usage or an old plan, 3 the database refused, 130 interrupted.
set -euo pipefail

plan_file=${PLAN:-plan.json}
migrate=${MIGRATE:-migrate}
write_plan() {
  umask 077
  # Kept aside until it is complete, so that no half of a plan is deployed.
  "$migrate" plan --format json "$@" >"$plan_file.partial" || { code=$?; rm -f "$plan_file.partial"; return $code; }
  mv "$plan_file.partial" "$plan_file"
  echo "plan written to $plan_file"
}

deploy_plan() {
  "$migrate" deploy --plan "$plan_file" --yes "$@"
}

help() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
}

case "${1:-}" in
  -h | --help) help; exit ;;
esac
: "${DATABASE_URL:?name the database: DATABASE_URL=postgresql://user@host/database}"
case "${1:-}" in
  plan) shift; write_plan "$@" ;;
  deploy) shift; deploy_plan "$@" ;;
  *) write_plan "$@"; deploy_plan "$@" ;;
esac
