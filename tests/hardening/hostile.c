/* A PKCS#11 provider that hands everything on to another one, REAL, and tries before each signature, and once while it
   is loaded, what no provider needs. What it met goes to REPORT: when, what, and the error's number or 0. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <asm/ioctls.h>
#include <asm/sockios.h>
#include <sched.h>
#include <unistd.h>

typedef unsigned long num;
struct list { unsigned char version[2]; void *f[68]; };
enum { INITIALIZE = 0, GET_FUNCTION_LIST = 3, SIGN = 43 };

static struct list ours, *real;
static sem_t go, done;
static volatile sig_atomic_t heard;

static void tell(const char *when, const char *what, long result)
{
    char line[128];
    int error = result < 0 ? errno : 0;
    int fd = open(REPORT, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int len = snprintf(line, sizeof line, "%s %s %d\n", when, what, error);
    (void)!write(fd, line, len);
    close(fd);
}

static long child(long pid)
{
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        waitpid(pid, 0, 0);
    return pid;
}

static long spawned(void)
{
    pid_t pid;
    char *arguments[] = {"true", 0};
    errno = posix_spawn(&pid, "/bin/true", 0, 0, arguments, arguments + 1);
    return errno ? -1 : child(pid);
}

static long opened(int fd)
{
    if (fd >= 0)
        close(fd);
    return fd;
}

static long dumpable(void)
{
    long result = prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return result;
}

static void try_everything(const char *when)
{
    char path[64], *none[] = {0};
    pid_t agent = getppid();
    int ends[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    siginfo_t info;
    struct rlimit limit;

    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
    memset(&info, 0, sizeof info);
    info.si_code = SI_QUEUE;
    snprintf(path, sizeof path, "/proc/%d/mem", (int)agent);

    tell(when, "fork", child(fork()));
    tell(when, "clone", child(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)));
    tell(when, "clone3", syscall(SYS_clone3, 0, 0));
    tell(when, "posix_spawn", spawned());
    tell(when, "execve", execve("/no/such/program", none, none));
    tell(when, "execveat", syscall(SYS_execveat, AT_FDCWD, "/no/such/program", none, none, 0));
    tell(when, "kill", kill(agent, 0));
    tell(when, "kill-group", kill(-getpgid(agent), 0));
    tell(when, "tgkill", syscall(SYS_tgkill, agent, agent, 0));
    tell(when, "tkill", syscall(SYS_tkill, agent, 0));
    tell(when, "sigqueue", syscall(SYS_rt_sigqueueinfo, agent, 0, &info));
    tell(when, "pidfd_open", opened(syscall(SYS_pidfd_open, agent, 0)));
    tell(when, "prlimit", prlimit(agent, RLIMIT_NOFILE, 0, &limit));
    tell(when, "setpriority", setpriority(PRIO_PROCESS, agent, getpriority(PRIO_PROCESS, agent)));
    tell(when, "f_setown", fcntl(ends[0], F_SETOWN, agent));
    tell(when, "f_setsig", fcntl(ends[0], F_SETSIG, SIGTERM));
    tell(when, "fiosetown", ioctl(ends[0], FIOSETOWN, &agent));
    tell(when, "siocspgrp", ioctl(ends[0], SIOCSPGRP, &agent));
    tell(when, "tiocsti", ioctl(null, TIOCSTI, "x"));
    tell(when, "ptrace", ptrace(PTRACE_SEIZE, agent, 0, 0));
    tell(when, "memory", opened(open(path, O_RDONLY | O_CLOEXEC)));
    tell(when, "dumpable", dumpable());
    tell(when, "ptracer", prctl(PR_SET_PTRACER, 0, 0, 0, 0));
    tell(when, "setuid", syscall(SYS_setuid, getuid()));
    tell(when, "unshare", unshare(0));
    tell(when, "setns", setns(-1, 0));
    tell(when, "mount", mount("x", "/", "tmpfs", 0, 0));
    close(ends[0]);
    close(ends[1]);
    close(null);
}

static void *nothing(void *argument)
{
    return argument;
}

static void *forever(void *argument)
{
    for (;;)
        pause();
    return argument;
}

static void hear(int number)
{
    heard = number;
}

static long joined(void *(*work)(void *), int cancel)
{
    pthread_t thread;
    errno = pthread_create(&thread, 0, work, 0);
    if (errno)
        return -1;
    if (cancel && (errno = pthread_cancel(thread)))
        return -1;
    errno = pthread_join(thread, 0);
    return errno ? -1 : 0;
}

/* What providers do, and may go on doing. */
static void do_what_is_usual(const char *when)
{
    int ends[2], fd = open(REPORT ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    void *code;

    signal(SIGUSR1, hear);
    heard = 0;
    tell(when, "thread", joined(nothing, 0));
    tell(when, "cancel", joined(forever, 1));
    tell(when, "raise", raise(SIGUSR1) == 0 && heard == SIGUSR1 ? 0 : -1);
    tell(when, "own-kill", kill(getpid(), 0));
    tell(when, "own-limit", prlimit(getpid(), RLIMIT_NOFILE, 0, &(struct rlimit){0}));
    tell(when, "socket", opened(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    tell(when, "network", opened(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends);
    tell(when, "nonblocking", fcntl(ends[0], F_SETFL, O_NONBLOCK));
    tell(when, "lock", fcntl(fd, F_SETLK, &lock));
    tell(when, "flock", flock(fd, LOCK_EX | LOCK_NB));
    tell(when, "rename", rename(REPORT ".lock", REPORT ".moved"));
    code = mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    tell(when, "memory-to-run", code == MAP_FAILED ? -1 : munmap(code, 4096));
    tell(when, "name", prctl(PR_SET_NAME, "provider", 0, 0, 0));
    close(ends[0]);
    close(ends[1]);
    close(fd);
}

/* A thread that is there before the process closes itself further. */
static void *waiting(void *argument)
{
#ifdef STUBBORN
    struct sock_filter allow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
    struct sock_fprog program = {1, &allow};
    tell("load", "own-list", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0));
#endif
    sem_post(&done);
    for (;;) {
        sem_wait(&go);
        try_everything("thread");
        sem_post(&done);
    }
    return argument;
}

/* A process that outlives the one that has started it, and ends with the provider's. */
static void leave_behind(void)
{
#ifdef LEAVING
    int life[2];
    if (pipe(life) != 0)
        return;
    if (fork() == 0) {
        char byte;
        if (fork() != 0)
            _exit(0);
        setsid();
        close(life[1]);
        _exit(read(life[0], &byte, 1) != 0);
    }
    wait(0);
#endif
}

static num initialize(void *args)
{
    pthread_t thread;
    sem_init(&go, 0, 0);
    sem_init(&done, 0, 0);
    pthread_create(&thread, 0, waiting, 0);
    sem_wait(&done);
    try_everything("load");
    leave_behind();
    return ((num (*)(void *))real->f[INITIALIZE])(args);
}

struct call { num session, len, *out_len, result; unsigned char *data, *out; };

static void *sign_aside(void *argument)
{
    struct call *call = argument;
    call->result = ((num (*)(num, unsigned char *, num, unsigned char *, num *))real->f[SIGN])(
        call->session, call->data, call->len, call->out, call->out_len);
    return 0;
}

static num sign(num session, unsigned char *data, num len, unsigned char *out, num *out_len)
{
    struct call call = {session, len, out_len, 5, data, out};
    pthread_t thread;
    try_everything("sign");
    do_what_is_usual("usual");
    sem_post(&go);
    sem_wait(&done);
    if (pthread_create(&thread, 0, sign_aside, &call) == 0)
        pthread_join(thread, 0);
    return call.result;
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
    ours.f[SIGN] = (void *)sign;
    *out = &ours;
    return 0;
}
