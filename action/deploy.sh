#!/usr/bin/env bash
# Asks Deployer for a deploy and follows it to its end. Runs anywhere with bash, curl, openssl and jq.
#
#   INPUT_URL      where Deployer is, for example https://deploy.example.com
#   INPUT_SECRET   the shared secret
#   INPUT_STACK    the stack to deploy
#   INPUT_WAIT     poll (default): ask over and over; wait: hold one request; none: only start it
#   INPUT_TIMEOUT  seconds to wait for the end, 1500 by default
#   INPUT_HOST     the host, where several have the stack
#   DEPLOYER_KEY_ID  the id of a scoped key, whose secret INPUT_SECRET then is
#
# Without INPUT_SECRET, in a GitHub workflow with `permissions: id-token: write`, it asks with the workflow's own OpenID Connect token, whose
# audience is INPUT_URL.
#
# Exit codes: 0 deployed (or started, with none), 1 failed or canceled, 2 wrong inputs, 3 refused, 4 unreachable, 5 still going when the time was over.
set -euo pipefail

url=${INPUT_URL:-} secret=${INPUT_SECRET:-} stack=${INPUT_STACK:-} host=${INPUT_HOST:-}
wait=${INPUT_WAIT:-poll} timeout=${INPUT_TIMEOUT:-1500}
url=${url%/}
status='' answer=''

fail() { # exit code, message
  if [ -n "${GITHUB_ACTIONS:-}" ]; then printf '::error title=Deployer::%s\n' "$2"; else printf 'error: %s\n' "$2" >&2; fi
  exit "$1"
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
}

# Asks GitHub for a token of this job; they are good for a few minutes, so a long deploy needs several.
token='' token_time=-1000
fresh_token() {
  [ "$((SECONDS - token_time))" -ge 120 ] || return 0
  token=$(curl -sS --max-time 30 -H "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" \
    "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$(jq -rn --arg url "$url" '$url | @uri')" | jq -r '.value // empty') || true
  [ -n "$token" ] || fail 4 'GitHub gave no OpenID Connect token to this job'
  [ -z "${GITHUB_ACTIONS:-}" ] || printf '::add-mask::%s\n' "$token"
  token_time=$SECONDS
}

# Sends a signed request; sets status (000 without an answer) and answer.
request() { # method, path with query, body, seconds, more curl arguments
  local method=$1 path=$2 body=$3 seconds=$4 timestamp signature reply
  shift 4
  local proof=()
  if [ -n "$secret" ]; then
    timestamp=$(date +%s)
    signature=$(printf '%s.%s.%s.%s' "$timestamp" "$method" "$path" "$body" | openssl dgst -sha256 -hmac "$secret" -r | cut -d' ' -f1)
    proof=(-H "X-Timestamp: $timestamp" -H "X-Signature: $signature" ${DEPLOYER_KEY_ID:+-H "X-Key-Id: $DEPLOYER_KEY_ID"})
  else
    fresh_token
    proof=(-H "Authorization: Bearer $token")
  fi
  reply=$(curl -sS -X "$method" --max-time "$seconds" -w '\n%{http_code}' "${proof[@]}" \
    -H 'Accept: application/json' ${body:+-H 'Content-Type: application/json' --data-binary "$body"} "$@" "$url$path" 2>&1) || true
  status=${reply##*$'\n'} answer=${reply%$'\n'*}
  [[ $status =~ ^[0-9]{3}$ ]] || { answer=$reply status=000; }
}

field() { jq -r "$1 // empty" <<<"$answer" 2>/dev/null || true; }

# Starts the deploy; tries again, under the same idempotency key, while Deployer cannot be reached or cannot take it.
start() {
  local query='' key body tries=0
  [ -z "$host" ] || query="?host=$host"
  [ "$wait" != wait ] || query="${query:+$query&}"
  if [ "$wait" = wait ]; then query="${query:-?}wait=true&timeout=$timeout"; else query="${query:+$query&}"; query="${query:-?}wait=false"; fi
  # Of this run of the script alone: the legs of a matrix and two steps for one stack share all that GitHub says of them, and each has to deploy.
  key=$(openssl rand -hex 16)
  while :; do
    # Two steps for one stack in the same second would sign the same bytes, and the second one would be a replay.
    body=$(jq -cn --arg stack "$stack" --arg nonce "$(openssl rand -hex 12)" '{stack: $stack, nonce: $nonce}')
    request POST "/deploy$query" "$body" "$((timeout + 30))" -H "Idempotency-Key: $key"
    case $status in 000 | 502 | 503 | 504 | 429) ;; *) return ;; esac
    tries=$((tries + 1))
    [ "$SECONDS" -lt "$timeout" ] && [ "$tries" -lt 6 ] || return 0
    echo "no answer to build on (${status/000/no connection}); trying again" >&2
    sleep "$((tries < 5 ? tries : 5))"
  done
}

# Follows the job until it has ended or the time is over; prints each step once.
follow() { # job id
  local seen=0 left hold
  while [ "$(field .ok)" = '' ] && [ "$(jq -r .ok <<<"$answer" 2>/dev/null)" != false ]; do
    left=$((timeout - SECONDS))
    [ "$left" -gt 0 ] || return 0
    hold=$((left < 20 ? left : 20))
    request GET "/jobs/$1?wait=true&timeout=$hold" '' "$((hold + 15))"
    if [ "$status" != 200 ]; then
      case $status in 401 | 403 | 404) refused ;; esac
      answer='{"ok":null}'
      sleep 2
      continue
    fi
    print_steps
  done
}

print_steps() {
  local count
  count=$(jq '.steps | length' <<<"$answer")
  jq -r --argjson from "$seen" '.steps[$from:][] | "\(if .ok then "✓" else "✗" end) \(.name)  \(.duration_ms) ms"' <<<"$answer"
  seen=$count
}

refused() { fail 3 "$status $(field .code): $(field .detail)"; }

write_outputs() {
  [ -n "${GITHUB_OUTPUT:-}" ] || return 0
  jq -r '"job-id=\(.job_id // "")\nstate=\(.state // "")\nok=\(.ok)\njob=\(tojson)"' <<<"$answer" >>"$GITHUB_OUTPUT"
}

write_summary() {
  [ -n "${GITHUB_STEP_SUMMARY:-}" ] || return 0
  jq -r '
    def result: if .ok == true then "✅ deployed" elif .ok == null then "⏳ \(.state)" elif .rolled_back then "↩️ failed, rolled back" else "❌ \(.state)" end;
    "### \(.stack) on \(.host): \(result)\n",
    (if .message then "\(.message)\n" else empty end),
    "| step | | time |\n| --- | --- | ---: |",
    (.steps[] | "| \(.name) | \(if .ok then "✅" else "❌" end) | \(.duration_ms) ms |"),
    (if (.changes | length) > 0 then "\n| service | image | from | to |\n| --- | --- | --- | --- |" else empty end),
    (.changes[] | "| \(.service) | `\(.image)` | `\((.from // "new")[0:19])` | `\(.to[0:19])` |"),
    (.steps[] | select(.ok | not) | "\n<details><summary>\(.name)</summary>\n\n```\n\(.tail | gsub("```"; "ʼʼʼ"))\n```\n</details>")
  ' <<<"$answer" >>"$GITHUB_STEP_SUMMARY"
}

main() {
  check_inputs
  [ -z "${GITHUB_ACTIONS:-}" ] || [ -z "$secret" ] || printf '::add-mask::%s\n' "$secret"
  start
  case $status in
    000) fail 4 "Deployer cannot be reached at $url: $answer" ;;
    429 | 5??) [ -n "$(field .job_id)" ] || fail 4 "$status $(field .code): $(field .detail)" ;;
    4??) [ -n "$(field .job_id)" ] || refused ;;
  esac
  local id
  id=$(field .job_id)
  [ -n "$id" ] || fail 4 "$url does not answer like Deployer (status $status)"
  echo "job $id on $(field .host)"
  if [ "$wait" = poll ]; then follow "$id"; elif [ "$wait" = wait ]; then seen=0 print_steps; fi
  write_outputs
  write_summary
  case $(jq -r .ok <<<"$answer") in
    true) echo "$stack is deployed" ;;
    false)
      case $(field .code) in step_failed | canceled) fail 1 "$stack: $(field .message)" ;; *) fail 3 "$stack: $(field .code): $(field .message)" ;; esac
      ;;
    *) [ "$wait" = none ] || fail 5 "$stack is still being deployed; it goes on: job $id" ;;
  esac
}

main
