# Copyright (C) Ficus authors
#
# make help lists the targets.  All that is made goes under $(BUILD); a new
# source file in a directory that is there already needs no change here.

BUILD ?= build
TIME ?= 60

MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL = /bin/sh
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

.PHONY: all
all:

# V=1 prints the commands.
ifeq ($(V),1)
say = @:
Q =
else
say = @printf '  %-7s %s\n' $(1) '$(2)'
Q = @
endif


# What configure found.  configure runs by itself when it never ran or has
# changed, except for the targets that do without it.

unconfigured = help clean distclean dist stop style layers lengths manual
goals = $(or $(MAKECMDGOALS),all)

ifneq ($(filter-out $(unconfigured),$(goals)),)
include build/config.mk
endif

build/config.mk: build/config.stamp
	@[ -f $@ ] || ./configure $(CONFIGURE_ARGS)

build/config.stamp: configure VERSION \
    $(filter-out auto/nginx-objs auto/packages auto/install-deps \
      auto/make-help,\
      $(wildcard auto/*))
	./configure $(CONFIGURE_ARGS)

VERSION := $(shell cat VERSION)


# Flags

WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
           -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wwrite-strings \
           -Wvla -Wformat=2 -Wundef -Wno-unused-parameter
WERROR = -Werror
OPTIMIZE = -O2 -g

ifeq ($(SANITIZE),yes)
HARDEN =
HARDEN_LD =
INSTRUMENT = -fsanitize=address,undefined -fno-sanitize-recover=all \
             -fno-omit-frame-pointer
# nginx reads whole words from strings where the processor can
NGINX_DEFINES = -DNGX_HAVE_NONALIGNED=0 -DNGX_DEBUG_PALLOC=1
else
HARDEN = -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
HARDEN_LD = -Wl,-z,relro,-z,now
endif

ifeq ($(COVERAGE),yes)
HARDEN =
OPTIMIZE = -O0 -g
INSTRUMENT = --coverage -fprofile-update=atomic
endif

ifeq ($(FUZZ),yes)
INSTRUMENT += -fsanitize=fuzzer-no-link
endif

CPPFLAGS = -D_GNU_SOURCE -Ibuild -Icommon -Ishared -Iworkers $(NATS_CFLAGS) \
           $(SQLITE_CFLAGS) $(JSON_CFLAGS) $(CURL_CFLAGS) \
           $(PCRE_CFLAGS) $(MONGO_CFLAGS)
CFLAGS = -std=c11 $(OPTIMIZE) $(WARNINGS) $(WERROR) -fPIE -pthread $(HARDEN) \
         $(INSTRUMENT) $(CC_OPT)
LDFLAGS = -pie -pthread -Wl,--as-needed $(HARDEN_LD) $(INSTRUMENT) $(LD_OPT)
LIBS = $(NATS_LIBS) $(SQLITE_LIBS) $(JSON_LIBS) $(CURL_LIBS) \
       $(PCRE_LIBS) $(MONGO_LIBS) -lm

.PHONY: print-flags
print-flags:
	@echo '$(strip $(CPPFLAGS) -std=c11 $(WARNINGS) $(WERROR))'

COMPILE = $(CC) $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) $(LDFLAGS)


# Objects.  They are made again when the flags change, an archive or a program
# when the list of what it is made of does.

O = $(BUILD)/obj

.PHONY: force
force:

# $(call keep,TEXT): the recipe of a file that holds TEXT and is touched only
# when TEXT changes.
keep = @$(shell mkdir -p $(@D))$(file >$@.new,$(strip $(1))) \
       if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(O)/flags: force
	$(call keep,$(COMPILE) $(CHECK_CFLAGS) $(LINK))

$(O)/%.list: force
	$(call keep,$(LIST))

$(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILE) $(EXTRA_CFLAGS) -MMD -MP -c -o $@ $<

objects = $(patsubst %.c,$(O)/%.o,$(1))


# The library

FIG_SOURCES := $(sort $(wildcard shared/*.c common/*.c))
LIBFIG = $(BUILD)/libfig.a

$(O)/libfig.list: LIST = $(FIG_SOURCES)

$(LIBFIG): $(call objects,$(FIG_SOURCES)) $(O)/libfig.list
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar rcs $@ $(filter %.o,$^)


# What the workers of one domain share, an archive like the library.

DOMAIN_SOURCES := $(sort $(wildcard workers/domain/*.c))
LIBDOMAIN = $(BUILD)/libdomain.a

$(O)/libdomain.list: LIST = $(DOMAIN_SOURCES)

$(LIBDOMAIN): $(call objects,$(DOMAIN_SOURCES)) $(O)/libdomain.list
	$(call say,AR,$@)
	@rm -f $@
	$(Q)ar rcs $@ $(filter %.o,$^)


# Programs: workers/users_v1.c or workers/users_v1/*.c is build/users-v1,
# tools/ficusctl/*.c is build/ficusctl.

# $(call program,NAME,SOURCES)
define program
$(O)/$(1).list: LIST = $(2)

$(BUILD)/$(1): $(call objects,$(2)) $(O)/$(1).list $(LIBDOMAIN) $(LIBFIG)
	$$(call say,LINK,$$@)
	$$(Q)$$(LINK) -o $$@ $$(filter %.o,$$^) $(LIBDOMAIN) $(LIBFIG) $$(LIBS)
endef

dash = $(subst _,-,$(1))
folders = $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard $(1)/*/*.c)))))

WORKER_FILES := $(sort $(basename $(notdir $(wildcard workers/*.c))))
WORKER_DIRS := $(filter-out domain $(WORKER_FILES),$(call folders,workers))
TOOLS := $(call folders,tools)

$(foreach w,$(WORKER_FILES),\
  $(eval $(call program,$(call dash,$(w)),workers/$(w).c)))
$(foreach w,$(WORKER_DIRS),\
  $(eval $(call program,$(call dash,$(w)),$(sort $(wildcard workers/$(w)/*.c)))))
$(foreach t,$(TOOLS),\
  $(eval $(call program,$(t),$(sort $(wildcard tools/$(t)/*.c)))))

WORKERS = $(addprefix $(BUILD)/,$(call dash,$(WORKER_FILES) $(WORKER_DIRS)))
PROGRAMS = $(WORKERS) $(addprefix $(BUILD)/,$(TOOLS))


# The module, and nginx itself where its whole source is at hand and no nginx
# built from it can be used.  nginx's own makefile knows what depends on what.

MODULE = $(BUILD)/ngx_http_strangler_module.so
NGINX_DIR = $(BUILD)/nginx
NGINX_OBJS = $(NGINX_DIR)/objs
NGINX_CC_OPT = $(OPTIMIZE) -fPIC $(HARDEN) $(INSTRUMENT) $(NGINX_DEFINES) $(CC_OPT)
NGINX_LD_OPT = $(HARDEN_LD) $(INSTRUMENT) $(LD_OPT)
NGINX_MAKE = $(MAKE) $(if $(Q),-s) -C $(NGINX_DIR) -f objs/Makefile

ifneq ($(INSTRUMENT),)
ifneq ($(wildcard $(NGINX_SRC)/src/core/nginx.c),)
NGINX_BIN :=
endif
endif

NGINX = $(or $(NGINX_BIN),$(abspath $(NGINX_OBJS)/nginx))

# ASan's run time has to come first in a program that was built without it.
ifeq ($(SANITIZE)$(if $(NGINX_BIN),yes),yesyes)
NGINX = $(abspath $(BUILD)/nginx-asan)
endif

$(O)/nginx.list: LIST = $(CC) $(NGINX_CC_OPT) $(NGINX_LD_OPT) $(NGINX_SRC) \
                        $(NGINX_ARGS)

$(NGINX_OBJS)/Makefile: nginx-module/config auto/nginx-objs $(O)/nginx.list
	$(call say,CONF,$(NGINX_DIR))
	$(Q)sh auto/nginx-objs '$(NGINX_DIR)' '$(NGINX_SRC)' "$(NGINX_ARGS)" \
	    '$(CC)' '$(strip $(NGINX_CC_OPT))' '$(strip $(NGINX_LD_OPT))'

$(BUILD)/nginx-asan: Makefile
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nLD_PRELOAD=%s$${LD_PRELOAD:+:$$LD_PRELOAD} exec %s "$$@"\n' \
	    "$$($(CC) -print-file-name=libasan.so)" '$(NGINX_BIN)' > $@
	@chmod +x $@

.PHONY: nginx
nginx: $(NGINX_OBJS)/Makefile $(if $(filter %/nginx-asan,$(NGINX)),$(BUILD)/nginx-asan)
	+$(Q)$(NGINX_MAKE) $(if $(NGINX_BIN),,binary) modules
	@cmp -s $(NGINX_OBJS)/$(notdir $(MODULE)) $(MODULE) \
	|| { cp $(NGINX_OBJS)/$(notdir $(MODULE)) $(MODULE).new \
	     && mv $(MODULE).new $(MODULE) && echo '  NGINX   $(MODULE)'; }


all: $(if $(wildcard nginx-module/config),nginx) $(LIBFIG) $(PROGRAMS)


# Test programs: tests/unit/test_*.c, tests/fuzz/fuzz_*.c and tests/bench/
# bench_*.c are one program each; what else is in these directories is linked
# with all of them.

# $(call tests,DIRECTORY,PREFIX)
test_sources = $(sort $(wildcard tests/$(1)/$(2)_*.c))
test_helpers = $(filter-out $(test_sources),$(sort $(wildcard tests/$(1)/*.c)))

UNIT_TESTS = $(patsubst %.c,$(BUILD)/%,$(call test_sources,unit,test))
FUZZ_TESTS = $(patsubst %.c,$(BUILD)/%,$(call test_sources,fuzz,fuzz))
EXAMPLES = $(patsubst %.c,$(BUILD)/%,$(wildcard docs/examples/*.c))
BENCH_PROGRAMS = $(patsubst %.c,$(BUILD)/%,$(call test_sources,bench,bench))

$(O)/tests/unit/%.o: EXTRA_CFLAGS = $(CHECK_CFLAGS)

$(UNIT_TESTS): TEST_LIBS = $(CHECK_LIBS)
$(BENCH_PROGRAMS): TEST_LIBS = $(FCGI_LIBS)
$(UNIT_TESTS): $(call objects,$(call test_helpers,unit,test))
$(BENCH_PROGRAMS): $(call objects,$(call test_helpers,bench,bench) \
    tests/unit/broker.c)

# libFuzzer brings its own main()
ifeq ($(FUZZ),yes)
$(FUZZ_TESTS): TEST_LIBS = -fsanitize=fuzzer
else
$(FUZZ_TESTS): $(call objects,$(call test_helpers,fuzz,fuzz))
endif

$(UNIT_TESTS) $(FUZZ_TESTS) $(BENCH_PROGRAMS) $(EXAMPLES): $(BUILD)/%: $(O)/%.o $(LIBDOMAIN) $(LIBFIG)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(LIBDOMAIN) $(LIBFIG) $(TEST_LIBS) $(LIBS)

# FerretDB, the server that the MongoDB store is tested with, and Toxiproxy, of
# the chaos test; one for all kinds of build, since they take minutes.
FERRETDB = build/ferretdb
TOXIPROXY = build/toxiproxy
GO_ENV = GOTOOLCHAIN=local GOFLAGS='-modcacherw -buildvcs=false' \
         GOMODCACHE='$(abspath build/go/mod)' \
         GOCACHE='$(abspath build/go/cache)'

$(FERRETDB): $(addprefix tests/mongo/,main.go go.mod go.sum)
$(TOXIPROXY): $(addprefix tests/toxiproxy/,main.go go.mod go.sum)

$(FERRETDB) $(TOXIPROXY):
	@mkdir -p $(@D)
	$(call say,GO,$@)
	$(Q)cd $(<D) && $(GO_ENV) $(GO) build -p 2 -o '$(abspath $@)' .

# The simulation: the library and the workers once more, compiled so that
# threads, clocks and chance are those of tests/sim; see its README.md.
# sim-bugs has bugs on purpose.

SIM_MAINS = tests/sim/sim.c tests/sim/bus.c
SIM_OWN := $(sort $(filter-out $(SIM_MAINS),$(wildcard tests/sim/*.c)))
SIM_UNDER_TEST := $(filter-out \
    shared/fig_app% shared/fig_bus_nats% shared/fig_config% shared/fig_fcgi% \
    shared/fig_log% shared/fig_metrics% shared/fig_route% \
    shared/fig_store_mongo% shared/fig_store_sqlite%,$(FIG_SOURCES)) \
    shared/fig_app_topics.c $(DOMAIN_SOURCES) \
    workers/users_v1.c workers/users_v2.c \
    $(sort $(wildcard workers/orders/*.c))
SIM_CASES := tests/unit/bus_fixture.c $(sort $(wildcard tests/unit/bus_cases*.c))
SIM_PROGRAMS = $(addprefix $(BUILD)/tests/sim/,sim sim-bugs bus)
SEEDS ?= 1-1000000

sim_objects = $(patsubst %.c,$(O)/$(1)/%.o,$(2))

define sim_compile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(COMPILE) $(SIM_CFLAGS) -MMD -MP -c -o $@ $<
endef

$(O)/sim/%.o: %.c $(O)/flags
	$(sim_compile)

$(O)/sim-bugs/%.o: %.c $(O)/flags
	$(sim_compile)

$(call sim_objects,sim,$(SIM_UNDER_TEST) $(SIM_CASES)): \
    SIM_CFLAGS = -include tests/sim/sim_threads.h
$(call sim_objects,sim,$(SIM_CASES)): SIM_CFLAGS += $(CHECK_CFLAGS)
$(O)/sim/workers/users_v1.o: SIM_CFLAGS += -Dmain=sim_main_users_v1
$(O)/sim/workers/users_v2.o: SIM_CFLAGS += -Dmain=sim_main_users_v2
$(O)/sim/workers/orders/main.o: SIM_CFLAGS += -Dmain=sim_main_orders
$(call sim_objects,sim,$(SIM_OWN) $(SIM_MAINS)): SIM_CFLAGS = -DSIM_ITSELF
$(call sim_objects,sim,tests/sim/bus.c): \
    SIM_CFLAGS += -Itests/unit $(CHECK_CFLAGS)
$(call sim_objects,sim-bugs,$(SIM_OWN) tests/sim/sim.c): \
    SIM_CFLAGS = -DSIM_ITSELF -DSIM_BUGS

$(BUILD)/tests/sim/sim: $(call sim_objects,sim,$(SIM_OWN) tests/sim/sim.c)
$(BUILD)/tests/sim/sim-bugs: $(call sim_objects,sim-bugs,$(SIM_OWN) tests/sim/sim.c)
$(BUILD)/tests/sim/bus: $(call sim_objects,sim,$(SIM_OWN) $(SIM_CASES) tests/sim/bus.c)
$(BUILD)/tests/sim/bus: SIM_LIBS = $(CHECK_LIBS)

$(SIM_PROGRAMS): $(call sim_objects,sim,$(SIM_UNDER_TEST))
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(SIM_LIBS) $(LIBS)

.PHONY: sim
sim: $(BUILD)/tests/sim/sim
	@$< --seeds $(SEEDS) --stats


include tests/locks/locks.mk


# What the tests of the pages are run with: packages of npm, no browser.
WEB_MODULES = build/web/node_modules

$(WEB_MODULES)/.package-lock.json: tests/web/package.json \
    tests/web/package-lock.json tests/web/.npmrc
	@mkdir -p build/web
	$(call say,NPM,$(WEB_MODULES))
	$(Q)cp $^ build/web
	$(Q)cd build/web && $(NPM) ci --ignore-scripts --no-audit --no-fund \
	    --loglevel=error
	@touch $@


.PHONY: tests fuzz-programs bench-programs ferretdb toxiproxy web-modules watched
tests: $(UNIT_TESTS) $(FUZZ_TESTS) $(SIM_PROGRAMS) $(EXAMPLES) ferretdb \
    toxiproxy web-modules watched
watched: $(WATCHED) $(PUBLISH)
web-modules: $(if $(NPM),$(WEB_MODULES)/.package-lock.json)
ferretdb: $(if $(MONGODB_URI),,$(if $(GO),$(FERRETDB)))
toxiproxy: $(if $(GO),$(TOXIPROXY))
fuzz-programs: $(FUZZ_TESTS)
bench-programs: $(BENCH_PROGRAMS)


# Run

.PHONY: run demo stop
run: all
	@exec $(BUILD)/ficus-run

demo: all
	@exec $(BUILD)/ficus-demo

FICUS_RUN_DIR ?= run

stop:
	@sh tools/stop.sh '$(FICUS_RUN_DIR)/pids/ficus.pid'


# Check.  The driver runs make all and make tests itself, so that a part that
# does not compile is one failure among the others.

TEST_ENV = FICUS_BUILD='$(abspath $(BUILD))' FICUS_NGINX='$(NGINX)' \
           FICUS_MODULE='$(abspath $(MODULE))' \
           FICUS_NATS_SERVER='$(NATS_SERVER)' FICUS_SANITIZE='$(SANITIZE:yes=1)' \
           FICUS_FERRETDB='$(abspath $(FERRETDB))' \
           FICUS_WEB_MODULES='$(abspath $(WEB_MODULES))'
CHECK = +@$(TEST_ENV) CC='$(CC)' MAKE='$(MAKE)' perl tests/run.pl

.PHONY: check check-unit check-nginx check-e2e check-web check-fuzz check-sim \
    check-locks check-chaos check-gates
check:
	$(CHECK)

check-unit check-nginx check-e2e check-web check-fuzz check-sim \
    check-locks check-chaos check-gates:
	$(CHECK) build $(@:check-%=%)

.PHONY: style layers lengths lint manual pages
style layers lengths lint manual pages:
	+@MAKE='$(MAKE)' perl tests/run.pl $@

.PHONY: sanitize coverage fuzz bench
sanitize:
	@$(MAKE) BUILD=build/sanitize SANITIZE=yes CC=$(or $(SANITIZE_CC),gcc) \
	    check-programs

coverage:
	@$(MAKE) BUILD=build/coverage COVERAGE=yes CC=gcc coverage-report

fuzz:
	@$(MAKE) BUILD=build/fuzz SANITIZE=yes FUZZ=yes CC=clang fuzz-programs
	@sh tests/fuzz/run.sh build/fuzz $(TIME)

bench: all bench-programs
	@$(TEST_ENV) sh tests/bench/run.sh

# SEED=, FAULTS= and STORE= as tests/chaos/README.md says; BUGS= some of the bugs.
.PHONY: chaos chaos-selftest
chaos: all
	@$(TEST_ENV) TIME='$(TIME)' SEED='$(SEED)' FAULTS='$(FAULTS)' \
	    STORE='$(STORE)' perl tests/chaos/100_chaos.t

chaos-selftest: all
	+@$(TEST_ENV) MAKE='$(MAKE)' perl tests/chaos/selftest.pl $(BUGS)

# CONNECTIONS= of the load, 16
.PHONY: soak
soak: all
	@$(TEST_ENV) TIME='$(TIME)' CONNECTIONS='$(CONNECTIONS)' \
	    perl tests/e2e/710_soak.t

# The tests of what was compiled, without the gates.
.PHONY: check-programs coverage-report
check-programs:
	$(CHECK) build unit nginx e2e fuzz sim chaos

coverage-report:
	-$(CHECK) build unit nginx e2e fuzz sim
	@sh tests/coverage.sh $(BUILD)


# Install

DESTDIR =
exec_prefix = $(prefix)
bindir = $(exec_prefix)/bin
sbindir = $(exec_prefix)/sbin
moduledir = $(exec_prefix)/lib/ficus
webdir = $(prefix)/share/ficus/web
mandir = $(prefix)/share/man
completiondir = $(prefix)/share/bash-completion/completions

MANUALS = $(wildcard docs/man/*.[1-8])
CONFS = $(wildcard conf/*.conf)
COMPLETIONS = $(wildcard tools/*/*.bash)
COMMANDS = $(filter %/ficusctl,$(PROGRAMS))
PAGES = $(wildcard web/*/*.* web/*/*/*.*)

.PHONY: install uninstall
install: all
	install -d '$(DESTDIR)$(bindir)' '$(DESTDIR)$(sbindir)' \
	    '$(DESTDIR)$(moduledir)' '$(DESTDIR)$(sysconfdir)' \
	    '$(DESTDIR)$(completiondir)'
	install -m 644 $(MODULE) '$(DESTDIR)$(moduledir)'
	$(if $(WORKERS),install $(WORKERS) '$(DESTDIR)$(sbindir)')
	$(if $(COMMANDS),install $(COMMANDS) '$(DESTDIR)$(bindir)')
	@for file in $(CONFS); do \
	    to='$(DESTDIR)$(sysconfdir)'/$${file##*/}; \
	    install -v -m 644 $$file "$$to.default"; \
	    [ -e "$$to" ] || install -v -m 644 $$file "$$to"; \
	done
	@for file in $(MANUALS); do \
	    to='$(DESTDIR)$(mandir)'/man$${file##*.}; \
	    install -d "$$to" && install -v -m 644 $$file "$$to"; \
	done
	@for file in $(PAGES); do \
	    install -v -D -m 644 $$file '$(DESTDIR)$(webdir)'/$${file#web/}; \
	done
	@for file in $(COMPLETIONS); do \
	    install -v -m 644 $$file \
	        '$(DESTDIR)$(completiondir)'/$$(basename $$file .bash); \
	done

# Configuration that somebody changed stays.
uninstall:
	rm -f '$(DESTDIR)$(moduledir)/$(notdir $(MODULE))' \
	    $(patsubst %,'$(DESTDIR)$(sbindir)/%',$(notdir $(WORKERS))) \
	    $(patsubst %,'$(DESTDIR)$(bindir)/%',$(notdir $(COMMANDS))) \
	    $(patsubst %,'$(DESTDIR)$(completiondir)/%',\
	        $(notdir $(basename $(COMPLETIONS)))) \
	    $(patsubst web/%,'$(DESTDIR)$(webdir)/%',$(PAGES))
	@for file in $(notdir $(MANUALS)); do \
	    rm -fv '$(DESTDIR)$(mandir)'/man$${file##*.}/$$file; \
	done
	@for file in $(CONFS); do \
	    to='$(DESTDIR)$(sysconfdir)'/$${file##*/}; \
	    ! cmp -s "$$to" $$file || rm -fv "$$to"; \
	    rm -fv "$$to.default"; \
	done


# The rest

.PHONY: dist clean distclean help
dist:
	@mkdir -p build
	@git rev-parse HEAD > /dev/null 2>&1 \
	|| { echo 'make dist needs the git repository' >&2; exit 1; }
	git archive --format=tar.gz --prefix=ficus-$(VERSION)/ \
	    -o build/ficus-$(VERSION).tar.gz HEAD

# What configure wrote stays.
clean:
	rm -rf $(filter-out build/config.%,$(wildcard build/*))

distclean:
	rm -rf build

help:
	@cat auto/make-help


-include $(shell [ ! -d $(O) ] || find $(O) -name '*.d')
