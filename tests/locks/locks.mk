# Copyright (C) Ficus authors
#
# The module once more, with each access to shared memory watched, and the
# publication of its tables on a model of memory; see tests/locks/README.md.
# nginx's own headers are not for our warnings.

comma = ,
WATCHED = $(BUILD)/watched/$(notdir $(MODULE))
WATCHED_OWN = $(addprefix tests/locks/,watch.c places.c calls.c tsan.c)
WATCHED_SOURCES := $(sort $(wildcard nginx-module/*.c common/*.c))
WATCHED_COPIES = memcpy memmove memset memcmp
WATCHED_CALLS = $(WATCHED_COPIES) read write pread fsync flock rename unlink \
    ftruncate close usleep open ngx_palloc ngx_pnalloc ngx_pcalloc \
    ngx_slab_alloc ngx_slab_calloc ngx_thread_task_post \
    ngx_vslprintf ngx_sprintf ngx_snprintf ngx_slprintf ngx_log_error_core \
    ngx_shmtx_lock ngx_shmtx_unlock ngx_http_strangler_init_zone
PUBLISH = $(BUILD)/tests/locks/publish
PUBLISH_OWN = $(addprefix tests/locks/,publish.c model.c tsan.c) \
    common/ngx_http_strangler_table.c
PUBLISH_SOURCES = nginx-module/ngx_http_strangler_zone.c \
    nginx-module/ngx_http_strangler_local.c

NGINX_INCLUDES = $(addprefix -isystem $(NGINX_DIR)/src/,core event \
    event/modules os/unix http http/modules http/v2) -isystem $(NGINX_OBJS)
WATCH_COMPILE = $(CC) -O -g -fPIC -fno-builtin -fno-optimize-sibling-calls \
    -Wall $(WERROR) -D_GNU_SOURCE -Itests/locks -Inginx-module -Icommon \
    $(NGINX_INCLUDES) $(JSON_CFLAGS)

$(O)/watch.list: LIST = $(WATCH_COMPILE) $(WATCHED_LINK)

define watch_compile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(WATCH_COMPILE) $(WATCH_CFLAGS) -MMD -MP -c -o $@ $<
endef

watch_objects = $(patsubst %.c,$(O)/$(1)/%.o,$(2))

$(O)/watched/%.o: %.c $(O)/watch.list $(NGINX_OBJS)/Makefile
	$(watch_compile)

$(O)/modelled/%.o: %.c $(O)/watch.list $(NGINX_OBJS)/Makefile
	$(watch_compile)

$(call watch_objects,watched,$(WATCHED_SOURCES)): \
    WATCH_CFLAGS = -fsanitize=thread
$(call watch_objects,modelled,$(PUBLISH_SOURCES)): \
    WATCH_CFLAGS = -fsanitize=thread -ffunction-sections \
    -include tests/locks/fence.h

$(O)/watched/kinds.c: nginx-module/ngx_http_strangler_shm.h tests/locks/kinds.pl
	@mkdir -p $(@D)
	$(Q)perl tests/locks/kinds.pl $< > $@

$(O)/watched/kinds.o: $(O)/watched/kinds.c $(O)/watch.list
	$(watch_compile)

$(O)/watched/modules.o: $(NGINX_OBJS)/Makefile $(O)/watch.list
	$(Q)$(WATCH_COMPILE) -c -o $@ \
	    $(NGINX_OBJS)/$(basename $(notdir $(MODULE)))_modules.c

WATCHED_OBJECTS = $(O)/watched/kinds.o $(O)/watched/modules.o \
    $(call watch_objects,watched,$(WATCHED_SOURCES) $(WATCHED_OWN))
WATCHED_LINK = $(CC) -shared $(WATCHED_OBJECTS) \
    $(addprefix -Wl$(comma)--wrap=,$(WATCHED_CALLS)) $(JSON_LIBS) -lm -ldl

$(WATCHED): $(WATCHED_OBJECTS) $(O)/watch.list
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(WATCHED_LINK) -o $@

.PHONY: print-watched
print-watched:
	@echo '$(strip $(WATCH_COMPILE) -fsanitize=thread)'
	@echo '$(strip $(WATCHED_LINK))'

# what is not tried of these files is left out
$(PUBLISH): $(call watch_objects,modelled,$(PUBLISH_SOURCES) $(PUBLISH_OWN)) \
    $(O)/watch.list
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) -pie -o $@ $(filter %.o,$^) -Wl,--gc-sections \
	    $(addprefix -Wl$(comma)--wrap=,$(WATCHED_COPIES))
