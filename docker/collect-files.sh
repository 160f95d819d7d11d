#!/bin/sh
# Copies the programs that the image needs, with the libraries that each of them loads, into an empty root, and lists what that makes.
set -eu
root=$1
programs="/usr/local/bin/node /usr/bin/redis-server /usr/bin/flock /usr/bin/setpriv /usr/bin/tini
/usr/libexec/docker/cli-plugins/docker-compose"

mkdir -p "$root/tmp" "$root/data" "$root/root" "$root/etc/ssl/certs"
chmod 1777 "$root/tmp"
# Without its symbols, which only a native debugger reads, Node is a fifth smaller.
strip /usr/local/bin/node
for program in $programs; do
  echo "$program"
  # A static program has no libraries, and ldd says so with an error.
  { ldd "$program" || true; } | grep -o '/[^ )]*' | grep -vx "$program:" || true
done | sort -u > /tmp/copied
while read -r file; do cp -L --parents "$file" "$root"; done < /tmp/copied
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
cp /etc/nsswitch.conf "$root/etc/" 2>/dev/null || echo 'hosts: files dns' > "$root/etc/nsswitch.conf"
echo 'root:x:0:0:root:/root:/sbin/nologin' > "$root/etc/passwd"
echo 'deployer:x:65532:65532::/nonexistent:/sbin/nologin' >> "$root/etc/passwd"
printf 'root:x:0:\ndeployer:x:65532:\n' > "$root/etc/group"
cp -a /app "$root/app"
# shellcheck disable=SC2046 # one argument for each file
node /tmp/docker/make-sbom.mjs /app $(cat /tmp/copied) > "$root/app/sbom.cdx.json"
ln -s /app/launcher/deployer.ts "$root/usr/local/bin/deployer"
