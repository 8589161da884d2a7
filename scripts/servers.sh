#!/usr/bin/env bash
# Real servers for tests and for trying things out, on loopback: Apache Kafka and Apache Cassandra, from their own jars.
#   servers.sh fetch            the jars, once, into CORTEX_HOME
#   servers.sh up DIR [COPIES]  start both, with everything they write in DIR; prints what `run` tells its command.
#                               Again, it starts what was killed, where it was. Of COPIES of each, one may die
#   servers.sh down DIR         stop those of DIR
#   servers.sh run COMMAND...   start both in a scratch folder, run the command, stop them whatever became of it
# The command finds them by its environment:
#   CORTEX_TEST_KAFKA       host:port, plain
#   CORTEX_TEST_KAFKA_SASL  host:port, TLS and SCRAM-SHA-512, user cortex, password secret
#   CORTEX_TEST_KAFKA_CA    PEM file of the certificate that its TLS has
#   CORTEX_TEST_CQL         host:port, plain or TLS, user and password cassandra
#   CORTEX_TEST_CQL_CA      PEM file of the certificate that the TLS of CORTEX_TEST_CQL has
called_from="$PWD"
source "$(dirname "$0")/lib.sh"

templates="$PWD/bench/servers"
jars="$CORTEX_HOME/servers"
# Small, and quick to start rather than quick for long.
JVM=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1)
START_S=180
STOP_S=15

fetch() {
    local server pom
    for server in kafka cassandra; do
        pom="$templates/$server/pom.xml"
        ! cmp --silent "$pom" "$jars/$server/pom.xml" || continue
        say "fetching $server"
        rm -rf "${jars:?}/$server"
        mkdir -p "$jars/$server"
        mvn --quiet --batch-mode --file "$pom" dependency:copy-dependencies -DincludeScope=runtime \
            -DoutputDirectory="$jars/$server/lib" </dev/null || fail "the jars of $server cannot be fetched"
        cp "$pom" "$jars/$server/pom.xml"
    done
}

# ports COUNT: so many ports that are free now, below those that the kernel gives to anybody meanwhile.
ports() {
    python3 -c '
import random, socket, sys
wanted, found = int(sys.argv[1]), []
for port in random.sample(range(10000, 32768), 1000):
    try:
        with socket.socket() as one:
            one.bind(("127.0.0.1", port))
        found.append(port)
    except OSError:
        continue
    if len(found) == wanted:
        break
print(*found)' "$1"
}

# fill TEMPLATE FILE NAME=VALUE...
fill() {
    local text value
    text="$(<"$1")"
    for value in "${@:3}"; do text="${text//@${value%%=*}@/${value#*=}}"; done
    printf '%s\n' "$text" >"$2"
}

# server DIR COMMAND...: in a session of its own, so that Ctrl-C ends what uses it first.
server() {
    (cd "$1" && exec setsid "${@:2}" >>log 2>&1 </dev/null) &
    echo $! >"$1/pid"
}

# wait_for DIR WHAT COMMAND...: until the command works, as long as the server of DIR lives.
wait_for() {
    local until=$((SECONDS + START_S))
    while ((SECONDS < until)); do
        ! "${@:3}" 2>/dev/null || return 0
        alive "$1" || { tail -n 20 "$1/log" >&2; fail "$2 ended, see $1/log"; }
        sleep 0.1
    done
    tail -n 20 "$1/log" >&2
    fail "$2 is not ready after $START_S s, see $1/log"
}

is_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

# takes_login ADDRESS PORT: whether the CQL server lets its first user in. It has none yet when it opens the port.
takes_login() {
    python3 - "$1" "$2" <<'PYTHON'
import socket, struct, sys

def ask(server, kind, body):
    server.sendall(struct.pack(">BBHBI", 4, 0, 0, kind, len(body)) + body)
    head = server.recv(9, socket.MSG_WAITALL)
    server.recv(struct.unpack(">I", head[5:])[0], socket.MSG_WAITALL)
    return head[4]

STARTUP, AUTH_RESPONSE, AUTH_SUCCESS = 0x01, 0x0F, 0x10
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as server:
    ask(server, STARTUP, b"\0\1\0\x0bCQL_VERSION\0\x053.0.0")
    login = b"\0cassandra\0cassandra"
    sys.exit(ask(server, AUTH_RESPONSE, struct.pack(">I", len(login)) + login) != AUTH_SUCCESS)
PYTHON
}

# alive DIR: whether the process that was started for DIR is one still, and no other has its number now.
alive() {
    local pid
    pid="$(cat "$1/pid" 2>/dev/null)" && kill -0 "$pid" 2>/dev/null && [ "$(readlink "/proc/$pid/cwd")" = "$1" ]
}

# copies SERVER COUNT: the names of so many of it.
copies() {
    local number
    echo "$1"
    for ((number = 2; number <= $2; number++)); do echo "$1-$number"; done
}

# join NAME DIR SERVER COUNT: the addresses that each of them told, with commas between.
join() {
    local server all=()
    for server in $(copies "$3" "$4"); do all+=("$(sed -n "s/^$1=//p" "$2/$server/environment")"); done
    (IFS=, && echo "${all[*]}")
}

# certificate DIR ADDRESS: DIR/keystore with a key for the address (password: `keystore`), and DIR/ca.pem to trust it.
certificate() {
    local key=(-alias server -keystore "$1/keystore" -storepass keystore -storetype PKCS12)
    {
        keytool -genkeypair "${key[@]}" -keyalg EC -validity 365 -dname CN=localhost -ext SAN="IP:$2" &&
            keytool -exportcert -rfc "${key[@]}" -file "$1/ca.pem"
    } >"$1/keytool.log" 2>&1 || fail "a certificate cannot be made, see $1/keytool.log"
}

kafka() {
    local number=0 server dir plain sasl controller voters=() java internal
    java=(java -Xmx512m "${JVM[@]}" "-Dlog4j2.configurationFile=$templates/kafka/log4j2.properties" -cp "$jars/kafka/lib/*")
    # All must know all controllers before the first begins.
    for server in $(copies kafka "$2"); do
        dir="$1/$server"
        mkdir -p "$dir"
        [ -f "$dir/environment" ] || {
            read -r plain sasl controller <<<"$(ports 3)"
            echo "$controller" >"$dir/controller"
            certificate "$dir" 127.0.0.1
            printf 'CORTEX_TEST_KAFKA=127.0.0.1:%s\nCORTEX_TEST_KAFKA_SASL=127.0.0.1:%s\nCORTEX_TEST_KAFKA_CA=%s\n' \
                "$plain" "$sasl" "$dir/ca.pem" >"$dir/environment"
        }
        voters+=("$((++number))@127.0.0.1:$(<"$dir/controller")")
    done
    number=0
    for server in $(copies kafka "$2"); do
        dir="$1/$server" number=$((number + 1))
        if [ ! -f "$dir/server.properties" ]; then
            local CORTEX_TEST_KAFKA CORTEX_TEST_KAFKA_SASL CORTEX_TEST_KAFKA_CA
            source "$dir/environment"
            internal="$2"
            fill "$templates/kafka/server.properties.in" "$dir/server.properties" DIR="$dir" NODE="$number" \
                PLAIN="${CORTEX_TEST_KAFKA##*:}" SASL="${CORTEX_TEST_KAFKA_SASL##*:}" CONTROLLER="$(<"$dir/controller")" \
                VOTERS="$(IFS=, && echo "${voters[*]}")" COPIES="$internal" IN_SYNC="$(((internal + 1) / 2))"
            "${java[@]}" kafka.tools.StorageTool format --cluster-id MkU3OEVBNTcwNTJENDM2Qg \
                --config "$dir/server.properties" --add-scram 'SCRAM-SHA-512=[name=cortex,password=secret]' \
                >"$dir/format.log" 2>&1 || fail "kafka's folder cannot be formatted, see $dir/format.log"
        fi
        alive "$dir" || server "$dir" "${java[@]}" kafka.Kafka "$dir/server.properties"
    done
}

# One has ports of its own on one address; several share their ports and have an address each, as nodes must.
cassandra() {
    local number=0 server dir address cql storage ssl_storage jmx options
    for server in $(copies cassandra "$2"); do
        dir="$1/$server" number=$((number + 1)) address=127.0.0.1
        mkdir -p "$dir/conf"
        if [ ! -f "$dir/environment" ]; then
            if [ "$number" -eq 1 ]; then read -r cql storage ssl_storage <<<"$(ports 3)"; fi
            [ "$2" -eq 1 ] || address="127.0.1.$number"
            jmx="$(ports 1)"
            fill "$templates/cassandra/cassandra.yaml.in" "$dir/conf/cassandra.yaml" ADDRESS="$address" \
                DIR="$dir" CQL="$cql" STORAGE="$storage" SSL_STORAGE="$ssl_storage" \
                SEED="$([ "$2" -eq 1 ] && echo "$address" || echo 127.0.1.1):$storage"
            # Tokens by hand, evenly: nobody streams anything to anybody.
            options=(TOKEN="$(python3 -c "print(-2**63 + 2**64 * ($number - 1) // $2)")" DELAY=0)
            [ "$2" -eq 1 ] || options[1]=DELAY=5000 # with none whoever joins gives its seed up
            fill "$templates/cassandra/jvm17.options.in" "$dir/jvm17.options" DIR="$dir" JMX="$jmx" "${options[@]}"
            cp "$templates/cassandra/logback.xml" "$dir/conf/"
            certificate "$dir/conf" "$address"
            printf 'CORTEX_TEST_CQL=%s:%s\nCORTEX_TEST_CQL_CA=%s\n' "$address" "$cql" "$dir/conf/ca.pem" >"$dir/environment"
        fi
        alive "$dir" || server "$dir" java @jvm17.options -cp "$jars/cassandra/lib/*" org.apache.cassandra.service.CassandraDaemon
        # One after the other: two that join at once refuse each other.
        IFS=: read -r address cql <<<"$(sed -n 's/^CORTEX_TEST_CQL=//p' "$dir/environment")"
        wait_for "$dir" "$server" takes_login "$address" "$cql"
    done
}

# start DIR COPIES
start() {
    local server
    command -v java >/dev/null || fail "java is missing: scripts/setup.sh --test installs it"
    fetch
    kafka "$1" "$2"
    cassandra "$1" "$2"
    for server in $(copies kafka "$2"); do
        wait_for "$1/$server" "$server" is_open "$(sed -n 's/^CORTEX_TEST_KAFKA=.*://p' "$1/$server/environment")"
    done
    printf '%s\n' "CORTEX_TEST_KAFKA=$(join CORTEX_TEST_KAFKA "$1" kafka "$2")" \
        "CORTEX_TEST_KAFKA_SASL=$(join CORTEX_TEST_KAFKA_SASL "$1" kafka "$2")" \
        "CORTEX_TEST_KAFKA_CA=$1/kafka/ca.pem" \
        "CORTEX_TEST_CQL=$(join CORTEX_TEST_CQL "$1" cassandra "$2")" \
        "CORTEX_TEST_CQL_CA=$1/cassandra/conf/ca.pem" >"$1/environment"
}

stop() {
    local dir until=$((SECONDS + STOP_S))
    for dir in "$1"/{kafka,cassandra}*; do
        ! alive "$dir" || kill "$(cat "$dir/pid")" 2>/dev/null || true
    done
    for dir in "$1"/{kafka,cassandra}*; do
        while alive "$dir" && ((SECONDS < until)); do sleep 0.1; done
        ! alive "$dir" || kill -9 "$(cat "$dir/pid")" 2>/dev/null || true
        rm -f "$dir/pid"
    done
}

# Where the user's own folders are relative to.
folder() { (cd "$called_from" && mkdir -p "$1" && cd "$1" && pwd -P); }

run() {
    local scratch status=0
    scratch="$(cd "$(mktemp -d)" && pwd -P)"
    # shellcheck disable=SC2064 # the folder is this one
    trap "stop '$scratch'; rm -rf '$scratch'" EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    start "$scratch" 1
    set -a
    source "$scratch/environment"
    set +a
    "$@" || status=$?
    exit "$status"
}

usage() { sed -n '2,12p' "$0" >&2; exit 64; }

case "${1:-}" in
fetch) fetch ;;
up)
    [ $# -eq 2 ] || [ $# -eq 3 ] || usage
    dir="$(folder "$2")"
    start "$dir" "${3:-1}"
    cat "$dir/environment"
    ;;
down)
    [ $# -eq 2 ] || usage
    stop "$(folder "$2")"
    ;;
run)
    [ $# -ge 2 ] || usage
    shift
    run "$@"
    ;;
*) usage ;;
esac
