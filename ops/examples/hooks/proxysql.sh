#!/bin/sh
# on-success: have ProxySQL send the moved tables' statements to the server where they are now.
#
#   --hook "on-success=/etc/tranship/hooks/proxysql.sh /etc/tranship/proxysql.cnf 10.0.0.5,10.0.0.6 101
#     orders-old=10 orders-new=20"
#
# LOGIN is a file for MySQL's client with the admin user's name and password (mode 600). Rule 101 of
# mysql_query_rules matches the tables' statements. Last comes the hostgroup of each server, by its name
# in tranship.toml: a roll-back leads to the old one. Every proxy is told; a second run changes nothing.
set -eu
login=$1 proxies=$2 rule=$3
shift 3
hostgroup=
for pair in "$@"; do
  if [ "${pair%%=*}" = "$TRANSHIP_TARGET" ]; then hostgroup=${pair#*=}; fi
done
case $rule,$hostgroup in
*[!0-9,]* | *, | ,*)
  echo "no number for rule '$rule' or for the hostgroup '$hostgroup' of $TRANSHIP_TARGET" >&2
  exit 2
  ;;
esac

admin() {
  mysql --defaults-extra-file="$login" --host="$1" --port=6032 --batch --skip-column-names \
    --execute="$2"
}

for proxy in $(echo "$proxies" | tr , ' '); do
  admin "$proxy" "UPDATE mysql_query_rules SET destination_hostgroup = $hostgroup
    WHERE rule_id = $rule"
  admin "$proxy" "LOAD MYSQL QUERY RULES TO RUNTIME"
  admin "$proxy" "SAVE MYSQL QUERY RULES TO DISK"
  now=$(admin "$proxy" "SELECT destination_hostgroup FROM runtime_mysql_query_rules
    WHERE rule_id = $rule")
  if [ "$now" != "$hostgroup" ]; then
    echo "$proxy: rule $rule leads to hostgroup ${now:-(there is no such rule)}" >&2
    exit 1
  fi
done
