// SPDX-License-Identifier: GPL-2.0
/* The helpers of the target module. */
#include "cpu.c"
#include "net.c"
#include "nvmet.c"
