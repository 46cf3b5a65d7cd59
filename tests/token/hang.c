/* Stands before the C library, and plays a file system below /hung that answers nobody. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

char *realpath(const char *path, char *out)
{
    char *(*real)(const char *, char *) = (char *(*)(const char *, char *))dlsym(RTLD_NEXT, "realpath");
    while (strncmp(path, "/hung/", 6) == 0)
        pause();
    return real(path, out);
}
