#!/bin/sh
# need.sh [run] [node] [test] [nightly]: checks that this machine has what Tertulia needs to run, for npm packages, for
# its tests, and for those that run nightly. What is missing is named in one line, with the command that installs it.
# Debian packages of libraries, of node and of the tests are installed, if this is root.
set -u

need() {
    echo "Tertulia needs $1. Install it with: $2" >&2
    exit 1
}

apt="apt-get install -y"
[ "$(id -u)" = 0 ] || apt="sudo apt-get install -y"
python=${PYTHON:-python3}

run() {
    command -v "$python" >/dev/null || need "Python 3.11 or later" "$apt python3 python3-venv"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        need "Python 3.11 or later ($python is $("$python" -V 2>&1))" "$apt python3.11-venv, then: make PYTHON=python3.11"
    "$python" -c 'import venv, ensurepip' 2>/dev/null || need "Python's venv module" "$apt python3-venv"
    rust="curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal -c clippy -c rustfmt"
    command -v cargo >/dev/null || need "Rust 1.89 or later" "$rust"
    minor=$(rustc --version | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')
    [ "${minor:-0}" -ge 89 ] || need "Rust 1.89 or later (this is $(rustc --version))" "rustup update stable, or: $rust"
    command -v cc >/dev/null || need "a C compiler" "$apt gcc libc6-dev"
    debian library "OpenSSL 3 and its headers"
}

# Debian 12 has none that is recent enough.
golang() {
    command -v go >/dev/null || need "Go 1.24 or later, for the bench of media" "what https://go.dev/doc/install says"
}

# The Debian packages that bring what a part needs and this machine lacks.
lacking() {
    case $1 in
    library) pkg-config --atleast-version=3.0 openssl 2>/dev/null || echo libssl-dev pkg-config ;;
    node)
        command -v node >/dev/null || echo nodejs
        command -v npm >/dev/null || echo npm
        ;;
    test)
        command -v chromium >/dev/null || echo chromium
        command -v redis-server >/dev/null || echo redis-server
        command -v redis-cli >/dev/null || echo redis-tools
        ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || echo postgresql
        command -v turnserver >/dev/null || echo coturn
        command -v ffmpeg >/dev/null || echo ffmpeg
        command -v janus-pp-rec >/dev/null || echo janus-tools
        command -v firefox-esr >/dev/null || echo firefox-esr
        command -v valgrind >/dev/null || echo valgrind
        ;;
    nightly)
        for package in iproute2 python3-gst-1.0 gir1.2-gst-plugins-bad-1.0 gstreamer1.0-nice \
            gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad; do
            dpkg -s "$package" >/dev/null 2>&1 || echo "$package"
        done
        ;;
    esac
}

# debian PART WHAT: has the packages of a part installed; WHAT they are, in words.
debian() {
    missing=$(lacking "$1" | tr '\n' ' ')
    missing=${missing% }
    [ -n "$missing" ] || return 0
    what=$2
    [ "$(id -u)" = 0 ] || need "$what" "$apt $missing"
    echo "need.sh: installing $missing"
    # The packages' own services are not wanted: each test starts its own server.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy"
        trap 'rm -f "$policy"' EXIT
    fi
    # shellcheck disable=SC2086
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
        </dev/null >/dev/null || need "$what" "$apt $missing"
}

for part in "$@"; do
    case $part in
    run) run ;;
    node | test | nightly)
        [ "$part" != nightly ] || golang
        debian "$part" "Debian packages for its tests"
        ;;
    *) echo "usage: need.sh [run] [node] [test] [nightly]" >&2 && exit 2 ;;
    esac
done
