#!/bin/sh
# on-success: point a name at the server where the tables are now, by a dynamic update (RFC 2136).
#
#   --hook "on-success=/etc/tranship/hooks/dns.sh /etc/tranship/dns.key ns1.example.net db.example.net.
#     orders-old=old-db.example.net. orders-new=new-db.example.net."
#
# KEY is a TSIG key for nsupdate (mode 600). Last comes the host of each server, by its name in
# tranship.toml: a roll-back leads to the old one. Clients look the name up again after its TTL, here five
# seconds, and only when they connect: the application has to connect anew once it is told that the
# table does not exist. A second run changes nothing.
set -eu
key=$1 server=$2 name=$3
shift 3
target=
for pair in "$@"; do
  if [ "${pair%%=*}" = "$TRANSHIP_TARGET" ]; then target=${pair#*=}; fi
done
if [ -z "$target" ]; then
  echo "no host is given for $TRANSHIP_TARGET" >&2
  exit 2
fi
nsupdate -k "$key" <<END
server $server
update delete $name CNAME
update add $name 5 CNAME $target
send
END
