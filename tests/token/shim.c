/* A PKCS#11 provider that hands everything on to another one, REAL, and misbehaves as the file MODE says. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long num;
struct list { unsigned char version[2]; void *f[68]; };
enum { INITIALIZE = 0, GET_FUNCTION_LIST = 3, LOGIN = 18, SIGN_INIT = 42, SIGN = 43 };

static struct list ours, *real;

static int mode(const char *name)
{
    char text[64] = "";
    int fd = open(MODE, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t got = read(fd, text, sizeof text - 1);
        text[got > 0 ? got : 0] = 0;
        close(fd);
    }
    if (strcmp(text, name) != 0)
        return 0;
    close(open(MODE ".reached", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    return 1;
}

static void hang(void)
{
    for (;;)
        pause();
}

static num initialize(void *args)
{
    if (mode("crash at load"))
        *(volatile int *)0 = 1;
    if (mode("hang at load"))
        hang();
    if (mode("leave at load"))
        _exit(0);
    if (mode("fork") && fork() == 0)
        hang();
    if (mode("noise")) {
        char byte;
        for (int i = 0; i < 10000; i++)
            printf("noise on the output\n");
        fflush(stdout);
        for (int fd = 0; fd < 64; fd++) {
            /* Whatever is open but the files that were opened since. */
            if (fd < 3)
                (void)!write(fd, "noise", 5);
        }
        (void)!read(0, &byte, 1);
    }
    return ((num (*)(void *))real->f[INITIALIZE])(args);
}

static num login(num session, num user, unsigned char *pin, num len)
{
    if (mode("hang at login"))
        hang();
    return ((num (*)(num, num, unsigned char *, num))real->f[LOGIN])(session, user, pin, len);
}

static num sign_init(num session, void *mechanism, num key)
{
    if (mode("removed"))
        return 0x32; /* CKR_DEVICE_REMOVED */
    return ((num (*)(num, void *, num))real->f[SIGN_INIT])(session, mechanism, key);
}

static num sign(num session, unsigned char *data, num len, unsigned char *out, num *out_len)
{
    num result;
    if (mode("crash at sign"))
        abort();
    if (mode("hang at sign"))
        hang();
    /* As a person at a keypad: until the mode is another one. */
    while (mode("wait at sign"))
        usleep(10000);
    if (mode("endless signature") && !out) {
        *out_len = 1UL << 62;
        return 0;
    }
    result = ((num (*)(num, unsigned char *, num, unsigned char *, num *))real->f[SIGN])(session, data, len, out, out_len);
    if (result == 0 && out && mode("wrong signature"))
        out[*out_len / 2] ^= 1;
    if (result == 0 && out && mode("short signature"))
        *out_len = 3;
    return result;
}

num C_GetFunctionList(struct list **out)
{
    void *library = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
    num (*get)(struct list **) = library ? (num (*)(struct list **))dlsym(library, "C_GetFunctionList") : 0;
    if (!get || get(&real) != 0)
        return 5;
    ours = *real;
    ours.f[GET_FUNCTION_LIST] = (void *)C_GetFunctionList;
    ours.f[INITIALIZE] = (void *)initialize;
    ours.f[LOGIN] = (void *)login;
    ours.f[SIGN_INIT] = (void *)sign_init;
    ours.f[SIGN] = (void *)sign;
    *out = &ours;
    return 0;
}
