#!/usr/bin/env bash
# Asks Deployer for a deploy and follows it to its end. Runs anywhere with bash, curl, openssl and jq.
#
#   INPUT_URL      where Deployer is, for example https://deploy.example.com
#   INPUT_SECRET   the shared secret
#   INPUT_STACK    the stack to deploy
#   INPUT_WAIT     poll (default): ask over and over; wait: hold one request; none: only start it
#   INPUT_TIMEOUT  seconds to wait for the end, 1500 by default
#   INPUT_HOST     the host, where several have the stack
#   INPUT_EXPECT   the images that must run in the end, a line each: service=sha256:…
#   DEPLOYER_KEY_ID  the id of a scoped key, whose secret INPUT_SECRET then is
#
# Without INPUT_SECRET, in a GitHub workflow with `permissions: id-token: write`, it asks with the workflow's own OpenID Connect token, whose
# audience is INPUT_URL.
#
# Exit codes: 0 deployed (or started, with none), 1 failed or canceled, 2 wrong inputs, 3 refused, 4 unreachable, 5 still going when the time was over.
set -euo pipefail

url=${INPUT_URL:-} secret=${INPUT_SECRET:-} stack=${INPUT_STACK:-} host=${INPUT_HOST:-}
wait=${INPUT_WAIT:-poll} timeout=${INPUT_TIMEOUT:-1500} expect=${INPUT_EXPECT:-}
url=${url%/}
# The programs that are started here have no need of it.
unset INPUT_SECRET
status='' answer='' retry_after='' job=''
headers=$(mktemp)
trap 'rm -f "$headers"' EXIT

fail() { # exit code, message
  local message=$2
  if [ -n "${GITHUB_ACTIONS:-}" ]; then
    message=${message//'%'/%25} message=${message//$'\r'/%0D}
    printf '::error title=Deployer::%s\n' "${message//$'\n'/%0A}"
  else printf 'error: %s\n' "$message" >&2; fi
  exit "$1"
}

# GitHub masks line by line.
mask() { # secret
  local line
  [ -n "${GITHUB_ACTIONS:-}" ] || return 0
  while IFS= read -r line; do [ -z "$line" ] || printf '::add-mask::%s\n' "$line"; done <<<"$1"
}

check_inputs() {
  local program
  for program in curl openssl jq; do command -v "$program" >/dev/null || fail 2 "$program is missing on this machine"; done
  [[ $url =~ ^https?://[^/]+ ]] || fail 2 'url must be the address of Deployer, https://…'
  [ -n "$secret" ] || [ -n "${ACTIONS_ID_TOKEN_REQUEST_URL:-}" ] ||
    fail 2 'secret is empty: is it set in the settings of the repository, and handed to this step? For OpenID Connect, the job needs permissions: id-token: write'
  [[ $stack =~ ^[A-Za-z0-9][A-Za-z0-9_.-]*$ ]] || fail 2 'stack must be the name of a stack: letters, digits, "_", "." and "-"'
  [[ $host =~ ^([A-Za-z0-9][A-Za-z0-9_.-]*)?$ ]] || fail 2 'host must be the name of a host'
  [[ $wait =~ ^(poll|wait|none)$ ]] || fail 2 'wait must be poll, wait or none'
  [[ $timeout =~ ^[1-9][0-9]*$ ]] || fail 2 'timeout must be a number of seconds'
  expected='{}'
  local line
  while IFS= read -r line; do
    line=${line//[[:space:]]/}
    [ -n "$line" ] || continue
    [[ $line =~ ^([A-Za-z0-9_.-]+)=(sha256:[0-9a-f]{64})$ ]] || fail 2 'expect must have lines of service=sha256:…'
    expected=$(jq -c --arg service "${BASH_REMATCH[1]}" --arg digest "${BASH_REMATCH[2]}" '.[$service] = $digest' <<<"$expected")
  done <<<"$expect"
}

# Asks GitHub for a token of this job; they are good for a few minutes, so a long deploy needs several.
token='' token_time=-1000
fresh_token() {
  [ "$((SECONDS - token_time))" -ge 120 ] || return 0
  token=$(printf 'Authorization: Bearer %s\n' "$ACTIONS_ID_TOKEN_REQUEST_TOKEN" | curl -sS --connect-timeout 10 --max-time 30 -H @- \
    "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$(jq -rn --arg url "$url" '$url | @uri')" | jq -r '.value // empty') || true
  [ -n "$token" ] || fail 4 'GitHub gave no OpenID Connect token to this job'
  mask "$token"
  token_time=$SECONDS
}

# The hex HMAC-SHA-256 of standard input under the secret, made of two plain hashes (RFC 2104): openssl takes the key of an HMAC as an
# argument only, which everybody on the machine can see.
hmac() {
  local key inner='' outer='' byte i
  key=$(printf '%s' "$secret" | od -An -v -tx1 | tr -d ' \n')
  [ "${#key}" -le 128 ] || key=$(printf '%s' "$secret" | openssl dgst -sha256 -r | cut -d' ' -f1)
  for ((i = 0; i < 128; i += 2)); do
    byte=$((16#0${key:i:2}))
    printf -v inner '%s\\x%02x' "$inner" "$((byte ^ 0x36))"
    printf -v outer '%s\\x%02x' "$outer" "$((byte ^ 0x5c))"
  done
  inner=$({ printf '%b' "$inner" && cat; } | openssl dgst -sha256 -r | cut -d' ' -f1)
  for ((i = 0; i < 64; i += 2)); do outer+="\\x${inner:i:2}"; done
  printf '%b' "$outer" | openssl dgst -sha256 -r | cut -d' ' -f1
}

# Sends a signed request; sets status (000 without an answer), answer and retry_after.
request() { # method, path with query, body, seconds, idempotency key
  local method=$1 path=$2 body=$3 seconds=$4 timestamp signature reply
  local proof=('Accept: application/json' ${body:+'Content-Type: application/json'} ${5:+"Idempotency-Key: $5"})
  if [ -n "$secret" ]; then
    timestamp=$(date +%s)
    signature=$(printf '%s.%s.%s.%s' "$timestamp" "$method" "$path" "$body" | hmac)
    proof+=("X-Timestamp: $timestamp" "X-Signature: $signature" ${DEPLOYER_KEY_ID:+"X-Key-Id: $DEPLOYER_KEY_ID"})
  else
    fresh_token
    proof+=("Authorization: Bearer $token")
  fi
  : >"$headers"
  reply=$(printf '%s\n' "${proof[@]}" | curl -sS -X "$method" --connect-timeout 10 --max-time "$seconds" -w '\n%{http_code}' -D "$headers" -H @- \
    ${body:+--data-binary "$body"} "$url$path" 2>&1) || true
  status=${reply##*$'\n'} answer=${reply%$'\n'*}
  [[ $status =~ ^[0-9]{3}$ ]] || { answer=$reply status=000; }
  retry_after=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]\{1,4\}\).*/\1/p' "$headers" | tail -n 1)
}

field() { jq -r "$1 // empty" <<<"$answer" 2>/dev/null || true; }

# Waits before the next try, as long as the answer says or else so many seconds. Fails when there is no time for it.
pause() { # seconds
  local seconds=${retry_after:-$1}
  [ "$((SECONDS + seconds))" -lt "$timeout" ] || return 1
  echo "no answer to build on (${status/000/no connection}); trying again in $seconds s" >&2
  sleep "$seconds"
}

# Starts the deploy; tries again, under the same idempotency key, while Deployer cannot be reached or cannot take it.
start() {
  local query='' key body tries=0 seconds=60
  [ -z "$host" ] || query="?host=$host"
  query="${query:+$query&}"
  if [ "$wait" = wait ]; then
    query="${query:-?}wait=true&timeout=$timeout" seconds=$((timeout + 30))
  else query="${query:-?}wait=false"; fi
  # Of this run of the script alone: the legs of a matrix and two steps for one stack share all that GitHub says of them, and each has to deploy.
  key=$(openssl rand -hex 16)
  while :; do
    # Two steps for one stack in the same second would sign the same bytes, and the second one would be a replay.
    body=$(jq -cn --arg stack "$stack" --arg nonce "$(openssl rand -hex 12)" --argjson expect "$expected" \
      '{stack: $stack, nonce: $nonce} + if $expect == {} then {} else {expect: $expect} end')
    request POST "/deploy$query" "$body" "$seconds" "$key"
    case $status in 000 | 502 | 503 | 504 | 429) ;; *) return ;; esac
    tries=$((tries + 1))
    [ "$tries" -lt 6 ] && pause "$((tries < 5 ? tries : 5))" || return 0
  done
}

# Follows the job until it has ended or the time is over; prints each step once, and keeps the job as it was last seen.
follow() { # job id
  local left hold
  while [ "$(jq -r .ok <<<"$job")" = null ]; do
    left=$((timeout - SECONDS))
    [ "$left" -gt 0 ] || return 0
    hold=$((left < 20 ? left : 20))
    request GET "/jobs/$1?wait=true&timeout=$hold" '' "$((hold + 15))"
    if [ "$status" = 200 ] && [ -n "$(field .job_id)" ]; then
      job=$answer
      print_steps
    else
      case $status in 401 | 403 | 404) write_outputs && refused ;; esac
      pause 2 || return 0
    fi
  done
}

seen=0
print_steps() {
  local count
  count=$(jq '.steps | length' <<<"$job")
  jq -r --argjson from "$seen" '.steps[$from:][] | "\(if .ok then "✓" else "✗" end) \(.name)  \(.duration_ms) ms"' <<<"$job"
  # Why it failed. What a program has printed may look like a command to GitHub, so that these are stopped meanwhile.
  local stop
  stop=$(openssl rand -hex 16)
  [ -z "${GITHUB_ACTIONS:-}" ] || printf '::stop-commands::%s\n' "$stop"
  jq -r --argjson from "$seen" '.steps[$from:][] | select(.ok | not) | .tail | rtrimstr("\n") | split("\n")[] | "  | \(.)"' <<<"$job"
  [ -z "${GITHUB_ACTIONS:-}" ] || printf '::%s::\n' "$stop"
  seen=$count
}

# Whether the job was held to what this step expects, or to what somebody who came later expects of the same service.
check_expected() {
  local missing
  missing=$(jq -r --argjson sent "$expected" '(.expect // {}) as $held | [$sent | keys[] | select($held[.] == null)] | join(", ")' <<<"$job")
  [ -z "$missing" ] || fail 1 "$stack: the job did not expect a digest of $missing: is Deployer older than this action?"
  jq -r --argjson sent "$expected" '.expect // {} | to_entries[] | select($sent[.key] != null and $sent[.key] != .value) |
    "\(.key): a later request expects \(.value)"' <<<"$job"
}

refused() { fail 3 "$status $(field .code): $(field .detail)"; }

write_outputs() {
  [ -n "${GITHUB_OUTPUT:-}" ] || return 0
  jq -r '"job-id=\(.job_id // "")\nstate=\(.state // "")\nok=\(.ok)\njob=\(tojson)"' <<<"$job" >>"$GITHUB_OUTPUT"
}

write_summary() {
  [ -n "${GITHUB_STEP_SUMMARY:-}" ] || return 0
  jq -r '
    def result: if .ok == true then "✅ deployed" elif .ok == null then "⏳ \(.state)" elif .rolled_back then "↩️ failed, rolled back" else "❌ \(.state)" end;
    "### \(.stack) on \(.host): \(result)\n",
    (if .message then "\(.message)\n" else empty end),
    "| step | | time |\n| --- | --- | ---: |",
    (.steps[] | "| \(.name) | \(if .ok then "✅" else "❌" end) | \(.duration_ms) ms |"),
    (if (.changes | length) > 0 then "\n| service | image | why | from | to |\n| --- | --- | --- | --- | --- |" else empty end),
    (.changes[] | "| \(.service) | `\(.image)` | \(.why // "-") | `\((.from_digest // .from // "new")[0:19])` | `\((.to_digest // .to // "removed")[0:19])` |"),
    (.steps[] | select(.ok | not) | "\n<details><summary>\(.name)</summary>\n\n```\n\(.tail | gsub("```"; "ʼʼʼ"))\n```\n</details>")
  ' <<<"$job" >>"$GITHUB_STEP_SUMMARY"
}

main() {
  check_inputs
  [ -z "$secret" ] || mask "$secret"
  start
  local id
  id=$(field .job_id)
  if [ -z "$id" ]; then
    case $status in
      000) fail 4 "Deployer cannot be reached at $url: $answer" ;;
      400) fail 2 "$status $(field .code): $(field .detail)" ;;
      401 | 403 | 404 | 409 | 413 | 414 | 422) refused ;;
      *) [ -z "$(field .code)" ] || fail 4 "$status $(field .code): $(field .detail)" ;;
    esac
    fail 4 "$url does not answer like Deployer (status $status)"
  fi
  job=$answer
  echo "job $id on $(field .host)"
  if [ "$wait" = poll ]; then follow "$id"; elif [ "$wait" = wait ]; then print_steps; fi
  write_outputs
  write_summary
  answer=$job
  case $(jq -r .ok <<<"$job") in
    true)
      check_expected
      echo "$stack is deployed"
      ;;
    false)
      case $(field .code) in
        step_failed | rollback_failed | canceled) fail 1 "$stack: $(field .message)" ;;
        *) fail 3 "$stack: $(field .code): $(field .message)" ;;
      esac
      ;;
    *)
      [ "$wait" = none ] || fail 5 "$stack is still being deployed; it goes on: job $id"
      check_expected
      ;;
  esac
}

main
