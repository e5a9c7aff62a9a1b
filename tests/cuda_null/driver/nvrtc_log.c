// A `libnvrtc.so` that passes everything on to the real NVRTC and writes down what it compiled: seconds, result, kernel name and,
// for a failure, the compiler's own words, one record per line, to the file NVRTC_LOG. NVRTC_REAL names the real library.
// Failures of autotuning's candidates are otherwise swallowed.
//
// Built by `build`, beside this file.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef void *Program;
static void *real(const char *name) {
    static void *library;
    if (!library) {
        const char *path = getenv("NVRTC_REAL");
        library = dlopen(path ? path : "libnvrtc.so.13", RTLD_NOW | RTLD_LOCAL);
        if (!library) fprintf(stderr, "nvrtc_log: %s\n", dlerror()), abort();
    }
    return dlsym(library, name);
}
#define API __attribute__((visibility("default")))
#define PASS(name, parameters, arguments) API int name parameters { \
    static int (*f) parameters; if (!f) f = (int (*) parameters)real(#name); return f arguments; }

PASS(nvrtcVersion, (int *major, int *minor), (major, minor))
PASS(nvrtcDestroyProgram, (Program *p), (p))
PASS(nvrtcGetProgramLogSize, (Program p, size_t *n), (p, n))
PASS(nvrtcGetProgramLog, (Program p, char *log), (p, log))
PASS(nvrtcGetPTXSize, (Program p, size_t *n), (p, n))
PASS(nvrtcGetPTX, (Program p, char *ptx), (p, ptx))
PASS(nvrtcGetCUBINSize, (Program p, size_t *n), (p, n))
PASS(nvrtcGetCUBIN, (Program p, char *ptx), (p, ptx))
PASS(nvrtcGetLoweredName, (Program p, const char *name, const char **lowered), (p, name, lowered))
PASS(nvrtcAddNameExpression, (Program p, const char *name), (p, name))
API const char *nvrtcGetErrorString(int result) { return ((const char *(*)(int))real("nvrtcGetErrorString"))(result); }

// The kernel's name, found in the source: the word before the bracket after `__global__`.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { Program program; char name[256]; } names[16];
static int next;
API int nvrtcCreateProgram(Program *p, const char *source, const char *name, int n, const char *const *headers, const char *const *includes) {
    int result = ((int (*)(Program *, const char *, const char *, int, const char *const *, const char *const *))real("nvrtcCreateProgram"))
        (p, source, name, n, headers, includes);
    pthread_mutex_lock(&lock);
    names[next % 16].program = *p;
    char *into = names[next % 16].name;
    snprintf(into, 256, "?");
    const char *at = strstr(source, "__global__");
    while (at && *at) {
        const char *bracket = strchr(at, '(');
        if (!bracket) break;
        const char *begin = bracket;
        while (begin > at && (begin[-1] == '_' || (begin[-1] >= '0' && begin[-1] <= '9') || (begin[-1] | 32) >= 'a')) begin--;
        if (strncmp(begin, "__launch_bounds__", 17) && strncmp(begin, "__cluster_dims__", 16) && begin < bracket) {
            snprintf(into, 256, "%.*s", (int)(bracket - begin), begin);
            break;
        }
        at = bracket + 1;
    }
    next++;
    pthread_mutex_unlock(&lock);
    return result;
}

API int nvrtcCompileProgram(Program p, int n, const char *const *options) {
    struct timespec a, b;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
    int result = ((int (*)(Program, int, const char *const *))real("nvrtcCompileProgram"))(p, n, options);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
    const char *path = getenv("NVRTC_LOG");
    FILE *out = path ? fopen(path, "a") : NULL;
    if (out) {
        pthread_mutex_lock(&lock);
        const char *name = "?";
        for (int i = 0; i < 16; i++) if (names[i].program == p) name = names[i].name;
        fprintf(out, "%.3f\t%d\t%s", (b.tv_sec - a.tv_sec) + (b.tv_nsec - a.tv_nsec) * 1e-9, result, name);
        size_t size = 0;
        if (result && !nvrtcGetProgramLogSize(p, &size) && size > 1) {
            char *log = malloc(size);
            nvrtcGetProgramLog(p, log);
            for (char *c = log; *c; c++) if (*c == '\n' || *c == '\t') *c = '|';
            fprintf(out, "\t%.1500s", log);
            free(log);
        }
        fputc('\n', out);
        pthread_mutex_unlock(&lock);
        fclose(out);
    }
    return result;
}
