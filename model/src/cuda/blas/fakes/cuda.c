/* The driver over memory of the host: every operation is done at once. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int Status;

static long allocations, contexts;

long fake_allocations(void) { return allocations; }

Status cuInit(unsigned flags) { return flags; }
Status cuDriverGetVersion(int *version) { *version = 13000; return 0; }
Status cuGetErrorString(Status status, const char **text) { *text = "no reason"; return status == 0; }
Status cuDeviceGetCount(int *count) { *count = 1; return 0; }
Status cuDeviceGet(int *device, int ordinal) { *device = ordinal; return ordinal != 0; }
Status cuDeviceGetName(char *name, int room, int device) { strncpy(name, "NVIDIA H200", room); return device; }
Status cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = (size_t)1 << 30; return device; }
Status cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? 9 : attribute == 76 ? 0 : 132;
    return device;
}
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
