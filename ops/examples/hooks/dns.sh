#!/bin/sh
# on-success: point a name at the new server, by a dynamic update (RFC 2136).
#
#   --hook "on-success=/etc/tranship/hooks/dns.sh /etc/tranship/dns.key ns1.example.net orders-db.example.net. new-db.example.net."
#
# KEY is a TSIG key for nsupdate (mode 600). Clients look the name up again after its TTL, here five
# seconds, and only when they connect: the application has to connect anew once it is told that the
# table does not exist. A second run changes nothing.
set -eu
key=$1 server=$2 name=$3 target=$4
nsupdate -k "$key" <<END
server $server
update delete $name CNAME
update add $name 5 CNAME $target
send
END
