#!/bin/sh
# From a bare clone to a Makefile: installs what is missing to build and to test, after saying what, and runs configure.
# GNUmakefile calls it, with PYTHONS=A,B and APXS=PATH if the user chose some, ANEW not empty if they differ from before.
set -eu
cd "$(dirname "$0")/.."

has() { command -v "$1" >/dev/null 2>&1; }

suitable() {   # a Python to build an engine for, and a virtual environment for the tests
    has "$1" && "$1" tools/python_facts.py >/dev/null 2>&1 && "$1" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1
}

choose_python() {
    for python in python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
        if suitable "$python"; then echo "$python"; return; fi
    done
}

# Only the httpd, not the service: Debian's apache2-bin has the server and its modules and starts nothing.
missing_packages() {   # debian or fedora
    has gcc || has cc || case $1 in debian) echo gcc libc6-dev ;; *) echo gcc ;; esac
    has autoreconf || echo autoconf
    if [ -z "${APXS:-}" ]; then
        has apxs || has /usr/sbin/apxs || case $1 in debian) echo apache2-dev ;; *) echo httpd-devel ;; esac
        has /usr/sbin/apache2 || has /usr/sbin/httpd || has httpd ||
            case $1 in debian) echo apache2-bin ;; *) echo httpd ;; esac
    fi
    if [ -z "${PYTHONS:-}" ] && [ -z "$(choose_python)" ]; then
        case $1 in
        debian) echo python3-dev python3-venv ;;
        *)  # RHEL 8 and 9: their python3 is older than 3.10
            if has /usr/bin/python3 && ! /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
                echo python3.12 python3.12-devel
            else
                echo python3 python3-devel
            fi ;;
        esac
    fi
}

install_packages() {
    if has apt-get; then family=debian; else family=fedora; fi
    packages=$(missing_packages $family | tr '\n' ' ')
    [ -n "$packages" ] || return 0
    as_root=
    if [ "$(id -u)" != 0 ]; then
        has sudo || { echo "These packages are missing; have root install them: $packages" >&2; exit 1; }
        as_root=sudo
    fi
    echo "Missing here, and installed now from this system's packages: $packages"
    if has apt-get; then
        $as_root apt-get -q update
        # shellcheck disable=SC2086  # one word for each package
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $packages
    elif has dnf; then
        # shellcheck disable=SC2086
        $as_root dnf install -y $packages
    else
        echo "No apt-get and no dnf here. Install the like of these, then run make again: $packages" >&2
        exit 1
    fi
}

if [ -f config.status ] && [ -z "${ANEW:-}" ]; then   # as it was configured before
    autoreconf -i
    ./config.status --recheck
    exec ./config.status
fi
install_packages
python=${PYTHONS:-$(choose_python)}
autoreconf -i
exec ./configure --with-python="${python:-python3}" ${APXS:+--with-apxs="$APXS"}
