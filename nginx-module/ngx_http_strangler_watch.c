
/*
 * Copyright (C) Ficus authors
 */


/*
 * Looks whether another instance has written the state file: the old or the
 * new one during an upgrade of the binary, or one that was killed before it
 * could publish what it had written.  Worker processes of one instance share
 * memory and need none of this.
 */


#include "ngx_http_strangler_files.h"


/* takes over a state file that has changed since the last look */

void
ngx_http_strangler_look(ngx_http_strangler_split_t *split, ngx_log_t *log)
{
    ngx_fd_t                    fd;
    ngx_file_info_t             fi;
    ngx_http_strangler_seen_t   seen;

    if (split->state_file.len == 0
        || ngx_file_info(split->state_file.data, &fi) == NGX_FILE_ERROR)
    {
        return;
    }

    ngx_memzero(&seen, sizeof(ngx_http_strangler_seen_t));

    seen.uniq = ngx_file_uniq(&fi);
    seen.size = ngx_file_size(&fi);
    seen.mtime = ngx_file_mtime(&fi);
#if !(NGX_DARWIN)
    seen.nsec = fi.st_mtim.tv_nsec;
#endif

    if (ngx_memcmp(&seen, &split->seen, sizeof(ngx_http_strangler_seen_t))
        == 0)
    {
        return;
    }

    /* whoever holds the lock will publish; if it does not, we look again */

    if (ngx_http_strangler_lock(split, &fd, log) != NGX_OK) {
        return;
    }

    ngx_http_strangler_sync(split, log);

    ngx_http_strangler_unlock(fd, log);

    split->seen = seen;
}
