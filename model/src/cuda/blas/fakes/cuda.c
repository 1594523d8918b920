/* The driver over memory of the host: every operation is done at once, and kernels do nothing.
   It has what our own driver calls, and what the tensor library needs to begin, to copy and to launch. */
#include "hopper.h"

static long allocations, contexts, launches;

long fake_allocations(void) { return allocations; }
long fake_launches(void) { return launches; }

Status cuInit(unsigned flags) { return flags; }
Status cuDriverGetVersion(int *version) { *version = 13000; return 0; }
Status cuGetErrorString(Status status, const char **text) { *text = "no reason"; return status == 0; }
Status cuDeviceGetCount(int *count) { *count = 1; return 0; }
Status cuDeviceGet(int *device, int ordinal) { *device = ordinal; return ordinal != 0; }
Status cuDeviceGetName(char *name, int room, int device) { strncpy(name, "NVIDIA H200", room); return device; }
Status cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = (size_t)1 << 30; return device; }
Status cuDeviceCanAccessPeer(int *can, int from, int to) { *can = from != to; return 0; }
Status cuDevicePrimaryCtxRetain(void **context, int device) { *context = &contexts; contexts++; return device; }
Status cuCtxSetCurrent(void *context) { return context != &contexts; }
Status cuMemGetInfo_v2(size_t *free_, size_t *total) { *free_ = *total = (size_t)1 << 30; return 0; }
Status cuMemAlloc_v2(uint64_t *address, size_t bytes) {
    allocations++;
    *address = (uint64_t)(uintptr_t)malloc(bytes);
    return *address == 0;
}
Status cuMemFree_v2(uint64_t address) { allocations--; free((void *)(uintptr_t)address); return 0; }
Status cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *stream) {
    memcpy((void *)(uintptr_t)to, from, bytes);
    return stream == 0;
}
Status cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *stream) {
    memcpy(to, (void *)(uintptr_t)from, bytes);
    return stream == 0;
}
Status cuStreamCreate(void **stream, unsigned flags) { *stream = malloc(1); return flags != 1; }
Status cuStreamDestroy_v2(void *stream) { free(stream); return 0; }
Status cuStreamSynchronize(void *stream) { return stream == 0; }
Status cuStreamQuery(void *stream) { return stream == 0; }
Status cuStreamWaitValue32_v2(void *stream, uint64_t address, unsigned value, unsigned flags) {
    return stream == 0 || flags != 0 || *(volatile unsigned *)(uintptr_t)address < value;
}
Status cuStreamWriteValue32_v2(void *stream, uint64_t address, unsigned value, unsigned flags) {
    *(volatile unsigned *)(uintptr_t)address = value;
    return stream == 0 || flags != 0;
}

/* From here on: for the tensor library alone. */

Status cuDeviceGetPCIBusId(char *name, int room, int device) { strncpy(name, "0000:00:00.0", room); return device; }
Status cuDevicePrimaryCtxRelease_v2(int device) { contexts--; return device; }
Status cuCtxGetCurrent(void **context) { *context = &contexts; return 0; }
Status cuCtxGetStreamPriorityRange(int *least, int *greatest) { *least = *greatest = 0; return 0; }
Status cuCtxSynchronize(void) { return 0; }
Status cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) {
    return cuStreamCreate(stream, flags) || priority;
}
Status cuStreamIsCapturing(void *stream, int *status) { *status = 0; return stream == 0; }
Status cuStreamWaitEvent(void *stream, void *event, unsigned flags) { return !stream || !event || flags; }
Status cuEventCreate(void **event, unsigned flags) { *event = malloc(1); return flags > 7; }
Status cuEventDestroy_v2(void *event) { free(event); return 0; }
Status cuEventRecord(void *event, void *stream) { return !event || !stream; }
Status cuEventSynchronize(void *event) { return event == 0; }
Status cuEventQuery(void *event) { return event == 0; }
Status cuEventElapsedTime(float *time, void *from, void *to) { *time = 0.1f; return !from || !to; }
Status cuEventElapsedTime_v2(float *time, void *from, void *to) { return cuEventElapsedTime(time, from, to); }
Status cuMemAllocAsync(uint64_t *address, size_t bytes, void *stream) {
    /* Device memory begins at multiples of 512. */
    void *memory = 0;
    Status status = posix_memalign(&memory, 512, bytes);
    *address = (uint64_t)(uintptr_t)memory;
    return status || stream == 0;
}
Status cuMemFreeAsync(uint64_t address, void *stream) { free((void *)(uintptr_t)address); return stream == 0; }
Status cuMemAllocHost_v2(void **address, size_t bytes) { *address = malloc(bytes); return *address == 0; }
Status cuMemFreeHost(void *address) { free(address); return 0; }
Status cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *stream) {
    memmove((void *)(uintptr_t)to, (void *)(uintptr_t)from, bytes);
    return stream == 0;
}
Status cuMemcpy2DAsync_v2(const Copy2D *copy, void *stream) {
    const char *from = copy->from_kind == 1 ? copy->from_host : (const char *)(uintptr_t)copy->from_device;
    char *to = copy->to_kind == 1 ? copy->to_host : (char *)(uintptr_t)copy->to_device;
    for (size_t row = 0; row < copy->height; row++)
        memcpy(to + row * copy->to_pitch, from + row * copy->from_pitch, copy->width);
    return stream == 0;
}
Status cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                      unsigned shared, void *stream, void **arguments, void **extra) {
    (void)gx, (void)gy, (void)gz, (void)bx, (void)by, (void)bz, (void)shared, (void)arguments, (void)extra;
    launches++;
    return !function || !stream;
}
