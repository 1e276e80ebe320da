# Sets up what dancecoach needs on Linux and macOS; read by packaging/run and packaging/test, not run by itself.
# POSIX shell, because a bare system has no Python yet.

root=$(cd "$(dirname "$0")/.." && pwd)
venv=${DANCECOACH_VENV:-$root/.venv}

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$1"
    exit 1
}

# What the wheels do not carry: PortAudio, the bridge from ALSA to PulseAudio, and what Qt and OpenCV load.
apt_packages="ca-certificates libportaudio2 libasound2-plugins libpulse0 libegl1 libgl1 libopengl0 libglib2.0-0
 libdbus-1-3 libfontconfig1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1
 libxcb-randr0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libxcb-xkb1 libxcb-sync1 libxcb-xfixes0
 fonts-dejavu-core"
apt_packages_for_tests="xvfb pulseaudio pulseaudio-utils"

# The pose weights' wheel exists for these versions of Python only.
find_python() {
    for name in ${DANCECOACH_PYTHON:-} python3.12 python3.11 python3; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        fail "These system packages are missing. Run as root: apt-get install$missing"
    fi
}

install_apt_packages() {
    missing=""
    for package in $1; do
        case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
        *" installed") ;;
        *) missing="$missing $package" ;;
        esac
    done
    [ -n "$missing" ] || return 0
    say "Installing system packages:$missing"
    # Names change between releases (libglib2.0-0 became libglib2.0-0t64): apt resolves what they became.
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2 ||
        fail "The system packages could not be installed. Check the connection and run this again."
}

install_system() {
    case $(uname -s) in
    Darwin)
        [ -n "$(find_python)" ] || fail "Python 3.11 or 3.12 is missing. Install it from python.org or with 'brew install python@3.12'."
        ;;
    *)
        wanted=$apt_packages
        [ "$1" = test ] && wanted="$wanted $apt_packages_for_tests"
        if command -v apt-get >/dev/null 2>&1; then
            [ -n "$(find_python)" ] || wanted="python3 python3-venv $wanted"
            install_apt_packages "$wanted"
        fi
        [ -n "$(find_python)" ] || fail "Python 3.11 or 3.12 is missing. Install one, or name it with DANCECOACH_PYTHON=/path/to/python3.12."
        ;;
    esac
}

# Installs into the virtual environment, unless it already holds just this.
install_python() {
    extra=""
    [ "$1" = test ] && extra="[test,training]"
    stamp="$venv/dancecoach-installed$extra"
    wanted=$(cat "$root/pyproject.toml" "$root/packaging/constraints.txt" | cksum; echo "$root")
    for installed in "$stamp" "$venv/dancecoach-installed[test,training]"; do
        [ -f "$installed" ] && [ "$(cat "$installed")" = "$wanted" ] && return 0
    done
    python=$(find_python)
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv" || fail "The virtual environment $venv cannot be made."
    say "Installing Python packages into $venv (a few minutes the first time)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --constraint "$root/packaging/constraints.txt" --editable "$root$extra" >&2 ||
        fail "The Python packages could not be installed. Check the connection and the free disk space, then run this again."
    printf '%s' "$wanted" >"$stamp"
}

# Whether anything has to be installed is checked each time; it takes a fraction of a second.
set_up() {
    began=$(date +%s)
    install_system "$1"
    install_python "$1"
    took=$(($(date +%s) - began))
    if [ "$took" -gt 5 ]; then
        say "Set up in $took seconds; $(du -sm "$venv" | cut -f1) MB in $venv."
    fi
}
