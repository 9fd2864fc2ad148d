
/*
 * Copyright (C) Ficus authors
 */


/*
 * A main() for fuzz targets without libFuzzer: gives them every file named,
 * and those in every directory named, and reports in TAP.  So the inputs that
 * once did harm are tried in each make check, whatever the compiler.
 */


#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void replay_path(const char *path);
static void replay_directory(const char *path);
static void replay_file(const char *path, size_t size);
static void fail(const char *path);


static unsigned  count;


int
main(int argc, char **argv)
{
    int  i;

    for (i = 1; i < argc; i++) {
        replay_path(argv[i]);
    }

    printf("1..%u\n", count);

    return 0;
}


static void
replay_path(const char *path)
{
    struct stat  st;

    if (stat(path, &st) == -1) {
        fail(path);
    }

    if (S_ISDIR(st.st_mode)) {
        replay_directory(path);

    } else {
        replay_file(path, (size_t) st.st_size);
    }
}


static void
replay_directory(const char *path)
{
    int              i, n;
    char             name[4096];
    struct dirent  **entries;

    n = scandir(path, &entries, NULL, alphasort);

    if (n == -1) {
        fail(path);
    }

    for (i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            (void) snprintf(name, sizeof(name), "%s/%s", path,
                            entries[i]->d_name);
            replay_path(name);
        }

        free(entries[i]);
    }

    free(entries);
}


/* The buffer has no byte to spare: ASan sees the first read behind it. */

static void
replay_file(const char *path, size_t size)
{
    FILE     *file;
    uint8_t  *data;

    file = fopen(path, "rb");
    data = malloc(size ? size : 1);

    if (file == NULL || data == NULL
        || fread(data, 1, size, file) != size)
    {
        fail(path);
    }

    (void) fclose(file);

    /* said before, so that a crash names its input */
    printf("# %s\n", path);
    (void) fflush(stdout);

    (void) LLVMFuzzerTestOneInput(data, size);

    printf("ok %u - %s\n", ++count, path);

    free(data);
}


static void
fail(const char *path)
{
    perror(path);
    exit(EXIT_FAILURE);
}
