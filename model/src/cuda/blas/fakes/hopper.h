/* Of the driver what each of its stand-ins has alike: what a Hopper is like, and how code comes to it. */
#pragma once
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int Status;

/* `CUDA_MEMCPY2D`. */
typedef struct {
    size_t from_x, from_y;
    int from_kind;
    const void *from_host;
    uint64_t from_device;
    void *from_array;
    size_t from_pitch, to_x, to_y;
    int to_kind;
    void *to_host;
    uint64_t to_device;
    void *to_array;
    size_t to_pitch, width, height;
} Copy2D;

static long warpgroup_kernels;

/* Kernels for Hopper that multiply with its warpgroup instructions. */
long fake_warpgroup_kernels(void) { return warpgroup_kernels; }

Status cuDeviceGetAttribute(int *value, int attribute, int device) {
    switch (attribute) {
    case 1: *value = 1024; break;               /* threads of a block */
    case 2: case 3: *value = 1024; break;       /* and their dimensions */
    case 4: *value = 64; break;
    case 5: *value = 2147483647; break;         /* blocks of a grid */
    case 6: case 7: *value = 65535; break;
    case 10: *value = 32; break;                /* a warp */
    case 16: *value = 132; break;               /* multiprocessors */
    case 38: *value = 50 << 20; break;          /* level 2 cache */
    case 75: *value = 9; break;                 /* compute capability */
    case 97: *value = 227 << 10; break;         /* shared memory of a block */
    default: *value = 0;
    }
    return device < 0;
}
Status cuGetErrorName(Status status, const char **text) { *text = "no name"; return status == 0; }
Status cuLinkCreate_v2(unsigned count, void *options, void *values, void **state) {
    (void)count, (void)options, (void)values;
    *state = malloc(1);
    return 0;
}
Status cuLinkAddData_v2(void *state, int kind, void *data, size_t bytes, const char *name, unsigned count,
                        void *options, void *values) {
    (void)kind, (void)name, (void)count, (void)options, (void)values;
    warpgroup_kernels += strstr(data, "wgmma.mma_async") && strstr(data, ".target sm_90a");
    return !state || !data || !bytes;
}
Status cuLinkComplete(void *state, void **image, size_t *bytes) { *image = state; *bytes = 1; return 0; }
Status cuLinkDestroy(void *state) { free(state); return 0; }
Status cuTensorMapEncodeTiled(void *map, int type, unsigned rank, void *address, const uint64_t *extents,
                              const uint64_t *strides, const unsigned *box, const unsigned *steps, int interleave,
                              int swizzle, int promotion, int fill) {
    (void)extents, (void)strides, (void)box, (void)steps, (void)interleave, (void)swizzle, (void)promotion, (void)fill;
    memset(map, 0, 128);
    return !address || (uintptr_t)address % 16 || rank < 1 || rank > 5 || type < 0;
}
Status cuModuleLoadData(void **module, const void *image) { *module = malloc(1); return image == 0; }
Status cuModuleLoadDataEx(void **module, const void *image, unsigned count, void *options, void *values) {
    (void)count, (void)options, (void)values;
    return cuModuleLoadData(module, image);
}
Status cuModuleGetFunction(void **function, void *module, const char *name) { *function = module; return name == 0; }
Status cuFuncSetAttribute(void *function, int attribute, int value) { return !function || attribute < 0 || value < 0; }
Status cuFuncGetAttribute(int *value, int attribute, void *function) { *value = 0; return !function || attribute < 0; }
