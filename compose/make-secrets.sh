#!/bin/sh
# Makes up the stack's passwords, once, as root, before anything else runs: `root` of the two servers,
# and `tranship`, whose privileges are those of ops/examples. Each file is readable by the user of the
# image that needs it, and by nobody else. What is there already stays as it is.
set -eu
servers=${1:-/servers} workers=${2:-/workers}
mysql_user=999 tranship_user=10001 # of the two images
umask 077

for name in root tranship; do
  if [ ! -s "$servers/$name" ]; then
    od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$servers/.$name"
    mv "$servers/.$name" "$servers/$name"
  fi
done
cp "$servers/tranship" "$workers/tranship"

chmod 400 "$servers/root" "$servers/tranship" "$workers/tranship"
chmod 500 "$servers" "$workers"
chown -R "$mysql_user:$mysql_user" "$servers"
chown -R "$tranship_user:$tranship_user" "$workers"
