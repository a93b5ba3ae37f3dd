# Perigee: one Makefile. Everything built lands under build/.
# `make help` lists the targets.  Settings first, rules below the ruler.
#
#   make CC=clang     another compiler       make V=debug    -Og, for gdb
#   make V=asan       sanitizers             make J=1        no parallel tests

CC      ?= cc
V       ?= release
PREFIX  ?= /usr/local
SEEDS   ?= 3
B       := build$(if $(filter-out release,$V),/$V)
G       := build/gen
PKGS    := libevent_core libevent_extra lua5.4 libprotobuf-c lmdb jansson libsodium libxxhash libpcre2-8

WARN := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Wundef \
        -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Werror
CFLAGS.debug   := -Og -g
CFLAGS.release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong
CFLAGS.clang   := $(CFLAGS.release)
CFLAGS.asan    := -O1 -g -fsanitize=address,undefined \
                  -fno-sanitize-recover=all -fno-omit-frame-pointer \
                  -Wno-format-truncation -Wno-maybe-uninitialized
CFLAGS.fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined \
                  -fno-sanitize-recover=all
LDFLAGS.release := -Wl,-z,relro,-z,now

DEPS := gcc make pkg-config protobuf-c-compiler protobuf-compiler \
        lua5.4 liblua5.4-dev libevent-dev libprotobuf-c-dev liblmdb-dev \
        libjansson-dev libsodium-dev libxxhash-dev libpcre2-dev libcurl4-openssl-dev libssl-dev \
        libarchive-dev libzookeeper-st-dev uthash-dev lua-socket scdoc curl tzdata
DEPS_TEST := clang clang-tidy clang-format libclang-rt-14-dev libcmocka-dev \
        lua-busted lua-check lua-cjson lua-filesystem shellcheck \
        mandoc prometheus zookeeperd python3-minimal procps iproute2 zsh \
        chromium s6 runit supervisor python3-jsonschema python3-aiosmtpd openssl

# ------------- no need to change anything below this line -----------------

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SECONDARY:

# Deprecated fields of Mesos are ours to read and write: no attribute on them.
CPPFLAGS_ALL := -std=c11 -D_GNU_SOURCE -DPROTOBUF_C__NO_DEPRECATED -Isrc -I. -I$G
ifeq ($(MAKECMDGOALS),$(filter-out deps deps-test demo help clean,$(MAKECMDGOALS)))
CPPFLAGS_ALL += $(shell pkg-config --cflags $(PKGS) | sed 's/-I/-isystem /g')
LDLIBS       := $(shell pkg-config --libs $(PKGS)) -Wl,--as-needed -lzookeeper_st \
                -Wl,--no-as-needed -lm -lpthread
endif
CFLAGS_ALL := $(CPPFLAGS_ALL) $(WARN) $(CFLAGS.$V) $(CFLAGS)
LDFLAGS_ALL := $(CFLAGS.$V) $(LDFLAGS.$V) $(LDFLAGS)

# Sources, by floor. A program is its main.c and a library of the rest.
PROTO    := $(sort $(shell find proto -name '*.proto'))
GEN_C    := $(PROTO:proto/%.proto=$G/%.pb-c.c)
obj       = $(patsubst %.c,$B/obj/%.o,$(patsubst $G/%,gen/%,$1))
src       = $(filter-out %/main.c,$(wildcard $(addsuffix /*.c,$1)))
lib       = $(1:%=$B/lib/lib%.a)

base.src    := $(call src,src/base)
wire.src    := $(call src,src/wire) $(GEN_C) $G/comments.c
sys.src     := $(call src,src/sys)
script.src  := $(call src,src/script) $G/stdlib.c $G/help.c
master.src  := $(call src,src/master src/master/core)
agent.src   := $(call src,src/agent src/agent/core)
aurora.src  := $(call src,src/aurora src/aurora/core)
thermos.src := $(call src,executor/thermos executor/thermos/core \
                 executor/thermos/observer) $G/observer_web.c
cli.src     := $(call src,src/cli)
sim.src     := $(call src,tests/sim)
FLOORS   := script sys wire base
PROGRAMS := master agent aurora thermos cli sim
CORE     := $(sort $(wildcard src/base/*.c src/*/core/*.c executor/*/core/*.c))

perigee-master.main := src/master/main.c
perigee-agent.main  := src/agent/main.c
perigee-aurora.main := src/aurora/main.c
thermos.main        := executor/thermos/main.c executor/thermos/linked/openssl.c
clusterctl.main     := src/cli/main.c
perigee-fetch.main  := executor/fetch/main.c
perigee-post.main   := executor/post/main.c
perigee-sim.main    := tests/sim/main.c
evaluate.main       := tests/tools/evaluate.c
plan-outcomes.main  := tests/tools/plan_outcomes.c
thermos-deaths.main := tests/tools/thermos_deaths.c
crash-states.main   := tests/tools/crash_states.c tests/tools/crash_disk.c tests/tools/crash_log.c \
	tests/tools/crash_record.c
cron-fires.main     := tests/tools/cron_fires.c
perigee-master.lib := master
perigee-agent.lib  := agent
perigee-aurora.lib := aurora
thermos.lib        := thermos
clusterctl.lib     := cli
plan-outcomes.lib  := thermos
thermos-deaths.lib := thermos
perigee-sim.lib    := sim master agent aurora thermos
BIN  := $(foreach p,perigee-master perigee-agent perigee-aurora thermos \
          clusterctl perigee-fetch perigee-post,$(if $(wildcard $($p.main)),$B/bin/$p))
SIM  := $(if $(wildcard tests/sim/main.c),$B/bin/perigee-sim)
TOOLS := $B/bin/evaluate $B/bin/plan-outcomes $B/bin/crash-states $B/bin/cron-fires
UNIT := $(patsubst tests/unit/%.c,$B/bin/%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$B/bin/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH := $(patsubst bench/bench_%.c,$B/bin/bench-%,$(wildcard bench/bench_*.c))
MAN  := $(patsubst docs/man/%.scd,build/man/%,$(wildcard docs/man/*.scd))

all: $(BIN) $(MAN) ## build the programs and the manual pages

# --- generated sources -----------------------------------------------------
$G/%.pb-c.c $G/%.pb-c.h: proto/%.proto
	@mkdir -p $G
	protoc-c --proto_path=proto --c_out=$G $<
GEN_H := $(GEN_C:%.c=%.h)

# What their comments say, for the API's schema (src/wire/schema.h).
$G/comments.c: $(filter proto/perigee/%,$(PROTO)) lua/embed_comments.lua
	@mkdir -p $G
	lua5.4 lua/embed_comments.lua $(filter proto/perigee/%,$(PROTO)) >$@.tmp && mv $@.tmp $@

# The job language, as bytecode inside the binaries (src/script/stdlib.h).
$G/stdlib.c: $(shell find lua/stdlib -name '*.lua' 2>/dev/null) lua/embed.lua
	@mkdir -p $G
	lua5.4 lua/embed.lua lua/stdlib >$@.tmp && mv $@.tmp $@

# The observer's style and script (executor/thermos/observer/page.h).
OBSERVER_WEB := $(wildcard executor/thermos/observer/web/*)
$G/observer_web.c: $(OBSERVER_WEB) lua/embed_files.lua
	@mkdir -p $G
	lua5.4 lua/embed_files.lua web $(OBSERVER_WEB) >$@.tmp && mv $@.tmp $@

# The pages of `clusterctl help object` (src/script/help.h).
GENERATORS := lua/generate.lua $(wildcard lua/gen/*)
$G/help.c: $(wildcard lua/stdlib/schema/*.lua lua/stdlib/templates/*.lua) $(GENERATORS)
	@mkdir -p $G
	lua5.4 lua/generate.lua help >$@.tmp && mv $@.tmp $@

# --- objects, libraries, programs ------------------------------------------
$B/obj/gen/%.o: $G/%.c | $(GEN_H)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS.$V) -w -MMD -MP -c -o $@ $<

$B/obj/%.o: %.c | $(GEN_H)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

define library
$B/lib/lib$1.a: $$(call obj,$$($1.src))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach l,$(FLOORS) $(PROGRAMS),$(eval $(call library,$l)))

define program
$B/bin/$1: $$(call obj,$$($1.main)) $$(call lib,$$($1.lib) $(FLOORS))
	@mkdir -p $$(@D)
	$(CC) $(LDFLAGS_ALL) $$($1.ldflags) -o $$@ $$^ $$(or $$($1.ldlibs),$$(LDLIBS))
endef
# thermos is static: it runs inside images that have no library of ours.
# The C library warns that names need its shared self; we use addresses only.
STATIC := -static -Wl,-z,norelro,--no-warnings
thermos.ldlibs = $(LDLIBS) -levent_openssl -lssl -lcrypto -lpthread
thermos.ldflags := $(if $(filter release debug,$V),$(STATIC))
perigee-fetch.ldlibs = $(LDLIBS) $(shell pkg-config --libs libcurl libarchive)
perigee-post.ldlibs = $(LDLIBS) $(shell pkg-config --libs libcurl)
$(foreach p,perigee-master perigee-agent perigee-aurora thermos clusterctl \
  perigee-fetch perigee-post perigee-sim evaluate plan-outcomes thermos-deaths cron-fires crash-states,$(eval $(call program,$p)))

$B/bin/test_%: $B/obj/tests/unit/test_%.o $(call lib,$(PROGRAMS) $(FLOORS))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ -lcmocka $(LDLIBS)

# Faults come between a runner and its calls (tests/unit/test_runner_faults.c).
$B/bin/test_runner_faults: LDFLAGS_ALL += \
  $(foreach f,write clone sendmsg mkdir pipe2 splice rename runner_main,-Wl,--wrap=$f)

$B/bin/fuzz_%: $B/obj/tests/fuzz/fuzz_%.o $(call lib,$(PROGRAMS) $(FLOORS))
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

$B/bin/bench-%: $B/obj/bench/bench_%.o $(wildcard bench/kit.c) $(call lib,$(PROGRAMS) $(FLOORS))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $(filter-out bench/kit.h,$^) $(LDLIBS)

build/man/%: docs/man/%.scd
	@mkdir -p $(@D)
	scdoc <$< >$@

# --- tests -----------------------------------------------------------------
test: all unit-bins $(SIM) $(TOOLS) ## every fast test (five minutes at most)
	tests/run.sh purity floors unit lua sim e2e

test-slow: all unit-bins $(SIM) ## the long ones (forty minutes at most)
	tests/run.sh slow

unit-bins: $(UNIT)
unit: unit-bins ## C unit tests
	tests/run.sh unit
lua: all $(TOOLS) ## busted specs of the Lua side
	tests/run.sh lua
e2e: all $(TOOLS) ## end-to-end tests of the real programs
	tests/run.sh e2e
sim: $(SIM) ## simulate SEEDS=n clusters; SEED=n replays one
	$B/bin/perigee-sim $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))
sim-mutants: ## plant bugs; the simulator must find each
	tests/sim/mutants.sh
cron-oracle: $B/bin/cron-fires ## cron against an oracle, minute by minute over zdump
	tests/tools/cron_oracle.sh
asan: ## unit tests and simulator under ASan and UBSan
	$(MAKE) V=asan unit-bins build/asan/bin/perigee-sim
	V=asan tests/run.sh unit sim
fuzz-bins: $(FUZZERS)
fuzz: ## every fuzz target for T=20 seconds each (needs clang)
	FUZZ_SECONDS=$(or $T,$(FUZZ_SECONDS),20) tests/fuzz/run.sh
purity: ## cores call nothing outside an allow-list
	tests/tools/purity.sh
floors: ## includes point downwards only
	tests/tools/floors.sh
lint: $(GEN_H) ## clang-tidy, luacheck, shellcheck
	tests/tools/lint.sh
fmt: ## clang-format in place
	clang-format -i $$(git ls-files '*.c' '*.h')
generate: ## the manual, annotations and lists that come from the schema
	lua5.4 lua/generate.lua
bench: all $(BENCH) ## measure, on an idle machine (bench/README.md)
	@bench/run.sh $(BENCH)

# --- people ----------------------------------------------------------------
demo: ## install what is needed, build, run a cluster and a first job
	@tests/tools/demo.sh
deps: ## install what building and running needs (root or sudo)
	@tests/tools/install.sh $(DEPS)
deps-test: ## install what the tests need besides
	@tests/tools/install.sh $(DEPS_TEST)
install: all ## copy to PREFIX (default /usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin \
	    $(DESTDIR)$(PREFIX)/share/perigee
	install $(BIN) $(DESTDIR)$(PREFIX)/bin
	for page in $(MAN); do install -D -m644 $$page \
	    $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done
	cp -r configs/examples $(DESTDIR)$(PREFIX)/share/perigee/
	install -Dm644 src/cli/completion/clusterctl.bash \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions/clusterctl
	install -Dm644 src/cli/completion/_clusterctl \
	    $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_clusterctl
	install -D -m644 lua/stdlib/luacheck.lua \
	    $(DESTDIR)$(PREFIX)/share/perigee/lua/luacheck.lua
	install -D -m644 lua/stdlib/luacheck_files.lua \
	    $(DESTDIR)$(PREFIX)/share/perigee/lua/luacheck_files.lua
	cp -r lua/stdlib/meta $(DESTDIR)$(PREFIX)/share/perigee/lua/
help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t14
clean: ## remove build/
	rm -rf build

.PHONY: all test test-slow unit unit-bins fuzz-bins lua e2e sim sim-mutants cron-oracle asan fuzz \
  purity floors lint fmt generate bench demo deps deps-test install help clean
-include $(shell find build -name '*.d' 2>/dev/null)
