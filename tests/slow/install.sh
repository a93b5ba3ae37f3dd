#!/usr/bin/env bash
# `make install` makes a tree that runs without the checkout.
set -euo pipefail
cd "$(dirname "$0")/../.."
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
make -s install PREFIX="$prefix"
for program in perigee-master perigee-agent perigee-aurora thermos clusterctl; do
  (cd / && "$prefix/bin/$program" --version | grep -q perigee)
done
man -l "$prefix/share/man/man1/clusterctl.1" >/dev/null
mandoc -Tlint -W error "$prefix"/share/man/man1/*.1 "$prefix"/share/man/man5/*.5
# Shells find how to complete, with the installed program.
offered=$(PATH="$prefix/bin:$PATH" bash --norc -c '
  source "$0/share/bash-completion/completions/clusterctl"
  COMP_WORDS=(clusterctl insp) COMP_CWORD=1
  _clusterctl
  echo "${COMPREPLY[@]}"' "$prefix")
test "$offered" = inspect
grep -q '^#compdef clusterctl' "$prefix/share/zsh/site-functions/_clusterctl"
# What editors and luacheck need of the job language is there, and fits.
test -s "$prefix/share/perigee/lua/meta/objects.lua"
cat >"$prefix/luacheckrc" <<END
stds.perigee = dofile "$prefix/share/perigee/lua/luacheck.lua"
std = "perigee"
max_line_length = 130
END
luacheck -q --config "$prefix/luacheckrc" "$prefix/share/perigee/examples/hello_world.lua" \
  "$prefix/share/perigee/examples/templates/"*.lua
