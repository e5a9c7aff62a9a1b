// A null driver: a `libcuda.so.1` without a GPU behind it.
//
// It presents one device (an H200 by default), keeps "device" memory in host memory, copies what it is asked to copy, accepts
// every module and COUNTS every kernel launch without running it. Together with the real NVRTC it shows, on any Linux machine,
//   * whether every kernel of a program compiles (NVRTC is real; `ptxas` can assemble the dumped PTX afterwards),
//   * whether every launch would be accepted (grid, block and shared memory against the device's limits, entry names),
//   * what a program asks of the device: launches per kernel, copies and their bytes, synchronisations, peak memory.
// It says nothing about results (a kernel leaves memory as it was, zeros at first) and nothing about the time on a GPU.
//
// Written for what cudarc 0.19 and cubecl-cuda 0.11 call; every other entry point of the driver API exists, is counted, and
// answers CUDA_ERROR_NOT_SUPPORTED.
//
// Environment (all optional):
//   NULLCUDA_OUT=FILE      JSON with all counters, written when the process ends
//   NULLCUDA_TRACE=FILE    one line per event in order: microseconds, thread, event, details (tab-separated)
//   NULLCUDA_PTX=FOLDER    every loaded module as FOLDER/<hash>.ptx
//   NULLCUDA_MEMORY=BYTES  memory of the device (default 150 109 880 320, an H200); beyond it, CUDA_ERROR_OUT_OF_MEMORY
//   NULLCUDA_SM=90         compute capability
//   NULLCUDA_DRIVER=13000  version of the driver
//   NULLCUDA_LAUNCH_NS, NULLCUDA_COPY_NS, NULLCUDA_BANDWIDTH  the imaginary clock behind cuEventElapsedTime: per launch (4000),
//                          per copy (8000), bytes per microsecond (25 000)
//
// Built by `build`, beside this file.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define API __attribute__((visibility("default")))

typedef int Result;
enum {
    OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_CONTEXT = 201, INVALID_IMAGE = 200, INVALID_DEVICE = 101,
    INVALID_HANDLE = 400, NOT_FOUND = 500, OUT_OF_RESOURCES = 701, NOT_SUPPORTED = 801,
};
typedef uint64_t Pointer;

// ---------------------------------------------------------------------------------------------------------------- the books

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *trace;
static struct timespec epoch;
static double device_ns;  // the imaginary clock of the device

static double host_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - epoch.tv_sec) * 1e6 + (now.tv_nsec - epoch.tv_nsec) * 1e-3;
}

static uint64_t setting(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text && *text ? strtoull(text, NULL, 0) : otherwise;
}

// Calls by entry point: at most a few dozen names, found by the address of their text.
#define CALLS 1024
static struct { const char *name; uint64_t count, refused; } calls[CALLS];
static int call_names;

static int call(const char *name) {
    for (int i = 0; i < call_names; i++)
        if (calls[i].name == name || !strcmp(calls[i].name, name)) return calls[i].count++, i;
    if (call_names == CALLS) return CALLS - 1;
    calls[call_names].name = name;
    calls[call_names].count = 1;
    return call_names++;
}

#define TRACE(...) do { if (trace) { fprintf(trace, "%.1f\t%ld\t", host_us(), (long)syscall(SYS_gettid)); \
    fprintf(trace, __VA_ARGS__); fputc('\n', trace); } } while (0)

// Enter an entry point: take the lock and count; LEAVE gives the lock back.
#define ENTER pthread_mutex_lock(&lock); int entered = call(__func__); (void)entered
#define LEAVE(result) do { Result result_ = (result); if (result_ != OK) { calls[entered].refused++; \
    TRACE("REFUSED\t%s\t%d", __func__, result_); } pthread_mutex_unlock(&lock); return result_; } while (0)

static struct { uint64_t count, bytes; } to_device_pinned, to_device_pageable, to_host_pinned, to_host_pageable, on_device, sets;
static struct { uint64_t now, peak, count, freed; } device_memory, pinned_memory;

// Blocks of memory, device and pinned, by address.
typedef struct Block { uintptr_t at; size_t size, mapped; bool pinned; struct Block *next; } Block;
#define BUCKETS 4096
static Block *blocks[BUCKETS];
static Block *all_pinned[4096];
static int pinned_blocks;

static size_t bucket(uintptr_t at) { return (at >> 12) % BUCKETS; }

static void *take(size_t size, bool pinned) {
    size_t mapped = (size + 4095) & ~(size_t)4095;
    void *at = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return NULL;
    Block *block = malloc(sizeof *block);
    *block = (Block){ (uintptr_t)at, size, mapped, pinned, blocks[bucket((uintptr_t)at)] };
    blocks[bucket((uintptr_t)at)] = block;
    if (pinned && pinned_blocks < 4096) all_pinned[pinned_blocks++] = block;
    return at;
}

static bool give(uintptr_t at, size_t *size) {
    for (Block **link = &blocks[bucket(at)]; *link; link = &(*link)->next)
        if ((*link)->at == at) {
            Block *block = *link;
            *link = block->next;
            *size = block->size;
            for (int i = 0; i < pinned_blocks; i++)
                if (all_pinned[i] == block) { all_pinned[i] = all_pinned[--pinned_blocks]; break; }
            munmap((void *)at, block->mapped);
            free(block);
            return true;
        }
    return false;
}

static bool is_pinned(const void *at) {
    for (int i = 0; i < pinned_blocks; i++)
        if ((uintptr_t)at >= all_pinned[i]->at && (uintptr_t)at < all_pinned[i]->at + all_pinned[i]->size) return true;
    return false;
}

// Modules and their functions.
typedef struct Module { char *ptx; uint64_t hash; struct Module *next; } Module;
#define SHAPES 48
typedef struct Function {
    char *name; Module *module; int dynamic_shared; int static_shared, required[3], most_threads;
    uint64_t launches; int shapes; struct { unsigned grid[3], block[3], shared; uint64_t count; } shape[SHAPES];
    struct Function *next;
} Function;
static Module *modules; static Function *functions; static uint64_t module_count, launches, refused_launches;

typedef struct Stream { int number; } Stream;
typedef struct Event { double at; } Event;
static int stream_count;

// What the device says of itself: an H200.
static uint64_t total_memory; static int sm, driver_version;
static double launch_ns, copy_ns, bytes_per_us;
static char context_[64];
static __thread void *current;

static int attribute(int which) {
    switch (which) {
        case 1: return 1024;             // threads of a block
        case 2: case 3: return 1024;     // of them along x, y
        case 4: return 64;               // along z
        case 5: return 2147483647;       // blocks of a grid along x
        case 6: case 7: return 65535;    // along y, z
        case 8: return 49152;            // shared memory of a block without opting in
        case 9: return 65536;            // constant memory
        case 10: return 32;              // warp
        case 11: return 2147483647;      // pitch
        case 12: return 65536;           // registers of a block
        case 13: return 1980000;         // clock, kHz
        case 14: return 512;             // texture alignment
        case 15: case 31: case 41: return 1;  // overlaps copies, concurrent kernels, unified addresses
        case 16: return 132;             // multiprocessors
        case 36: return 3201000;         // memory clock, kHz
        case 37: return 6144;            // bus, bits
        case 38: return 62914560;        // L2
        case 39: return 2048;            // threads of a multiprocessor
        case 40: return 3;               // copy engines
        case 75: return sm / 10;         // compute capability
        case 76: return sm % 10;
        case 78: return 1;               // stream priorities
        case 81: return 233472;          // shared memory of a multiprocessor
        case 82: return 65536;           // registers of a multiprocessor
        case 83: return 1;               // managed memory
        case 95: return 1;               // cooperative launch
        case 97: return 232448;          // shared memory of a block, opted in: 227 KiB
        case 102: return 1;              // virtual memory management
        case 106: return 32;             // blocks of a multiprocessor
        case 111: return 1024;           // shared memory of a block that is reserved
        case 115: return 1;              // memory pools
        case 120: return 1;              // clusters
        default: return 0;
    }
}

// ------------------------------------------------------------------------------------------------------------ begin and end

__attribute__((constructor)) static void begin(void) {
    clock_gettime(CLOCK_MONOTONIC, &epoch);
    total_memory = setting("NULLCUDA_MEMORY", 150109880320u);
    sm = (int)setting("NULLCUDA_SM", 90);
    driver_version = (int)setting("NULLCUDA_DRIVER", 13000);
    launch_ns = setting("NULLCUDA_LAUNCH_NS", 4000);
    copy_ns = setting("NULLCUDA_COPY_NS", 8000);
    bytes_per_us = setting("NULLCUDA_BANDWIDTH", 25000);
    const char *path = getenv("NULLCUDA_TRACE");
    if (path && *path && (trace = fopen(path, "w"))) setvbuf(trace, NULL, _IOFBF, 1 << 20);
}

static void text(FILE *out, const char *from) {
    fputc('"', out);
    for (; *from; from++) {
        if (*from == '"' || *from == '\\') fputc('\\', out);
        if ((unsigned char)*from >= 32) fputc(*from, out);
    }
    fputc('"', out);
}

__attribute__((destructor)) static void end(void) {
    if (trace) fclose(trace), trace = NULL;
    const char *path = getenv("NULLCUDA_OUT");
    FILE *out = path && *path ? fopen(path, "w") : NULL;
    if (!out) return;
    fprintf(out, "{\n \"seconds\": %.3f,\n \"launches\": %lu,\n \"refused_launches\": %lu,\n \"modules\": %lu,\n",
            host_us() / 1e6, launches, refused_launches, module_count);
#define COPY(name, it) fprintf(out, " \"" name "\": {\"count\": %lu, \"bytes\": %lu},\n", it.count, it.bytes)
    COPY("to_device_pinned", to_device_pinned); COPY("to_device_pageable", to_device_pageable);
    COPY("to_host_pinned", to_host_pinned); COPY("to_host_pageable", to_host_pageable);
    COPY("on_device", on_device); COPY("sets", sets);
#define MEMORY(name, it) fprintf(out, " \"" name "\": {\"now\": %lu, \"peak\": %lu, \"allocations\": %lu, \"frees\": %lu},\n", \
        it.now, it.peak, it.count, it.freed)
    MEMORY("device_memory", device_memory); MEMORY("pinned_memory", pinned_memory);
    fprintf(out, " \"calls\": {");
    for (int i = 0; i < call_names; i++)
        fprintf(out, "%s\n  \"%s\": {\"count\": %lu, \"refused\": %lu}", i ? "," : "", calls[i].name, calls[i].count, calls[i].refused);
    fprintf(out, "\n },\n \"kernels\": [");
    const char *comma = "";
    for (Function *f = functions; f; f = f->next, comma = ",") {
        fprintf(out, "%s\n  {\"name\": ", comma);
        text(out, f->name);
        fprintf(out, ", \"module\": \"%016lx\", \"launches\": %lu, \"shapes\": [", f->module->hash, f->launches);
        for (int i = 0; i < f->shapes; i++)
            fprintf(out, "%s{\"grid\": [%u, %u, %u], \"block\": [%u, %u, %u], \"shared\": %u, \"count\": %lu}", i ? ", " : "",
                    f->shape[i].grid[0], f->shape[i].grid[1], f->shape[i].grid[2], f->shape[i].block[0], f->shape[i].block[1],
                    f->shape[i].block[2], f->shape[i].shared, f->shape[i].count);
        fprintf(out, "]}");
    }
    fprintf(out, "\n ]\n}\n");
    fclose(out);
}

// ----------------------------------------------------------------------------------------------------- device and context

API Result cuInit(unsigned flags) { ENTER; (void)flags; LEAVE(OK); }
API Result cuDriverGetVersion(int *version) { ENTER; *version = driver_version; LEAVE(OK); }
API Result cuDeviceGetCount(int *count) { ENTER; *count = 1; LEAVE(OK); }
API Result cuDeviceGet(int *device, int ordinal) { ENTER; *device = ordinal; LEAVE(ordinal == 0 ? OK : INVALID_DEVICE); }
API Result cuDeviceGetName(char *name, int room, int device) {
    ENTER; (void)device; snprintf(name, room, "NVIDIA H200 (null driver)"); LEAVE(OK);
}
API Result cuDeviceGetUuid(unsigned char *uuid, int device) { ENTER; memset(uuid, device + 1, 16); LEAVE(OK); }
API Result cuDeviceGetUuid_v2(unsigned char *uuid, int device) { ENTER; memset(uuid, device + 1, 16); LEAVE(OK); }
API Result cuDeviceGetPCIBusId(char *id, int room, int device) { ENTER; (void)device; snprintf(id, room, "0000:00:00.0"); LEAVE(OK); }
API Result cuDeviceTotalMem_v2(size_t *bytes, int device) { ENTER; (void)device; *bytes = total_memory; LEAVE(OK); }
API Result cuDeviceGetAttribute(int *value, int which, int device) { ENTER; (void)device; *value = attribute(which); LEAVE(OK); }
API Result cuDeviceCanAccessPeer(int *can, int a, int b) { ENTER; (void)a; (void)b; *can = 0; LEAVE(OK); }
API Result cuDevicePrimaryCtxRetain(void **context, int device) { ENTER; (void)device; *context = context_; LEAVE(OK); }
API Result cuDevicePrimaryCtxRelease_v2(int device) { ENTER; (void)device; LEAVE(OK); }
API Result cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags) { ENTER; (void)device; (void)flags; LEAVE(OK); }
API Result cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) {
    ENTER; (void)device; *flags = 0; *active = 1; LEAVE(OK);
}
API Result cuCtxSetCurrent(void *context) { ENTER; current = context; LEAVE(OK); }
API Result cuCtxGetCurrent(void **context) { ENTER; *context = current; LEAVE(OK); }
API Result cuCtxGetDevice(int *device) { ENTER; *device = 0; LEAVE(current ? OK : INVALID_CONTEXT); }
API Result cuCtxPushCurrent_v2(void *context) { ENTER; current = context; LEAVE(OK); }
API Result cuCtxPopCurrent_v2(void **context) { ENTER; if (context) *context = current; LEAVE(OK); }
API Result cuCtxSynchronize(void) { ENTER; TRACE("SYNC\tcontext"); LEAVE(current ? OK : INVALID_CONTEXT); }
API Result cuCtxGetStreamPriorityRange(int *least, int *greatest) { ENTER; *least = 0; *greatest = -5; LEAVE(OK); }
API Result cuGetErrorString(int error, const char **words) {
    ENTER; *words = error == OUT_OF_MEMORY ? "out of memory" : error == NOT_SUPPORTED ? "operation not supported" : "refused by the null driver";
    LEAVE(OK);
}
API Result cuGetErrorName(int error, const char **words) {
    ENTER; *words = error == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : error == NOT_SUPPORTED ? "CUDA_ERROR_NOT_SUPPORTED" : "CUDA_ERROR";
    LEAVE(OK);
}

// ------------------------------------------------------------------------------------------------------ streams and events

static Result stream_create(void **stream) {
    Stream *made = malloc(sizeof *made);
    made->number = ++stream_count;
    *stream = made;
    return OK;
}
static int number(void *stream) { return stream > (void *)2 ? ((Stream *)stream)->number : 0; }

API Result cuStreamCreate(void **stream, unsigned flags) { ENTER; (void)flags; LEAVE(stream_create(stream)); }
API Result cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) {
    ENTER; (void)flags; (void)priority; LEAVE(stream_create(stream));
}
API Result cuStreamDestroy_v2(void *stream) { ENTER; free(stream); LEAVE(OK); }
API Result cuStreamSynchronize(void *stream) { ENTER; TRACE("SYNC\tstream %d", number(stream)); LEAVE(OK); }
API Result cuStreamQuery(void *stream) { ENTER; (void)stream; LEAVE(OK); }
API Result cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
    ENTER; (void)event; (void)flags; TRACE("WAIT\tstream %d", number(stream)); LEAVE(OK);
}
API Result cuEventCreate(void **event, unsigned flags) { ENTER; (void)flags; *event = calloc(1, sizeof(Event)); LEAVE(OK); }
API Result cuEventDestroy_v2(void *event) { ENTER; free(event); LEAVE(OK); }
API Result cuEventRecord(void *event, void *stream) {
    ENTER; ((Event *)event)->at = device_ns; TRACE("RECORD\tstream %d", number(stream)); LEAVE(OK);
}
API Result cuEventSynchronize(void *event) { ENTER; (void)event; TRACE("SYNC\tevent"); LEAVE(OK); }
API Result cuEventQuery(void *event) { ENTER; (void)event; LEAVE(OK); }
// Never zero, so that nobody divides by it.
static float between(void *from, void *to) { return (float)((((Event *)to)->at - ((Event *)from)->at) * 1e-6 + 1e-3); }
API Result cuEventElapsedTime(float *ms, void *from, void *to) { ENTER; *ms = between(from, to); LEAVE(OK); }
API Result cuEventElapsedTime_v2(float *ms, void *from, void *to) { ENTER; *ms = between(from, to); LEAVE(OK); }

// ------------------------------------------------------------------------------------------------------------------- memory

static Result allocate(Pointer *at, size_t size) {
    if (size == 0) return INVALID_VALUE;
    if (device_memory.now + size > total_memory) return OUT_OF_MEMORY;
    void *made = take(size, false);
    if (!made) return OUT_OF_MEMORY;
    *at = (Pointer)made;
    device_memory.now += size;
    device_memory.count++;
    if (device_memory.now > device_memory.peak) device_memory.peak = device_memory.now;
    TRACE("ALLOC\t%zu\t%lu", size, device_memory.now);
    return OK;
}
static Result release(Pointer at) {
    size_t size;
    if (!give(at, &size)) return INVALID_VALUE;
    device_memory.now -= size;
    device_memory.freed++;
    TRACE("FREE\t%zu\t%lu", size, device_memory.now);
    return OK;
}
API Result cuMemAlloc_v2(Pointer *at, size_t size) { ENTER; LEAVE(allocate(at, size)); }
API Result cuMemAllocAsync(Pointer *at, size_t size, void *stream) { ENTER; (void)stream; LEAVE(allocate(at, size)); }
API Result cuMemFree_v2(Pointer at) { ENTER; LEAVE(release(at)); }
API Result cuMemFreeAsync(Pointer at, void *stream) { ENTER; (void)stream; LEAVE(release(at)); }
API Result cuMemGetInfo_v2(size_t *left, size_t *total) {
    ENTER; *left = total_memory - device_memory.now; *total = total_memory; LEAVE(OK);
}
static Result allocate_host(void **at, size_t size) {
    if (!(*at = take(size ? size : 1, true))) return OUT_OF_MEMORY;
    pinned_memory.now += size;
    pinned_memory.count++;
    if (pinned_memory.now > pinned_memory.peak) pinned_memory.peak = pinned_memory.now;
    TRACE("ALLOCHOST\t%zu", size);
    return OK;
}
API Result cuMemAllocHost_v2(void **at, size_t size) { ENTER; LEAVE(allocate_host(at, size)); }
API Result cuMemHostAlloc(void **at, size_t size, unsigned flags) { ENTER; (void)flags; LEAVE(allocate_host(at, size)); }
API Result cuMemFreeHost(void *at) {
    ENTER;
    size_t size;
    if (!give((uintptr_t)at, &size)) LEAVE(INVALID_VALUE);
    pinned_memory.now -= size;
    pinned_memory.freed++;
    LEAVE(OK);
}

static void copied(size_t bytes) { device_ns += copy_ns + bytes * 1e3 / bytes_per_us; }

static Result to_device(Pointer to, const void *from, size_t bytes, const char *how) {
    bool pinned = is_pinned(from);
    memcpy((void *)to, from, bytes);
    if (pinned) to_device_pinned.count++, to_device_pinned.bytes += bytes;
    else to_device_pageable.count++, to_device_pageable.bytes += bytes;
    copied(bytes);
    TRACE("H2D\t%zu\t%s\t%s", bytes, pinned ? "pinned" : "pageable", how);
    return OK;
}
static Result to_host(void *to, Pointer from, size_t bytes, const char *how) {
    bool pinned = is_pinned(to);
    memcpy(to, (void *)from, bytes);
    if (pinned) to_host_pinned.count++, to_host_pinned.bytes += bytes;
    else to_host_pageable.count++, to_host_pageable.bytes += bytes;
    copied(bytes);
    TRACE("D2H\t%zu\t%s\t%s", bytes, pinned ? "pinned" : "pageable", how);
    return OK;
}
static Result within(Pointer to, Pointer from, size_t bytes) {
    memmove((void *)to, (void *)from, bytes);
    on_device.count++, on_device.bytes += bytes;
    device_ns += launch_ns;
    TRACE("D2D\t%zu", bytes);
    return OK;
}
API Result cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, void *stream) {
    ENTER; (void)stream; LEAVE(to_device(to, from, bytes, "async"));
}
API Result cuMemcpyHtoD_v2(Pointer to, const void *from, size_t bytes) { ENTER; LEAVE(to_device(to, from, bytes, "sync")); }
API Result cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, void *stream) {
    ENTER; (void)stream; LEAVE(to_host(to, from, bytes, "async"));
}
API Result cuMemcpyDtoH_v2(void *to, Pointer from, size_t bytes) { ENTER; LEAVE(to_host(to, from, bytes, "sync")); }
API Result cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void *stream) {
    ENTER; (void)stream; LEAVE(within(to, from, bytes));
}
API Result cuMemcpyDtoD_v2(Pointer to, Pointer from, size_t bytes) { ENTER; LEAVE(within(to, from, bytes)); }

// As CUDA_MEMCPY2D is laid out.
typedef struct {
    size_t from_x, from_y; unsigned from_type; const void *from_host; Pointer from_device; void *from_array; size_t from_pitch;
    size_t to_x, to_y; unsigned to_type; void *to_host; Pointer to_device; void *to_array; size_t to_pitch, width, height;
} Copy2D;
API Result cuMemcpy2DAsync_v2(const Copy2D *copy, void *stream) {
    ENTER;
    (void)stream;
    enum { HOST = 1, DEVICE = 2 };
    if ((copy->from_type != HOST && copy->from_type != DEVICE) || (copy->to_type != HOST && copy->to_type != DEVICE)) LEAVE(NOT_SUPPORTED);
    if (copy->width > copy->from_pitch || copy->width > copy->to_pitch) LEAVE(INVALID_VALUE);
    const char *from = copy->from_type == HOST ? copy->from_host : (const char *)copy->from_device;
    char *to = copy->to_type == HOST ? copy->to_host : (char *)copy->to_device;
    for (size_t row = 0; row < copy->height; row++)
        memcpy(to + (copy->to_y + row) * copy->to_pitch + copy->to_x, from + (copy->from_y + row) * copy->from_pitch + copy->from_x, copy->width);
    size_t bytes = copy->width * copy->height;
    copied(bytes);
    if (copy->from_type == HOST) {
        bool pinned = is_pinned(from);
        if (pinned) to_device_pinned.count++, to_device_pinned.bytes += bytes; else to_device_pageable.count++, to_device_pageable.bytes += bytes;
        TRACE("H2D\t%zu\t%s\tasync 2d", bytes, pinned ? "pinned" : "pageable");
    } else if (copy->to_type == HOST) {
        bool pinned = is_pinned(to);
        if (pinned) to_host_pinned.count++, to_host_pinned.bytes += bytes; else to_host_pageable.count++, to_host_pageable.bytes += bytes;
        TRACE("D2H\t%zu\t%s\tasync 2d", bytes, pinned ? "pinned" : "pageable");
    } else {
        on_device.count++, on_device.bytes += bytes;
        TRACE("D2D\t%zu", bytes);
    }
    LEAVE(OK);
}
static Result set(Pointer at, const void *value, size_t width, size_t count) {
    for (size_t i = 0; i < count; i++) memcpy((char *)at + i * width, value, width);
    sets.count++, sets.bytes += width * count;
    device_ns += launch_ns;
    TRACE("SET\t%zu", width * count);
    return OK;
}
API Result cuMemsetD8_v2(Pointer at, unsigned char value, size_t count) { ENTER; LEAVE(set(at, &value, 1, count)); }
API Result cuMemsetD8Async(Pointer at, unsigned char value, size_t count, void *stream) { ENTER; (void)stream; LEAVE(set(at, &value, 1, count)); }
API Result cuMemsetD16Async(Pointer at, unsigned short value, size_t count, void *stream) { ENTER; (void)stream; LEAVE(set(at, &value, 2, count)); }
API Result cuMemsetD32Async(Pointer at, unsigned value, size_t count, void *stream) { ENTER; (void)stream; LEAVE(set(at, &value, 4, count)); }

// ------------------------------------------------------------------------------------------------------ modules and kernels

static uint64_t hash(const char *from) {
    uint64_t sum = 1469598103934665603u;
    for (; *from; from++) sum = (sum ^ (unsigned char)*from) * 1099511628211u;
    return sum;
}

static Result load(void **module, const char *image) {
    // PTX begins with a comment or a directive; a cubin or fatbin would be taken unseen.
    bool is_text = image[0] == '/' || image[0] == '.' || image[0] == '\n' || image[0] == ' ';
    Module *made = calloc(1, sizeof *made);
    made->ptx = is_text ? strdup(image) : NULL;
    made->hash = is_text ? hash(image) : module_count;
    made->next = modules;
    modules = made;
    module_count++;
    const char *folder = getenv("NULLCUDA_PTX");
    if (is_text && folder && *folder) {
        char path[4096];
        mkdir(folder, 0777);
        snprintf(path, sizeof path, "%s/%016lx.ptx", folder, made->hash);
        FILE *out = fopen(path, "w");
        if (out) fputs(image, out), fclose(out);
    }
    TRACE("MODULE\t%016lx", made->hash);
    *module = made;
    return OK;
}
API Result cuModuleLoadData(void **module, const void *image) { ENTER; LEAVE(load(module, image)); }
API Result cuModuleLoadDataEx(void **module, const void *image, unsigned n, int *options, void **values) {
    ENTER; (void)n; (void)options; (void)values; LEAVE(load(module, image));
}
API Result cuModuleUnload(void *module) { ENTER; (void)module; LEAVE(OK); }

// The whole numbers after `directive` in the text from `at` up to `stop`.
static int numbers(const char *at, const char *stop, const char *directive, int *into, int room) {
    const char *found = memmem(at, stop - at, directive, strlen(directive));
    if (!found) return 0;
    int count = 0;
    for (char *next = (char *)found + strlen(directive); count < room;) {
        while (*next == ' ' || *next == ',' || *next == '\t') next++;
        if (*next < '0' || *next > '9') break;
        into[count++] = (int)strtol(next, &next, 10);
    }
    return count;
}

API Result cuModuleGetFunction(void **function, void *module_, const char *name) {
    ENTER;
    Module *module = module_;
    Function *made = calloc(1, sizeof *made);
    made->name = strdup(name);
    made->module = module;
    if (module->ptx) {
        // `.entry NAME(`, as the driver would look it up.
        char wanted[1024];
        snprintf(wanted, sizeof wanted, ".entry %s(", name);
        const char *at = strstr(module->ptx, wanted);
        if (!at) LEAVE(NOT_FOUND);
        const char *body = strchr(at, '{'), *last = strstr(at, "\n}");
        int found[3];
        if (body) {
            int n = numbers(at, body, ".maxntid", found, 3);
            for (int i = 0, product = 1; i < n; i++) made->most_threads = product *= found[i];
            n = numbers(at, body, ".reqntid", found, 3);
            for (int i = 0; i < 3 && n; i++) made->required[i] = i < n ? found[i] : 1;
        }
        // Static shared memory, declared in the body as `.shared .align 4 .b8 name[bytes];`.
        for (const char *line = body; body && last && (line = strstr(line, ".shared .align")) && line < last; line++) {
            const char *bracket = strchr(line, '['), *semicolon = strchr(line, ';');
            if (bracket && semicolon && bracket < semicolon) made->static_shared += atoi(bracket + 1);
        }
    }
    made->next = functions;
    functions = made;
    TRACE("FUNCTION\t%016lx\t%s\t%d", module->hash, name, made->static_shared);
    *function = made;
    LEAVE(OK);
}

API Result cuFuncSetAttribute(void *function_, int which, int value) {
    ENTER;
    Function *function = function_;
    if (which == 8) {  // dynamic shared memory
        if (value < 0 || value + function->static_shared > attribute(97)) LEAVE(INVALID_VALUE);
        function->dynamic_shared = value;
    }
    LEAVE(OK);
}
API Result cuFuncGetAttribute(int *value, int which, void *function_) {
    ENTER;
    Function *function = function_;
    *value = which == 0 ? (function->most_threads ? function->most_threads : 1024) : which == 1 ? function->static_shared
           : which == 4 ? 32 : which == 5 || which == 6 ? sm : which == 8 ? function->dynamic_shared : 0;
    LEAVE(OK);
}
API Result cuFuncSetCacheConfig(void *function, int config) { ENTER; (void)function; (void)config; LEAVE(OK); }

static Result launch(Function *f, const unsigned grid[3], const unsigned block[3], unsigned shared) {
    uint64_t threads = (uint64_t)block[0] * block[1] * block[2];
    Result result = OK;
    if (!threads || !grid[0] || !grid[1] || !grid[2] || threads > 1024 || block[2] > 64) result = INVALID_VALUE;
    if (grid[0] > 2147483647u || grid[1] > 65535 || grid[2] > 65535) result = INVALID_VALUE;
    if (shared + f->static_shared > (unsigned)attribute(97)) result = INVALID_VALUE;
    // Beyond 48 KiB only as far as the function opted in.
    if (shared + f->static_shared > (unsigned)attribute(8) && shared > (unsigned)f->dynamic_shared) result = INVALID_VALUE;
    if (f->most_threads && threads > (uint64_t)f->most_threads) result = OUT_OF_RESOURCES;
    if (f->required[0] && (block[0] != (unsigned)f->required[0] || block[1] != (unsigned)f->required[1] || block[2] != (unsigned)f->required[2]))
        result = INVALID_VALUE;
    if (result != OK) refused_launches++;
    else launches++, f->launches++, device_ns += launch_ns;
    int i = 0;
    while (i < f->shapes && (memcmp(f->shape[i].grid, grid, 12) || memcmp(f->shape[i].block, block, 12) || f->shape[i].shared != shared)) i++;
    if (i < SHAPES) {
        if (i == f->shapes) {
            f->shapes++;
            memcpy(f->shape[i].grid, grid, 12);
            memcpy(f->shape[i].block, block, 12);
            f->shape[i].shared = shared;
        }
        f->shape[i].count++;
    }
    TRACE("LAUNCH\t%s\t%016lx\t%u,%u,%u\t%u,%u,%u\t%u", f->name, f->module->hash, grid[0], grid[1], grid[2], block[0], block[1], block[2], shared);
    return result;
}
API Result cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                          unsigned shared, void *stream, void **arguments, void **extra) {
    ENTER; (void)stream; (void)arguments; (void)extra;
    LEAVE(launch(function, (unsigned[]){ gx, gy, gz }, (unsigned[]){ bx, by, bz }, shared));
}
API Result cuLaunchCooperativeKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                                     unsigned shared, void *stream, void **arguments) {
    ENTER; (void)stream; (void)arguments;
    LEAVE(launch(function, (unsigned[]){ gx, gy, gz }, (unsigned[]){ bx, by, bz }, shared));
}
// CUlaunchConfig begins with grid, block and shared memory.
API Result cuLaunchKernelEx(const unsigned *config, void *function, void **arguments, void **extra) {
    ENTER; (void)arguments; (void)extra; LEAVE(launch(function, config, config + 3, config[6]));
}

// Tensor maps are opaque: 128 bytes that only a kernel would read. Checked as the driver does.
API Result cuTensorMapEncodeTiled(void *map, int type, unsigned rank, void *at, const uint64_t *shape, const uint64_t *strides,
                                  const unsigned *box, const unsigned *steps, int interleave, int swizzle, int promotion, int fill) {
    ENTER; (void)type; (void)interleave; (void)swizzle; (void)promotion; (void)fill;
    memset(map, 0, 128);
    if (rank < 1 || rank > 5 || (uintptr_t)at % 16) LEAVE(INVALID_VALUE);
    for (unsigned i = 0; i < rank; i++)
        if (!shape[i] || shape[i] > 4294967296u || !box[i] || box[i] > 256 || !steps[i] || steps[i] > 8 || (i + 1 < rank && strides[i] % 16))
            LEAVE(INVALID_VALUE);
    LEAVE(OK);
}
API Result cuTensorMapEncodeIm2col(void *map) { ENTER; memset(map, 0, 128); LEAVE(OK); }
API Result cuTensorMapEncodeIm2colWide(void *map) { ENTER; memset(map, 0, 128); LEAVE(OK); }

// Memory pools of the driver: there, but without settings.
API Result cuDeviceGetDefaultMemPool(void **pool, int device) { ENTER; (void)device; *pool = context_; LEAVE(OK); }
API Result cuDeviceGetMemPool(void **pool, int device) { ENTER; (void)device; *pool = context_; LEAVE(OK); }
API Result cuMemPoolSetAttribute(void *pool, int which, void *value) { ENTER; (void)pool; (void)which; (void)value; LEAVE(OK); }
API Result cuMemPoolTrimTo(void *pool, size_t left) { ENTER; (void)pool; (void)left; LEAVE(OK); }

// Everything else of the driver API: STUB(name) per line, made by `build`.
#define STUB(name) API Result name(void) { ENTER; LEAVE(NOT_SUPPORTED); }
#include "stubs.inc"
