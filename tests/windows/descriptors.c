/*
 * descriptors PIPE...: whose each pipe is and who may open it, as the system tells any client that has opened it, in
 * SDDL. The first line is the user of this process.
 *
 * Not by name (GetNamedSecurityInfo): that would take one of the pipe's instances away, too, and Wine cannot do it.
 */
#include <aclapi.h>
#include <sddl.h>
#include <stdio.h>
#include <windows.h>

static int fail(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s: error %lu\n", name, what, GetLastError());
    return 1;
}

static int show_user(void)
{
    HANDLE token;
    DWORD size;
    char *sid;
    union {
        TOKEN_USER user;
        char bytes[256];
    } held;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return fail("OpenProcessToken", "user");
    if (!GetTokenInformation(token, TokenUser, &held, sizeof held, &size))
        return fail("GetTokenInformation", "user");
    if (!ConvertSidToStringSidA(held.user.User.Sid, &sid))
        return fail("ConvertSidToStringSid", "user");
    printf("user %s\n", sid);
    LocalFree(sid);
    CloseHandle(token);
    return 0;
}

static int show_pipe(const char *name)
{
    const SECURITY_INFORMATION what = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    PSECURITY_DESCRIPTOR descriptor;
    HANDLE pipe = INVALID_HANDLE_VALUE;
    DWORD status;
    char *text;

    /* All instances may be taken for a moment. */
    for (int tries = 0; tries < 50 && pipe == INVALID_HANDLE_VALUE; tries++) {
        pipe = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
        if (pipe != INVALID_HANDLE_VALUE || GetLastError() != ERROR_PIPE_BUSY)
            break;
        WaitNamedPipeA(name, 1000);
    }
    if (pipe == INVALID_HANDLE_VALUE)
        return fail("CreateFile", name);
    status = GetSecurityInfo(pipe, SE_KERNEL_OBJECT, what, NULL, NULL, NULL, NULL, &descriptor);
    SetLastError(status);
    if (status != ERROR_SUCCESS)
        return fail("GetSecurityInfo", name);
    if (!ConvertSecurityDescriptorToStringSecurityDescriptorA(descriptor, SDDL_REVISION_1, what, &text, NULL))
        return fail("ConvertSecurityDescriptorToStringSecurityDescriptor", name);
    printf("%s %s\n", name, text);
    LocalFree(text);
    LocalFree(descriptor);
    CloseHandle(pipe);
    return 0;
}

int main(int argc, char **argv)
{
    int failed = show_user();

    for (int i = 1; i < argc; i++)
        failed |= show_pipe(argv[i]);
    return failed;
}
