#!/bin/sh
# Starts everything once for each user that the image runs as, so that V8 finds its compiled code at the first start.
# Node keeps one folder of it for each user, and writes it when a process ends by itself.
set -eu
mkdir -p "$NODE_COMPILE_CACHE" /tmp/warm/stacks
chmod 1777 "$NODE_COMPILE_CACHE"
for user in 0 65532; do
  export DEPLOY_SECRET=only-for-this-step STACKS_ROOT=/tmp/warm/stacks DATA_DIR=/tmp/warm/$user PORT=18080 LOG_LEVEL=silent TMPDIR=/tmp/warm/$user
  mkdir -p "$DATA_DIR"
  chown "$user" "$DATA_DIR"
  setpriv --reuid "$user" --clear-groups node launcher/deployer.ts --help > /dev/null
  setpriv --reuid "$user" --clear-groups node --max-semi-space-size=4 --heap-growing-percent=80 launcher/main.ts all &
  pid=$!
  tries=0
  until node -e "fetch('http://127.0.0.1:18080/health').then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))"; do
    tries=$((tries + 1))
    [ "$tries" -lt 50 ] || exit 1
    sleep 0.2
  done
  node -e "fetch('http://127.0.0.1:18080/deploy/x', { method: 'POST' })"
  kill "$pid"
  wait "$pid"
done
rm -rf /tmp/warm
