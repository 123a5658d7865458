# Sourced by the MySQL image's entrypoint when a server starts for the first time: makes Tranship's
# user, with the privileges that production needs and no others. `docker_process_sql` is the image's.
examples=${EXAMPLES:-/examples} secrets=${SECRETS:-/run/secrets}
for side in source target alter; do
  sed "s/BY RANDOM PASSWORD/BY '$(cat "$secrets/tranship")'/" "$examples/least-privileges-$side.sql"
done | docker_process_sql
