#!/usr/bin/env python3
"""Holds the pretended driver to what programs expect of it: pretend.py --out DIR --partial -- trial.py

Loads a module, launches it, allocates and copies, as a program with `--features cuda` does; ends with 0 if the driver
answered as a real one would have.
"""

import ctypes
import sys

PTX = b""".version 8.8
.target sm_90a
.address_size 64
.visible .entry trial_f32_0123abcd(.param .u64 a)
{
    .reg .b64 %rd<3>;
    .reg .f32 %f<3>;
    ld.param.u64 %rd1, [a];
    cvta.to.global.u64 %rd2, %rd1;
    ld.global.f32 %f1, [%rd2];
    add.f32 %f2, %f1, %f1;
    st.global.f32 [%rd2], %f2;
    ret;
}
"""
INVALID_VALUE, OUT_OF_MEMORY = 1, 2


def main():
    driver, by = ctypes.CDLL("libcuda.so.1"), ctypes.byref
    link, image, bytes_ = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t()
    module, function, at = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_uint64()
    driver.cuLaunchKernel.argtypes = [ctypes.c_void_p] + [ctypes.c_uint] * 7 + [ctypes.c_void_p] * 3
    launch = lambda grid: driver.cuLaunchKernel(function, grid, 1, 1, 256, 1, 1, 0, None, None, None)
    allocate = lambda count: driver.cuMemAlloc_v2(by(at), ctypes.c_size_t(count))
    back = ctypes.create_string_buffer(b"x" * 8)
    answers = [
        (driver.cuInit(0), 0),
        (driver.cuLinkCreate_v2(0, None, None, by(link)), 0),
        (driver.cuLinkAddData_v2(link, 1, PTX, ctypes.c_size_t(len(PTX) + 1), b"trial", 0, None, None), 0),
        (driver.cuLinkComplete(link, by(image), by(bytes_)), 0),
        (driver.cuModuleLoadData(by(module), image), 0),
        (driver.cuModuleGetFunction(by(function), module, b"trial_f32_0123abcd"), 0),
        (launch(10), 0),
        (launch(20), 0),
        # A grid of nothing, and more memory than there is.
        (launch(0), INVALID_VALUE),
        (allocate(1 << 40), OUT_OF_MEMORY),
        (allocate(1 << 30), 0),
        (driver.cuMemcpyDtoHAsync_v2(back, at, ctypes.c_size_t(8), None), 0),
        (back.raw[:8], bytes(8)),
        (driver.cuMemFree_v2(at), 0),
        (driver.cuMemFree_v2(at), INVALID_VALUE),
    ]
    for place, (found, expected) in enumerate(answers):
        if found != expected:
            sys.exit(f"answer {place} is {found}, expected {expected}")


if __name__ == "__main__":
    main()
