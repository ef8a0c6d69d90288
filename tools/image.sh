#!/usr/bin/env bash
# Builds the container image, and checks by running it what it promises (operations.md, Image).
#
#   tools/image.sh build [TAG]    build it
#   tools/image.sh test [TAG]     build it, run it hardened, check it
#   tools/image.sh engine         say which engine would be used; 1 where there is none
#
# With docker or podman; or with ../shared/tools/build_image.sh, which sets both up where neither is there.
# The checks need no network and no free port: every container has a loopback device of its own.
set -euo pipefail
cd "$(dirname "$0")/.."

HELPER=../shared/tools/build_image.sh
TAG=${2:-localhost/ocpi-gateway:dev}
NAME=ocpi-gateway-image-test
HARDENED=(--read-only --cap-drop all --security-opt no-new-privileges --memory 512m)

find_engine() {
  if [ -x "$HELPER" ]; then echo helper
  elif command -v docker >/dev/null; then echo docker
  elif command -v podman >/dev/null; then echo podman
  else echo 'no container engine here: install docker or podman' >&2; return 1
  fi
}

build() {
  case $KIND in
    helper) "$HELPER" build . "$TAG" ;;
    docker) docker build --tag "$TAG" . ;;
    podman) podman build --format docker --tag "$TAG" . ;;
  esac
}

# After this, $ENGINE takes the same words for all three kinds.
use_engine() {
  ENGINE=podman
  case $KIND in
    helper) eval "$("$HELPER" env)" ;;
    docker) ENGINE=docker; HARDENED+=(--health-interval 2s); return ;;
  esac
  # Podman would mount writable /tmp and /run of its own, and needs systemd to schedule health checks.
  HARDENED+=(--read-only-tmpfs=false --health-interval=disable)
}

remove() { "$ENGINE" rm -f -v "$1" >/dev/null 2>&1 || true; }

start() { # start CONTAINER [arguments of run]
  local container=$1; shift
  remove "$container"
  "$ENGINE" run -d --name "$container" "${HARDENED[@]}" "$@" 2> >(grep -v systemd >&2) >/dev/null
}

remove_all() {
  remove "$NAME-peer"
  remove "$NAME"
  "$ENGINE" volume rm -f "$NAME" >/dev/null 2>&1 || true
}

healthy() {
  if [ "$ENGINE" = podman ]; then podman healthcheck run "$NAME" >/dev/null 2>&1
  else [ "$(docker inspect --format '{{.State.Health.Status}}' "$NAME")" = healthy ]
  fi
}

within() { # within SECONDS COMMAND...: wait until the command succeeds
  local deadline=$((SECONDS + $1)); shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || return 1
    sleep 0.2
  done
}

passed=0
check() { # check SENTENCE COMMAND...
  local sentence=$1; shift
  if "$@"; then passed=$((passed + 1)); echo "ok: $sentence"
  else
    echo "FAILED: $sentence" >&2
    "$ENGINE" logs "$NAME" >&2 || true
    exit 1
  fi
}

same() { [ "$1" = "$2" ] || { echo "  got '$1', expected '$2'" >&2; return 1; }; }
inside() { "$ENGINE" exec "$NAME" "$@"; }
http_status() { # http_status URL: asked inside the container, which has no curl
  inside python -c 'import sys, urllib.request as u
try: print(u.urlopen(sys.argv[1], timeout=5).status)
except u.HTTPError as error: print(error.code)' "$1"
}
writable() { inside find / -xdev -writable -not -path '/proc*' -not -path '/dev*' 2>/dev/null || true; }
stops_with_exit_code_0() { # within the drain delay and grace period of the configuration
  "$ENGINE" stop -t 60 "$NAME" >/dev/null 2>&1 && same "$("$ENGINE" inspect --format '{{.State.ExitCode}}' "$NAME")" 0
}
is_listed() { inside ocpi-gateway partner list --json | grep -q '"image-test"'; }

test_default() {
  start "$NAME" --network none --volume "$NAME:/data" "$TAG"
  check 'without a configuration it starts and its own health check passes' within 30 healthy
  check 'it runs as uid 10001' same "$(inside id -u)" 10001
  check 'only /data is writable' same "$(writable)" /data
  check 'the gateway is process 1, so signals reach it' inside grep -q ocpi-gateway /proc/1/cmdline
  # 127.0.0.2 answers only where a listener is bound to every address.
  check 'the public listener is reachable from outside' same "$(http_status http://127.0.0.2:8080/ocpi/versions)" 401
  check 'the status listener is reachable from outside' same "$(http_status http://127.0.0.2:8083/readyz)" 200
  check 'the command in the container reaches the same database' inside ocpi-gateway partner invite image-test
  check 'SIGTERM ends it with exit code 0' stops_with_exit_code_0
  start "$NAME" --network none --volume "$NAME:/data" "$TAG"
  check 'started anew on the same volume it is healthy' within 30 healthy
  check 'and still knows its partners' is_listed
}

test_compose_configuration() {
  local tokens=(--env BACKEND_TOKEN=image-test-backend-token --env EGRESS_TOKEN=image-test-egress-token)
  start "$NAME" --network none "${tokens[@]}" \
    --volume "$PWD/deploy/compose/config.yaml:/etc/ocpi-gateway/config.yaml:ro" "$TAG"
  check 'a mounted configuration is used: the one of compose.example.yaml' within 30 healthy
  check 'its private listener is reachable by the backend' \
    same "$(http_status http://127.0.0.2:8081/partners/x/sender/locations)" 401
  start "$NAME-peer" --network "container:$NAME" "${tokens[@]}" \
    --entrypoint python "$TAG" -m gateway.demo.backend --host 0.0.0.0 --port 9000
  check 'the sample backend runs in the same image' within 30 answers_http http://127.0.0.2:9000/ocpi
}
answers_http() { http_status "$1" 2>/dev/null | grep -qE '^[2-4][0-9][0-9]$'; }

test_demo() {
  check 'the demonstration runs in it, with a writable /tmp' \
    "$ENGINE" run --rm --name "$NAME" "${HARDENED[@]}" --network none --tmpfs /tmp "$TAG" demo
}

KIND=$(find_engine)
case ${1:-} in
  build) build ;;
  test)
    build
    use_engine
    trap remove_all EXIT
    remove_all
    test_default
    test_compose_configuration
    remove_all
    test_demo
    echo "image: $passed checks passed" ;;
  engine) echo "$KIND" ;;
  *) sed -n '2,10p' "$0"; exit 2 ;;
esac
