# Copyright (C) Ficus authors
#
# make help lists the targets.  All that is made goes under $(BUILD); a new
# source file in a directory that is there already needs no change here.

BUILD ?= build
JOBS ?= 2
TIME ?= 60

MAKEFLAGS += --no-builtin-rules --no-print-directory
SHELL = /bin/sh
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:

.PHONY: all
all:


# What configure found; it runs by itself when it never ran, or is newer.

unconfigured = help clean distclean dist stop style layers lengths manual
goals = $(or $(MAKECMDGOALS),all)

ifneq ($(filter-out $(unconfigured),$(goals)),)
include build/config.mk
endif

build/config.mk: build/config.stamp ;

build/config.stamp: configure VERSION $(filter-out auto/nginx-objs,$(wildcard auto/*))
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
SANITIZER = -fsanitize=address,undefined -fno-sanitize-recover=all \
            -fno-omit-frame-pointer
else
HARDEN = -fstack-protector-strong -D_FORTIFY_SOURCE=2
HARDEN_LD = -Wl,-z,relro,-z,now
SANITIZER =
endif

CPPFLAGS = -D_GNU_SOURCE -Ibuild -Icommon -Ishared $(NATS_CFLAGS) \
           $(SQLITE_CFLAGS) $(JSON_CFLAGS) $(CURL_CFLAGS)
CFLAGS = -std=c11 $(OPTIMIZE) $(WARNINGS) $(WERROR) -fPIE -pthread $(HARDEN) \
         $(SANITIZER) $(CC_OPT)
LDFLAGS = -pie -pthread $(HARDEN_LD) $(SANITIZER) $(LD_OPT)
LIBS = $(NATS_LIBS) $(SQLITE_LIBS) $(JSON_LIBS) $(CURL_LIBS) -lm

COMPILE = $(CC) $(CPPFLAGS) $(CFLAGS)
LINK = $(CC) $(LDFLAGS)


# Objects.  They are made again when the flags change, archives when the list
# of their members does.

O = $(BUILD)/obj

.PHONY: force
force:

$(O)/flags: force
	@mkdir -p $(@D)
	@echo '$(COMPILE) $(CHECK_CFLAGS) $(LINK)' | cmp -s - $@ \
	|| echo '$(COMPILE) $(CHECK_CFLAGS) $(LINK)' > $@

$(O)/%.o: %.c $(O)/flags
	@mkdir -p $(@D)
	$(COMPILE) $(EXTRA_CFLAGS) -MMD -MP -c -o $@ $<

objects = $(patsubst %.c,$(O)/%.o,$(1))

define archive
$(O)/$(1).list: force
	@mkdir -p $$(@D)
	@echo '$(2)' | cmp -s - $$@ || echo '$(2)' > $$@

$(BUILD)/$(1): $(call objects,$(2)) $(O)/$(1).list
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $(call objects,$(2))
endef


# The library

FIG_SOURCES := $(sort $(wildcard shared/*.c common/*.c))
LIBFIG = $(BUILD)/libfig.a

$(eval $(call archive,libfig.a,$(FIG_SOURCES)))


# Programs: $(1) is the path under $(BUILD), $(2) its sources, $(3) libraries.

define program
$(BUILD)/$(1): $(call objects,$(2)) $(LIBFIG)
	@mkdir -p $$(@D)
	$$(LINK) -o $$@ $(call objects,$(2)) $$(LIBFIG) $(3) $$(LIBS)
endef

dash = $(subst _,-,$(1))

WORKER_FILES := $(sort $(basename $(notdir $(wildcard workers/*.c))))
WORKER_DIRS := $(sort $(filter-out $(WORKER_FILES),\
                 $(notdir $(patsubst %/,%,$(dir $(wildcard workers/*/*.c))))))
TOOLS := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard tools/*/*.c)))))

$(foreach w,$(WORKER_FILES),\
  $(eval $(call program,$(call dash,$(w)),workers/$(w).c)))
$(foreach w,$(WORKER_DIRS),\
  $(eval $(call program,$(call dash,$(w)),$(sort $(wildcard workers/$(w)/*.c)))))
$(foreach t,$(TOOLS),\
  $(eval $(call program,$(t),$(sort $(wildcard tools/$(t)/*.c)))))

WORKERS = $(addprefix $(BUILD)/,$(call dash,$(WORKER_FILES) $(WORKER_DIRS)))
PROGRAMS = $(WORKERS) $(addprefix $(BUILD)/,$(TOOLS))


# The module, and nginx itself where it is built from source.  nginx's own
# makefile knows what depends on what.

MODULE = $(BUILD)/ngx_http_strangler_module.so
NGINX_OBJS = $(BUILD)/nginx/objs
NGINX_CC_OPT = -O2 -g -fPIC $(HARDEN) $(SANITIZER) $(CC_OPT)
NGINX_LD_OPT = $(HARDEN_LD) $(SANITIZER) $(LD_OPT)

$(NGINX_OBJS)/Makefile: nginx-module/config auto/nginx-objs build/config.mk
	sh auto/nginx-objs '$(BUILD)/nginx' '$(NGINX_SRC)' "$(NGINX_ARGS)" \
	    '$(CC)' '$(strip $(NGINX_CC_OPT))' '$(strip $(NGINX_LD_OPT))'

.PHONY: nginx
nginx: $(NGINX_OBJS)/Makefile
	@$(MAKE) -C $(BUILD)/nginx -f objs/Makefile \
	    $(if $(NGINX_BIN),,binary) modules
	@cmp -s $(NGINX_OBJS)/$(notdir $(MODULE)) $(MODULE) \
	|| cp $(NGINX_OBJS)/$(notdir $(MODULE)) $(MODULE)

NGINX = $(or $(NGINX_BIN),$(abspath $(NGINX_OBJS)/nginx))


all: $(if $(wildcard nginx-module/config),nginx) $(LIBFIG) $(PROGRAMS)


# Tests: one program per tests/unit/test_*.c; other files there help them all.

UNIT_SOURCES := $(sort $(wildcard tests/unit/test_*.c))
UNIT_HELPERS := $(filter-out $(UNIT_SOURCES),$(sort $(wildcard tests/unit/*.c)))
UNIT_TESTS = $(patsubst %.c,$(BUILD)/%,$(UNIT_SOURCES))

$(O)/tests/unit/%.o: EXTRA_CFLAGS = $(CHECK_CFLAGS)

$(UNIT_TESTS): $(BUILD)/%: $(O)/%.o $(call objects,$(UNIT_HELPERS)) $(LIBFIG)
	@mkdir -p $(@D)
	$(LINK) -o $@ $(filter %.o,$^) $(LIBFIG) $(CHECK_LIBS) $(LIBS)

.PHONY: tests
tests: $(UNIT_TESTS)

.PHONY: check
check: all tests


.PHONY: clean distclean
clean:
	rm -rf $(filter-out build/config.%,$(wildcard build/*))

distclean:
	rm -rf build


-include $(shell [ ! -d $(O) ] || find $(O) -name '*.d')
